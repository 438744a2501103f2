"""The loss of a neural network after each epoch, on rows that it learns from and on new ones.

A network is corrected after every few rows, and goes through all of them many times: each time is
an epoch. Its loss on the training rows falls as long as it learns. On rows that it has not seen the
loss falls as well, settles, and rises again where the network begins to learn accidents by heart.

A line by itself says little: its loss is held against that of knowing no column at all, and a
difference counts only where it is larger than what chance does to so few rows.

The network is watched while it is fitted once more: a callback asks it after every epoch what it
says of some rows of either kind. A fit that is watched gives the same weights to the bit.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from groundup.workflow.compare import Comparison
from groundup.workflow.folds import sample_rows
from groundup.workflow.tune import Tuning

NAME = "network"  # of its rung

_ROWS = 1_000  # of either kind are asked about
# What is smaller than this share of the loss without columns does not matter to anybody.
_MATTERS = 0.02
# Of what was learned on the training rows, more than this share must be lost on new ones, or lost
# again by the last epoch, before that is called overfitting.
_LOST_SHARE = 0.25
_LOST_AGAIN = 0.05
# It still falls if the last fifth of the epochs lowered it by this share; and only a training loss
# above this share of that without columns leaves much to learn.
_FALLING = 0.05
_MUCH_LEFT = 0.2
_STANDARD_ERRORS = 2.0
_FEWEST_EPOCHS = 10
_FEWEST_ROWS = 100  # with fewer new ones, the words say how little these show
_SMALLEST = 1e-15  # a probability of 0 would cost infinitely much


def loss_curve(comparison: Comparison, tuning: Tuning, *, seed: int = 0) -> dict[str, Any] | None:
    """Fit the network to the first fold once more, and note its loss after every epoch.

    Parameters
    ----------
    comparison : Comparison
    tuning : Tuning
    seed : int, default=0
        For the rows that are asked about.

    Returns
    -------
    curve : dict or None
        ``{"loss", "epochs", "train", "validation", "alone", "is_chosen", "words"}``: what the loss
        is, its values after each epoch, and that of new rows without any column; None where the
        network was not compared.
    """
    rung = next((rung for rung in comparison.rungs if rung.name == NAME), None)
    if rung is None or NAME not in comparison.scores:
        return None
    is_chosen = comparison.chosen.name == NAME
    fold = comparison.folds[0]
    watched = _Watched(comparison, seed)
    y = fold.y_train
    if rung.scales_target:
        y = (y - watched.mean) / watched.scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of this fit were reported by compare and tune
        network = rung.inner(tuning.params if is_chosen else None)
        network.set_callbacks(watched).fit(fold.X_train, y)
    of_train, of_new = np.array(watched.train), np.array(watched.validation)  # (epochs, rows)
    if not (len(of_new) and np.isfinite(of_train).all() and np.isfinite(of_new).all()):
        return None
    train, validation = of_train.mean(axis=1).tolist(), of_new.mean(axis=1).tolist()
    regression = comparison.task == "regression"
    return {
        "loss": "share of the variance left unexplained" if regression else "log loss",
        "epochs": len(train),
        "train": train,
        "validation": validation,
        "alone": float(watched.alone.mean()),
        "is_chosen": is_chosen,
        "words": _words(of_train.mean(axis=1), of_new, watched.alone),
    }


class _Watched:
    """A callback that notes the loss of each row by the network as it is after each epoch."""

    def __init__(self, comparison: Comparison, seed: int):
        fold = comparison.folds[0]
        kept = sample_rows(fold.y_train, _ROWS, seed)
        others = sample_rows(fold.y_validation, _ROWS, seed)
        self.regression = comparison.task == "regression"
        self.known = fold.X_train[kept], fold.y_train[kept]
        self.new = fold.X_validation[others], fold.y_validation[others]
        self.mean, self.scale = fold.y_train.mean(), 1.0
        if self.regression:
            self.scale = fold.y_train.std() or 1.0
        # The loss of each new row for whom only knows the training rows' target.
        if self.regression:
            self.alone = ((self.new[1] - self.mean) / self.scale) ** 2
        else:
            classes, counts = np.unique(fold.y_train, return_counts=True)
            share = np.tile(counts / counts.sum(), (len(others), 1))
            self.alone = _log_loss(share, classes, self.new[1])
        self.train: list[np.ndarray] = []
        self.validation: list[np.ndarray] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing is to be set up."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is to be put away."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is known yet."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> bool:
        """After an epoch, note both losses; the fit goes on."""
        if context.task_name == "step" and fitted_estimator is not None:
            self.train.append(self._loss(fitted_estimator, *self.known))
            self.validation.append(self._loss(fitted_estimator, *self.new))
        return False

    def _loss(self, network: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the loss of each row, (n,)."""
        if self.regression:
            # (y - f(x))², where the training rows' target has variance 1
            return ((y - self.mean) / self.scale - network.predict(X)) ** 2
        return _log_loss(network.predict_proba(X), network.classes_, y)


def _log_loss(probability: np.ndarray, classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return -log P(true class) of each row; a class that is not among `classes` has P = 0."""
    column = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    of_truth = probability[np.arange(len(y)), column] * (classes[column] == y)
    return -np.log(np.maximum(of_truth, _SMALLEST))


def _words(train: np.ndarray, of_new: np.ndarray, alone: np.ndarray) -> str:
    """Say whether what the network learned holds, and whether it learned too long or too little.

    Parameters
    ----------
    train : (epochs,) array
        The mean loss on the training rows.
    of_new : (epochs, rows) array
        The loss of each new row.
    alone : (rows,) array
        The loss of each new row without any column.
    """
    n, rows = of_new.shape
    new = of_new.mean(axis=1)
    without, first, last = float(alone.mean()), float(train[-1]), float(new[-1])
    said = (
        f"The loss ends at {first:.3f} on training rows and {last:.3f} on new rows; without any "
        f"column it would be {without:.3f}."
    )
    few = f" {rows} new rows leave much to luck." if rows < _FEWEST_ROWS else ""
    # One epoch is better or worse than the next by luck: means over a tenth of them are compared.
    width = min(n, max(3, n // 10))
    smooth = np.convolve(new, np.full(width, 1 / width), mode="valid")  # (n - width + 1,)
    lowest = int(np.argmin(smooth))
    at_best, at_end = of_new[lowest : lowest + width].mean(axis=0), of_new[-width:].mean(axis=0)
    risen = at_end - at_best  # (rows,), as the next one
    gained = alone - at_end
    if n >= _FEWEST_EPOCHS and (
        _is_clear(risen, max(_MATTERS * without, _LOST_AGAIN * float(np.mean(alone - at_best))))
        and risen.mean() > _STANDARD_ERRORS * _zigzag(new, smooth, width)
    ):
        end = " It ends no better than without columns." if not _is_clear(gained, 0.0) else ""
        return (
            f"{said} On new rows it was lowest around epoch {lowest + 1 + width // 2} "
            f"({smooth[lowest]:.3f}) and rose since: what came later was learned by heart "
            f"(overfitting).{end} Fewer epochs, a larger penalty or more rows would help.{few}"
        )
    if not _is_clear(gained, _MATTERS * without):
        heart = ": what it learned, it learned by heart" if first < without / 2 else ""
        return (
            f"{said} So it was not shown to have learned anything that holds for new rows{heart}; "
            f"there is no sign that more epochs would change that.{few}"
        )
    if n < _FEWEST_EPOCHS:
        return f"{said} {n} epoch{'s' * (n > 1)} are too few to read more from the lines.{few}"
    train_end = float(train[-width:].mean())
    learned, lost = without - train_end, float(at_end.mean()) - train_end
    if lost > _LOST_SHARE * learned and _is_clear(at_end - train_end, _MATTERS * without):
        return (
            f"{said} {lost / learned:.0%} of what it learned on the training rows does not hold "
            "for new ones (overfitting), though more epochs did no harm. A larger penalty or more "
            f"rows would help.{few}"
        )
    before = max(0, len(smooth) - 1 - n // 5)
    both_fall = (
        smooth[-1] < (1 - _FALLING) * smooth[before]
        and train[-width:].mean() < (1 - _FALLING) * train[before : before + width].mean()
    )
    if both_fall and train_end > _MUCH_LEFT * without:
        return (
            f"{said} Both were still falling when the {n} epochs were over, and much is left to "
            "learn (underfitting). More epochs, or a larger learning rate, may help."
        )
    if both_fall:
        return f"{said} Both fall still, but little is left: what was learned holds.{few}"
    return (
        f"{said} It has settled, and what was learned holds: more epochs would bring little.{few}"
    )


def _is_clear(difference: np.ndarray, least: float) -> bool:
    """Tell whether a mean over rows is above `least`, and above what chance does to so few rows."""
    mean = float(difference.mean())
    error = float(difference.std(ddof=1)) / np.sqrt(len(difference)) if len(difference) > 1 else 0
    return mean > least and mean > _STANDARD_ERRORS * error


def _zigzag(line: np.ndarray, smooth: np.ndarray, width: int) -> float:
    """Return the standard error that the ups and downs of a line leave in a mean of `width`."""
    middle = line[(width - 1) // 2 :][: len(smooth)]
    return float(np.sqrt(2 * np.mean((middle - smooth) ** 2) / width))
