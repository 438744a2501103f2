"""Do the test score's intervals mean what they say?

An interval with a level of 95% has to hold the true score in 95% of all tests. Here tests are drawn
from populations whose true score is known in closed form, and it is counted how often each interval
holds it. A usual alternative stands beside it: the textbook normal interval, or the percentile
bootstrap.

    python benchmarks/interval_coverage.py              # the whole table, about a minute
    python benchmarks/interval_coverage.py --repeats 200
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from groundup.workflow.intervals import (
    accuracy_interval,
    auc_influence,
    auc_interval,
    r2_interval,
)

# A sample is what an interval is computed from: the two arrays of its function, and the groups.
Sample = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Case:
    """A population with a known score, and how to draw one test from it."""

    score: str
    rows: str
    population: str
    truth: float
    draw: Callable[[np.random.Generator], Sample]


def accuracy_cases() -> Iterator[Case]:
    """Rows that are right with probability p."""
    for n in (10, 50, 400):
        for p in (0.6, 0.9, 0.98):
            yield Case(
                "accuracy", str(n), f"p = {p}", p, lambda rng, n=n, p=p: (rng.random(n) < p,)
            )


def grouped_accuracy_cases() -> Iterator[Case]:
    """Groups of 20 rows, each with a rate of its own: beta distributed about p."""
    for n_groups in (8, 20, 60):
        for p in (0.6, 0.9):

            def draw(rng: np.random.Generator, n_groups: int = n_groups, p: float = p) -> Sample:
                rate = rng.beta(4 * p, 4 * (1 - p), n_groups)  # correlation within a group: 1/5
                groups = np.repeat(np.arange(n_groups), 20)
                return rng.random(len(groups)) < rate[groups], groups

            yield Case("accuracy", f"{n_groups} groups x 20", f"p = {p}", p, draw)


def auc_cases() -> Iterator[Case]:
    """Normal, exponential and yes-or-no scores; P(score of a positive > of a negative) = A."""
    for m, n in ((5, 45), (10, 10), (10, 90), (20, 180), (50, 50), (50, 950), (300, 300)):
        positive = np.repeat([True, False], [m, n])
        for auc in (0.7, 0.95):

            def draw_normal(
                rng: np.random.Generator, positive: np.ndarray = positive, auc: float = auc
            ) -> Sample:
                shift = np.sqrt(2) * norm.ppf(auc)
                return positive, rng.normal(size=len(positive)) + shift * positive

            def draw_exponential(
                rng: np.random.Generator, positive: np.ndarray = positive, auc: float = auc
            ) -> Sample:
                scale = np.where(positive, auc / (1 - auc), 1.0)
                return positive, rng.exponential(scale)

            def draw_yes_no(
                rng: np.random.Generator, positive: np.ndarray = positive, auc: float = auc
            ) -> Sample:
                return positive, (
                    rng.random(len(positive)) < np.where(positive, auc, 1 - auc)
                ) * 1.0

            rows = f"{m} + {n}"
            yield Case("ROC AUC", rows, f"normal, A = {auc}", auc, draw_normal)
            yield Case("ROC AUC", rows, f"exponential, A = {auc}", auc, draw_exponential)
            yield Case("ROC AUC", rows, f"yes or no, A = {auc}", auc, draw_yes_no)


def grouped_auc_cases() -> Iterator[Case]:
    """Groups of 20 rows, half of them positive, that share a shift of their scores."""
    for n_groups in (8, 20, 60):
        for auc in (0.7, 0.95):

            def draw(
                rng: np.random.Generator, n_groups: int = n_groups, auc: float = auc
            ) -> Sample:
                groups = np.repeat(np.arange(n_groups), 20)
                positive = np.tile(np.repeat([True, False], 10), n_groups)
                # Half of the scores' variance is the group's. Only pairs of two groups count for
                # the truth below, as pairs within a group are few.
                noise = rng.normal(size=n_groups)[groups] + rng.normal(size=len(groups))
                return positive, noise + 2 * norm.ppf(auc) * positive, groups

            # Pairs within a group share their shift: they are ranked better. 1/G of all pairs.
            within = float(norm.cdf(np.sqrt(2) * norm.ppf(auc)))
            truth = auc + (within - auc) / n_groups
            yield Case("ROC AUC", f"{n_groups} groups x 20", f"normal, A = {auc}", truth, draw)


def r2_cases() -> Iterator[Case]:
    """y = sqrt(R²) f + sqrt(1 - R²) e, with a prediction sqrt(R²) f."""
    for n in (10, 20, 50, 200, 1000):
        for r2 in (0.3, 0.9):
            for kind in ("normal", "t errors", "lognormal target"):

                def draw(
                    rng: np.random.Generator, n: int = n, r2: float = r2, kind: str = kind
                ) -> Sample:
                    signal, error = rng.normal(size=(2, n))
                    if kind == "t errors":  # 5 degrees of freedom, variance 5/3
                        error = rng.standard_t(5, n) / np.sqrt(5 / 3)
                    elif kind == "lognormal target":  # variance (e - 1) e
                        signal = np.exp(signal) / np.sqrt((np.e - 1) * np.e)
                    prediction = np.sqrt(r2) * signal
                    return prediction + np.sqrt(1 - r2) * error, prediction

                yield Case("R²", str(n), f"{kind}, R² = {r2}", r2, draw)


def grouped_r2_cases() -> Iterator[Case]:
    """Groups of 20 rows: half of the variance of signal and of error is the group's."""
    for n_groups in (8, 20, 60):
        for r2 in (0.3, 0.9):

            def draw(rng: np.random.Generator, n_groups: int = n_groups, r2: float = r2) -> Sample:
                groups = np.repeat(np.arange(n_groups), 20)
                shared = rng.normal(size=(2, n_groups))[:, groups]
                signal, error = (shared + rng.normal(size=shared.shape)) / np.sqrt(2)
                prediction = np.sqrt(r2) * signal
                return prediction + np.sqrt(1 - r2) * error, prediction, groups

            yield Case("R²", f"{n_groups} groups x 20", f"normal, R² = {r2}", r2, draw)


def cases() -> Iterator[Case]:
    """All cases of the table."""
    yield from accuracy_cases()
    yield from grouped_accuracy_cases()
    yield from auc_cases()
    yield from grouped_auc_cases()
    yield from r2_cases()
    yield from grouped_r2_cases()


def interval(case: Case, sample: Sample) -> tuple[float, float]:
    """Return our interval for a sample."""
    function = {"accuracy": accuracy_interval, "ROC AUC": auc_interval, "R²": r2_interval}
    found = function[case.score](*sample)
    return found.low, found.high


def usual_interval(
    case: Case, sample: Sample, rng: np.random.Generator, resamples: int = 200
) -> tuple[float, float]:
    """Return score ± 1.96 SE; for groups and for R², the percentile bootstrap."""
    grouped = "groups" in case.rows
    if case.score == "accuracy" and not grouped:
        rate, n = sample[0].mean(), len(sample[0])
        half = 1.96 * np.sqrt(rate * (1 - rate) / n)
        return rate - half, rate + half
    if case.score == "ROC AUC" and not grouped:
        auc, influence = auc_influence(*sample)
        half = 1.96 * np.sqrt(np.sum(influence**2)) / len(influence)
        return auc - half, auc + half
    unit = sample[-1] if grouped else np.arange(len(sample[0]))
    k = unit[-1] + 1
    scores = []
    for weights in rng.multinomial(k, np.full(k, 1 / k), size=resamples):
        rows = np.repeat(np.arange(len(unit)), weights[unit])
        first = sample[0][rows]
        if case.score == "accuracy":
            scores.append(first.mean())
        elif case.score == "ROC AUC":
            scores.append(auc_influence(first, sample[1][rows])[0])
        elif np.ptp(first) > 0:
            error = np.mean((first - sample[1][rows]) ** 2)
            scores.append(1 - error / np.var(first))
    low, high = np.quantile(scores, [0.025, 0.975])
    return low, high


def coverage(
    case: Case, repeats: int, seed: int = 0, usual: bool = False
) -> tuple[float, float, float]:
    """Return the shares of intervals that hold the truth and that lie above it, and the width."""
    rng = np.random.default_rng(seed)
    bounds = np.empty((repeats, 2))
    for i in range(repeats):
        sample = case.draw(rng)
        bounds[i] = usual_interval(case, sample, rng) if usual else interval(case, sample)
    low, high = bounds.T
    held = (low <= case.truth + 1e-12) & (case.truth - 1e-12 <= high)
    return float(held.mean()), float((low > case.truth).mean()), float(np.mean(high - low))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=1000)
    repeats = parser.parse_args().repeats
    print(f"{repeats} tests a line; a coverage has a standard error of", end=" ")
    print(
        f"{np.sqrt(0.95 * 0.05 / repeats):.3f}. The usual interval: {repeats // 5} tests a line.\n"
    )
    print("| score | rows | population | coverage | too high | width | usual | its width |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in cases():
        held, above, width = coverage(case, repeats)
        usual_held, _, usual_width = coverage(case, repeats // 5, usual=True)
        print(
            f"| {case.score} | {case.rows} | {case.population} | {held:.3f} | {above:.3f} | "
            f"{width:.3f} | {usual_held:.3f} | {usual_width:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
