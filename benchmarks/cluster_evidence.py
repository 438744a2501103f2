"""Does `groundup run --cluster` find the clusters that are there, and none where there are none?

Two tables:

1. Null data: uniform in a box, one Gaussian, one curved sheet, counts and grades, in several
   dimensions, sizes and shapes. How often is the answer "there are no clusters here"? It should be
   so in 95 of 100 draws.
2. Known groups: tables with labels that nobody shows to the search, and made-up clusters. The
   adjusted Rand index of the grouping found, and that of the best of scikit-learn's algorithms with
   the true number of groups given, on standardised columns (for DBSCAN and HDBSCAN, which take no
   number, the best over a grid, chosen by the labels).

    python -m benchmarks.cluster_evidence                       # both tables, about 20 minutes
    python -m benchmarks.cluster_evidence --draws 20 --data ../shared/data
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pandas as pd
from sklearn.datasets import make_blobs, make_moons, make_s_curve, make_swiss_roll
from sklearn.metrics import adjusted_rand_score

from groundup.workflow.clusters.find import find_clusters
from groundup.workflow.clusters.one_crowd import one_crowd_test

Rng = np.random.Generator
SIZES = (200, 500, 1000, 2000)


def standardised(X: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1."""
    return (X - X.mean(axis=0)) / X.std(axis=0)


# --- null data ------------------------------------------------------------------------------------


def uniform(d: int) -> Callable[[Rng, int], np.ndarray]:
    """A box, evenly filled."""
    return lambda rng, n: rng.uniform(size=(n, d))


def gaussian(d: int, shape: str) -> Callable[[Rng, int], np.ndarray]:
    """One Gaussian cloud: round, of random correlations, or ten times as long as wide."""

    def draw(rng: Rng, n: int) -> np.ndarray:
        Z = rng.normal(size=(n, d))
        if shape == "correlated":
            return Z @ rng.normal(size=(d, d))
        return Z * np.geomspace(1, 10, d) if shape == "long" else Z

    return draw


def swiss_roll(rng: Rng, n: int) -> np.ndarray:
    """A sheet rolled up."""
    return make_swiss_roll(n, noise=0.3, random_state=int(rng.integers(2**31)))[0]


def s_curve(rng: Rng, n: int) -> np.ndarray:
    """A sheet bent to an S."""
    return make_s_curve(n, noise=0.1, random_state=int(rng.integers(2**31)))[0]


def half_moon(rng: Rng, n: int) -> np.ndarray:
    """A band along half a circle."""
    angle = rng.uniform(0, np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.1, (n, 2))


def parabola(rng: Rng, n: int) -> np.ndarray:
    """A band along a parabola."""
    x = rng.uniform(-1, 1, n)
    return np.column_stack([x, 2 * x**2]) + rng.normal(0, 0.1, (n, 2))


def turned_roll(rng: Rng, n: int) -> np.ndarray:
    """A rolled-up sheet, turned into five dimensions, with a little noise in all of them."""
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0][:3]
    return swiss_roll(rng, n) @ turn + rng.normal(0, 0.3, (n, 5))


def counts(rng: Rng, n: int) -> np.ndarray:
    """Two counts, a grade and two measurements that have nothing to do with one another."""
    grades = rng.choice([1, 2, 3], n, p=[0.25, 0.2, 0.55])
    measured = [rng.normal(35, 12, n).round(), rng.normal(size=n)]
    return np.column_stack([rng.poisson(0.4, n), rng.poisson(0.3, n), grades, *measured])


def grades(rng: Rng, n: int) -> np.ndarray:
    """Five answers from 1 to 5 that go with one another, as in a questionnaire."""
    common = rng.normal(size=(n, 1))
    return np.clip(np.round(3 + 0.7 * common + 0.8 * rng.normal(size=(n, 5))), 1, 5)


NULLS: dict[str, list[tuple[str, Callable[[Rng, int], np.ndarray]]]] = {
    "uniform": [(f"{d} dimensions", uniform(d)) for d in (2, 5, 10)],
    "one Gaussian": [
        ("2 dimensions, round", gaussian(2, "round")),
        ("5 dimensions, correlated", gaussian(5, "correlated")),
        ("10 dimensions, long", gaussian(10, "long")),
    ],
    "one curved sheet": [
        ("swiss roll", swiss_roll),
        ("S-curve", s_curve),
        ("half moon", half_moon),
        ("parabola", parabola),
        ("swiss roll in 5 dimensions", turned_roll),
    ],
    "columns of few values": [("counts", counts), ("a questionnaire", grades)],
}


def says_none(X: np.ndarray, seed: int) -> bool:
    """Whether the answer is "there are no clusters here"."""
    # The search begins with this test and says so where it finds one crowd: the rest is spared.
    if not one_crowd_test(X, seed=seed).is_refuted:
        return True
    return find_clusters(X, seed=seed, seconds=30).chosen is None


def null_table(draws: int, seed: int, kinds: Sequence[str]) -> None:
    """Print how often null data are seen to hold no clusters."""
    print(
        f"\n{draws} draws of each kind, {min(SIZES)} to {max(SIZES)} rows, standardised columns.\n"
    )
    print("| null data | draws | says there are none | seconds a draw |")
    print("| --- | --- | --- | --- |")
    for kind in kinds:
        shapes = NULLS[kind]
        said = np.zeros(len(shapes), int)
        drawn = np.zeros(len(shapes), int)
        begun = time.perf_counter()
        for i in range(draws):
            shape = i % len(shapes)
            rng = np.random.default_rng([seed, i])
            n = SIZES[i // len(shapes) % len(SIZES)]
            said[shape] += says_none(standardised(shapes[shape][1](rng, n)), seed=i)
            drawn[shape] += 1
        seconds = (time.perf_counter() - begun) / draws
        print(f"| **{kind}** | {draws} | **{said.sum()}** | {seconds:.1f} |", flush=True)
        for (name, _), right, of in zip(shapes, said, drawn, strict=True):
            print(f"| {name} | {of} | {right} | |", flush=True)


# --- known groups ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """A table and its labels; with nested labels several of them."""

    name: str
    frame: pd.DataFrame
    labels: dict[str, np.ndarray]


def made_up(seed: int) -> Iterator[Known]:
    """Clusters that are there by construction."""
    for k, d in ((2, 2), (3, 5), (4, 10), (5, 3), (6, 4), (8, 5)):
        rng = np.random.default_rng([seed, k])
        sizes = rng.integers(40, 200, k)
        centres = rng.normal(size=(50 * k, d))
        centres = 7 * _far_apart(centres / np.linalg.norm(centres, axis=1, keepdims=True), k, rng)
        X, y = make_blobs(sizes.tolist(), d, centers=centres, random_state=k)
        yield Known(f"{k} blobs of {min(sizes)} to {max(sizes)}, {d} columns", _frame(X), {"": y})
    X, y = make_moons(600, noise=0.06, random_state=seed)
    yield Known("two moons", _frame(X), {"": y})
    X, y = make_blobs(500, centers=3, random_state=170)
    yield Known("three long blobs", _frame(X @ [[0.6, -0.6], [-0.4, 0.8]]), {"": y})


def _far_apart(points: np.ndarray, k: int, rng: Rng) -> np.ndarray:
    """Choose k of the points, each as far as can be from those before it."""
    chosen = [points[0]]
    while len(chosen) < k:
        gaps = np.min([np.linalg.norm(points - point, axis=1) for point in chosen], axis=0)
        chosen.append(points[gaps.argmax()])
    return np.array(chosen)


def _frame(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"x{j + 1}" for j in range(X.shape[1])])


def labelled(data: Path) -> Iterator[Known]:
    """Real tables with labels; label columns and identifiers are left out of the features."""
    wholesale = pd.read_csv(data / "wholesale_customers.csv", encoding="utf-8-sig")
    channel = {"Channel": wholesale["Channel"].to_numpy()}
    yield Known("wholesale customers", wholesale.drop(columns=["Channel", "Region"]), channel)
    olive = pd.read_csv(data / "olive_oils.csv")
    nested = {name: olive[name].to_numpy() for name in ("region", "area")}
    yield Known("olive oils", olive.drop(columns=["rownames", "region", "area"]), nested)
    shapes = pd.read_csv(data / "aggregation_shapes.csv")
    label = {"label": shapes["label"].to_numpy()}
    yield Known("aggregation shapes", shapes.drop(columns="label"), label)
    penguins = pd.read_csv(data / "penguins_raw.csv")
    species = {"Species": penguins["Species"].to_numpy()}
    numbers = penguins.select_dtypes("number").drop(columns="Sample Number")
    yield Known("penguins, 6 measurements", numbers, species)
    yield Known("penguins, 4 measurements", numbers.iloc[:, :4], species)


def found_labels(frame: pd.DataFrame, seed: int) -> tuple[np.ndarray | None, str, float]:
    """Run the search as `groundup run --cluster` does, from the table's columns on."""
    from types import SimpleNamespace

    from groundup.workflow.clusters.features import build_distances

    begun = time.perf_counter()
    audit = SimpleNamespace(
        features=list(frame), kinds=dict.fromkeys(frame, "number"), texts={}, disguised={}
    )
    X = build_distances(frame, audit, seed=seed).pipeline().fit_transform(frame)
    evidence = find_clusters(X, seed=seed)
    seconds = time.perf_counter() - begun
    if evidence.chosen is None:
        return None, "none", seconds
    return evidence.chosen.labels, evidence.chosen.title, seconds


def best_of_scikit_learn(frame: pd.DataFrame, y: np.ndarray) -> list[tuple[float, str]]:
    """Return the adjusted Rand index of each of scikit-learn's algorithms, best first."""
    from sklearn import cluster, mixture
    from sklearn.neighbors import NearestNeighbors

    X = standardised(frame.fillna(frame.median()).to_numpy(np.float64))
    k = len(np.unique(y))
    estimators = {"KMeans": cluster.KMeans(k, n_init=10, random_state=0)}
    for linkage in ("ward", "average", "complete", "single"):
        estimators[linkage] = cluster.AgglomerativeClustering(k, linkage=linkage)
    for shape in ("full", "tied", "diag", "spherical"):
        estimators[f"GaussianMixture {shape}"] = mixture.GaussianMixture(
            k, covariance_type=shape, n_init=5, random_state=0
        )
    for least in (5, 10, 15, 20, 30, 50):
        estimators[f"HDBSCAN {least}"] = cluster.HDBSCAN(least, copy=True)
    for least in (5, 10):
        radii = NearestNeighbors(n_neighbors=least).fit(X).kneighbors(X)[0][:, -1]
        for share in np.linspace(0.5, 0.99, 12):
            radius = max(float(np.quantile(radii, share)), 1e-9)
            estimators[f"DBSCAN {radius:.2f} {least}"] = cluster.DBSCAN(radius, min_samples=least)
    estimators["SpectralClustering"] = cluster.SpectralClustering(
        k, affinity="nearest_neighbors", random_state=0
    )
    scores = []
    for name, estimator in estimators.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores.append((float(adjusted_rand_score(y, estimator.fit_predict(X))), name))
    return sorted(scores, reverse=True)


def known_table(data: Path, seeds: int, seed: int) -> None:
    """Print the adjusted Rand index of what is found beside the best of scikit-learn's."""
    print(f"\nAdjusted Rand index; ours over {seeds} seeds, without the number of groups.\n")
    print("| table | labels | found (first seed) | ours: mean (lowest) | best of scikit-learn |")
    print("| --- | --- | --- | --- | --- |")
    tables = [*(labelled(data) if data.is_dir() else []), *made_up(seed)]
    for known in tables:
        found = [found_labels(known.frame, seed=seed + i) for i in range(seeds)]
        for name, y in known.labels.items():
            ours = [0.0 if z is None else float(adjusted_rand_score(y, z)) for z, _, _ in found]
            best = best_of_scikit_learn(known.frame, y)
            plain = next(score for score in best if "Spectral" not in score[1])
            peers = f"{plain[0]:.3f} ({plain[1]})"
            if best[0] != plain:
                peers += f"; {best[0][0]:.3f} ({best[0][1]})"
            print(
                f"| {known.name} | {name} {len(np.unique(y))} | {found[0][1]}, "
                f"{np.mean([seconds for _, _, seconds in found]):.1f} s | "
                f"{np.mean(ours):.3f} ({min(ours):.3f}) | {peers} |",
                flush=True,
            )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=100, help="null data of each kind")
    parser.add_argument("--seeds", type=int, default=5, help="searches of each labelled table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--kinds", nargs="+", choices=tuple(NULLS), default=tuple(NULLS))
    parser.add_argument("--only", choices=("known", "null"), help="one of the two tables")
    options = parser.parse_args()
    if options.only != "null":
        known_table(options.data, options.seeds, options.seed)
    if options.only != "known":
        null_table(options.draws, options.seed, options.kinds)


if __name__ == "__main__":
    main()
