"""Diagnose: has the model learned too little, too much, or about what these columns allow?

The gap between the score on the rows it was fitted on and on rows it was not is the sign of
overfitting; a low score on both is the sign of underfitting; and a score that cannot be told from
the baseline's is no signal. The learning curve says whether more rows would help.

All figures are of validation rows, predicted by models that were not fitted on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from groundup.workflow.compare import Comparison
from groundup.workflow.findings import Finding
from groundup.workflow.folds import (
    PreparedFold,
    corrected_standard_error,
    fit_and_score,
    sample_rows,
)
from groundup.workflow.metric import METRIC_TITLES, METRICS
from groundup.workflow.score import confusion, plain
from groundup.workflow.tune import Tuning

# Overfitting: more than this share of what was learned on the training rows is lost on new ones.
_LOST_SHARE = 0.25
# Underfitting: less than this share of the way from the baseline to a perfect score, even on the
# training rows.
_LEARNED_SHARE = 0.3
# The learning curve still rises if the last step of rows brought more than this share of the score.
_RISING_SHARE = 0.03

# With fewer rows, or where the folds differ by more than the share _LOST_SHARE of what was gained
# over the baseline, the words say so instead of promising anything.
_FEW_ROWS = 200

_CURVE_SHARES = (0.1, 0.25, 0.5, 0.75)
_CURVE_FOLDS = 3
_FURTHER_FITS = 2
_WORST_ROWS = 10
_RESIDUAL_POINTS = 500
_CALIBRATION_BINS = 10
_SMALLEST = 1e-15  # a probability of 0 for what came true would cost infinitely much


def diagnose(comparison: Comparison, tuning: Tuning, X: Any, *, seed: int = 0) -> dict[str, Any]:
    """Say in words and figures how the chosen model behaves on rows that it was not fitted on.

    Parameters
    ----------
    comparison : Comparison
    tuning : Tuning
    X : (n, p) DataFrame
        The training table that was compared on; its index names the rows (line numbers).
    seed : int, default=0
        For the rows of the learning curve and of the samples.

    Returns
    -------
    diagnosis : dict
        The part ``"diagnose"`` of ``run.json``: verdict, words, train, validation, learning_curve,
        confusion, calibration, probabilities, residuals, worst.
    """
    validation = np.array([score.validation for score in tuning.scores], dtype=np.float64)
    train = np.array([score.train for score in tuning.scores], dtype=np.float64)
    curve = learning_curve(comparison, tuning, seed)
    verdict, words = _verdict(comparison, tuning, train, validation, curve)

    folds, scores = comparison.folds, tuning.scores
    if comparison.chosen.for_a_score:
        # What was fitted for its score alone has no probabilities: they are worth two further fits.
        folds = folds[:_FURTHER_FITS]
        scores = [
            fit_and_score(
                comparison.chosen.build(tuning.params),
                fold,
                comparison.task,
                comparison.codes,
                train=False,
            )
            for fold in folds
        ]
    rows = np.concatenate([fold.rows_validation for fold in folds])
    y = np.concatenate([fold.y_validation for fold in folds])
    prediction = np.concatenate([score.prediction for score in scores])
    lines = [plain(line) for line in np.asarray(X.index)[rows]]
    part: dict[str, Any] = {
        "verdict": verdict,
        "words": words,
        "train": None if np.isnan(train).all() else float(np.nanmean(train)),
        "validation": float(validation.mean()),
        "learning_curve": curve,
        "confusion": None,
        "calibration": None,
        "probabilities": None,
        "residuals": None,
    }
    if comparison.task == "regression":
        part["residuals"] = _residuals(y, prediction, seed)
        part["worst"] = _worst_regression(y, prediction, lines)
    else:
        assert comparison.labels is not None
        if comparison.task == "binary":
            prediction = np.column_stack([1 - prediction, prediction])
        labels = comparison.labels
        part["confusion"] = confusion(labels[y], labels[prediction.argmax(axis=1)])
        part["calibration"] = _calibration(y, prediction, comparison.task, labels)
        part["worst"] = _worst_classification(y, prediction, labels, lines)
        shares = [class_shares(fold.y_train, len(labels)) for fold in folds]
        alone = np.repeat(shares, [len(fold.y_validation) for fold in folds], axis=0)
        part["probabilities"] = probability_scores(y, prediction, alone)
    return part


def class_shares(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the share of each class code among the rows, (n_classes,)."""
    return np.bincount(y, minlength=n_classes) / len(y)


def probability_scores(
    y: np.ndarray, probability: np.ndarray, alone: np.ndarray
) -> dict[str, float]:
    """Return what probabilities cost, and what the shares of the classes alone would.

    With P the probability of class k, and yᵢₖ = 1 where row i is of class k, else 0::

        log loss = -mean log P(true class)        Brier score = mean Σₖ (P(k) - yₖ)² / 2

    Parameters
    ----------
    y : (n,) array of class codes
    probability, alone : (n, n_classes) arrays
        The model's, and the shares of the classes among the training rows.

    Examples
    --------
    >>> even = np.full((2, 2), 0.5)
    >>> sure = np.array([[0.99, 0.01], [0.99, 0.01]])
    >>> found = probability_scores(np.array([0, 1]), sure, even)
    >>> [round(value, 2) for value in found.values()]
    [2.31, 0.69, 0.49, 0.25]
    """
    found = {}
    one_hot = np.eye(probability.shape[1])[y]  # (n, n_classes)
    for name, given in (("", probability), ("_alone", alone)):
        of_truth = np.maximum(given[np.arange(len(y)), y], _SMALLEST)
        found[f"log_loss{name}"] = float(-np.mean(np.log(of_truth)))
        found[f"brier{name}"] = float(np.mean(np.sum((given - one_hot) ** 2, axis=1)) / 2)
    return {key: found[key] for key in ("log_loss", "log_loss_alone", "brier", "brier_alone")}


def worthless_probabilities(diagnosis: Mapping[str, Any], name: str, title: str) -> list[Finding]:
    """Warn where the probabilities are worse than the shares of the classes alone.

    Parameters
    ----------
    diagnosis : mapping
        What `diagnose` returned.
    name, title : str
        Of the chosen model.
    """
    scores = diagnosis.get("probabilities")
    if not scores or name == "baseline":
        return []
    worse = [
        f"{what} {scores[key]:.3f} (lower is better), where the shares of the classes alone have "
        f"{scores[key + '_alone']:.3f}"
        for key, what in (("log_loss", "log loss"), ("brier", "Brier score"))
        if scores[key] > scores[f"{key}_alone"]
    ]
    if not worse:
        return []
    reason = _SURE.get(name, "It is surer of itself than it is right.")
    return [
        Finding(
            "worthless-probabilities",
            "diagnose",
            "Do not read this model's probabilities: they are worse than the shares of the classes "
            "alone.",
            why=f"{title} has on validation rows a {', and a '.join(worse)}. {reason} "
            "Use at most the classes that it names, or the order in which it puts the rows.",
            severity="warning",
            evidence=dict(scores),
        )
    ]


_SURE = {
    "naive_bayes": "Naive Bayes takes columns that say the same for as many independent witnesses, "
    "so it is far too sure.",
}


def learning_curve(comparison: Comparison, tuning: Tuning, seed: int = 0) -> dict[str, list[Any]]:
    """Fit the model on growing parts of the training rows, on the first three folds.

    The preparation stays that of the whole fold, which keeps the curve affordable; only the model
    is fitted on fewer rows.

    Returns
    -------
    curve : dict
        ``{"sizes", "train", "validation"}``: the number of rows, and the mean scores.
    """
    folds = comparison.folds[:_CURVE_FOLDS]
    n = min(len(fold.y_train) for fold in folds)
    sizes = sorted({max(20, round(share * n)) for share in _CURVE_SHARES} - {n})
    sizes = [size for size in sizes if size < n]
    curve: dict[str, list[Any]] = {"sizes": [], "train": [], "validation": []}
    for size in sizes:
        scores = []
        for fold in folds:
            kept = sample_rows(fold.y_train, size, seed)
            part = PreparedFold(
                fold.preparation,
                fold.X_train[kept],
                fold.y_train[kept],
                fold.X_validation,
                fold.y_validation,
                fold.rows_train[kept],
                fold.rows_validation,
            )
            try:
                estimator = comparison.chosen.build(tuning.params, for_a_score=True)
                scores.append(fit_and_score(estimator, part, comparison.task, comparison.codes))
            except Exception:  # too few rows for these parameters: the curve begins later
                break
        if len(scores) == len(folds):
            _append(curve, size, scores)
    _append(curve, n, tuning.scores[: len(folds)])
    return curve


def _append(curve: dict[str, list[Any]], size: int, scores: list[Any]) -> None:
    train = [score.train for score in scores if score.train is not None]
    validation = [score.validation for score in scores if score.validation is not None]
    curve["sizes"].append(size)
    curve["train"].append(float(np.mean(train)) if train else None)
    curve["validation"].append(float(np.mean(validation)) if validation else None)


def _verdict(
    comparison: Comparison,
    tuning: Tuning,
    train_scores: np.ndarray,
    validation_scores: np.ndarray,
    curve: dict[str, list[Any]],
) -> tuple[str, str]:
    """Name the verdict and explain it."""
    metric = METRIC_TITLES[METRICS[comparison.task]]
    title = comparison.chosen.title
    validation = float(validation_scores.mean())
    train = float(np.nanmean(train_scores)) if not np.isnan(train_scores).all() else validation
    baseline_scores = comparison.validation("baseline") if "baseline" in comparison.scores else None
    baseline = 0.0 if baseline_scores is None else float(baseline_scores.mean())
    figures = f"{metric} {train:.3f} on the rows it was fitted on, {validation:.3f} on new rows"

    if comparison.chosen.name == "baseline":
        return "no signal", (
            f"No model was shown to beat the baseline ({metric} {baseline:.3f}): these columns say "
            "little or nothing about the target, or there are too few rows to find it."
        )
    if baseline_scores is not None:
        gain = validation_scores - baseline_scores
        error = corrected_standard_error(gain, comparison.folds)
        if gain.mean() <= error:
            return "no signal", (
                f"{title} scores {validation:.3f} on new rows and the baseline {baseline:.3f} "
                f"(standard error of the difference {error:.3f}): it cannot be said to have "
                f"learned anything that holds for new rows. On the rows it was fitted on it scores "
                f"{train:.3f}."
            )
    learned, lost = train - baseline, train - validation
    spread = corrected_standard_error(train_scores - validation_scores, comparison.folds)
    rising = _rising(curve, baseline)
    more_rows = " The learning curve still rises: more rows would help." if rising else ""
    if comparison.chosen.name == "forest":
        words = (
            f"A forest has {figures}. It knows its own rows nearly by heart, since most of its "
            "trees have seen each of them. Averaging keeps that from doing harm: the second figure "
            "is the one to go by, and the gap says nothing."
        )
        far = (validation - baseline) / (1 - baseline)
        if far < _LEARNED_SHARE:
            words += (
                f" It goes {far:.0%} of the way from the baseline to a perfect score: these "
                "columns hold only a part of the answer, or there are too few rows."
            )
        return "no verdict", words + more_rows
    if learned > 0 and lost > _LOST_SHARE * learned and lost > 2 * spread:
        words = (
            f"Overfitting: {figures}. {lost / learned:.0%} of what it learned beyond the baseline "
            "does not hold for new rows."
        )
        if comparison.chosen.name == "neighbors":
            words += " (Each training row is among its own neighbours, which flatters the first.)"
        return "overfitting", words + (more_rows or " A simpler model or fewer columns may help.")
    if learned < _LEARNED_SHARE * (1 - baseline):
        return "underfitting", (
            f"Underfitting: {figures}. It cannot follow even the rows it was fitted on, so either "
            "the model is too simple or the columns do not hold the answer. A more flexible model "
            "or further columns may help; more rows of the same columns would not."
        )
    holds = " What was learned holds for new rows."
    rows = sum(len(fold.y_validation) for fold in comparison.folds)
    low, high = validation_scores.min(), validation_scores.max()
    if rows < _FEW_ROWS or high - low > _LOST_SHARE * (validation - baseline):
        holds = (
            f" Nothing here speaks of learning by heart. But the folds of these {rows:,} rows "
            f"range from {low:.3f} to {high:.3f}, so new rows may turn out quite differently."
        )
    return "balanced", f"Balanced: {figures}.{holds}{more_rows}"


def _rising(curve: dict[str, list[Any]], baseline: float) -> bool:
    """Tell whether the last step of the learning curve still brought a part of the score."""
    points = [value for value in curve["validation"] if value is not None]
    if len(points) < 3:
        return False
    return points[-1] - points[-2] > _RISING_SHARE * max(points[-1] - baseline, 0.0) > 0


def _calibration(
    y: np.ndarray, probability: np.ndarray, task: str, labels: np.ndarray
) -> dict[str, Any]:
    """Compare predicted probabilities with what came true, in bins of equal numbers of rows.

    Binary: the probability of the positive class. Multiclass: the probability of the class that was
    named, against how often it was right.
    """
    if task == "binary":
        predicted, observed, of = probability[:, 1], y == 1, plain(labels[1])
    else:
        predicted = probability.max(axis=1)
        observed, of = probability.argmax(axis=1) == y, "the class that the model names"
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, _CALIBRATION_BINS + 1)[1:-1]))
    position = np.searchsorted(edges, predicted, side="right")
    bins = len(edges) + 1
    count = np.bincount(position, minlength=bins)
    filled = count > 0
    count = count[filled]
    mean_predicted = np.bincount(position, weights=predicted, minlength=bins)[filled] / count
    mean_observed = np.bincount(position, weights=observed, minlength=bins)[filled] / count
    error = float(np.sum(count * np.abs(mean_predicted - mean_observed)) / count.sum())
    return {
        "predicted": mean_predicted.tolist(),
        "observed": mean_observed.tolist(),
        "count": count.tolist(),
        "of": of,
        "error": error,
        "words": (
            f"Where the model says p, it happens p ± {error:.3f} of the time, "
            "on average over the rows."
        ),
    }


def _residuals(y: np.ndarray, prediction: np.ndarray, seed: int) -> dict[str, Any]:
    """Sample predicted and actual values, and say whether the errors grow with the prediction."""
    from scipy.stats import spearmanr

    rows = sample_rows(y, _RESIDUAL_POINTS, seed)
    residual = y - prediction
    words = f"Half of the errors are smaller than {np.median(np.abs(residual)):.4g}."
    if np.ptp(prediction) > 0 and np.ptp(np.abs(residual)) > 0:
        rho = spearmanr(prediction, np.abs(residual)).statistic
        if rho > 0.3:
            words += (
                " The errors grow with the predicted value: large predictions are less certain."
            )
    return {
        "predicted": prediction[rows].tolist(),
        "actual": y[rows].tolist(),
        "words": words,
    }


def _worst_regression(y: np.ndarray, prediction: np.ndarray, lines: list[Any]) -> list[dict]:
    order = np.argsort(-np.abs(y - prediction), kind="stable")[:_WORST_ROWS]
    return [
        {"line": lines[i], "actual": float(y[i]), "predicted": float(prediction[i])} for i in order
    ]


def _worst_classification(
    y: np.ndarray, probability: np.ndarray, labels: np.ndarray, lines: list[Any]
) -> list[dict]:
    """List the rows whose true class was given the lowest probability, if it was not named."""
    predicted = probability.argmax(axis=1)
    of_truth = probability[np.arange(len(y)), y]
    order = np.argsort(of_truth, kind="stable")[:_WORST_ROWS]
    return [
        {
            "line": lines[i],
            "actual": plain(labels[y[i]]),
            "predicted": plain(labels[predicted[i]]),
            "probability": float(of_truth[i]),
        }
        for i in order
        if predicted[i] != y[i]
    ]
