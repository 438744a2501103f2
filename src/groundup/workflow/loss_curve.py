"""The loss of a neural network after each epoch, on rows that it learns from and on new ones.

A network is corrected after every few rows, and goes through all of them many times: each time is
an epoch. Its loss on the training rows falls as long as it learns. On rows that it has not seen the
loss falls as well, settles, and rises again where the network begins to learn accidents by heart.
Both lines together say which of the three it is.

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
# The loss on new rows rises again if it ends by this share above its lowest value.
_RISEN = 0.03
# It still falls if the last fifth of the epochs lowered it by this share.
_FALLING = 0.03
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
        ``{"loss", "epochs", "train", "validation", "is_chosen", "words"}``: what the loss is, and
        its values after each epoch; None where the network was not compared.
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
    train, validation = watched.train, watched.validation
    if not np.isfinite([*train, *validation]).all():
        return None
    return {
        "loss": "share of the variance" if comparison.task == "regression" else "log loss",
        "epochs": len(train),
        "train": train,
        "validation": validation,
        "is_chosen": is_chosen,
        "words": _words(np.array(train), np.array(validation)),
    }


class _Watched:
    """A callback that notes the loss of the network as it is after each epoch."""

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
        self.train: list[float] = []
        self.validation: list[float] = []

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

    def _loss(self, network: Any, X: np.ndarray, y: np.ndarray) -> float:
        if self.regression:
            # mean (y - f(x))², where the training rows' target has variance 1
            target = (y - self.mean) / self.scale
            return float(np.mean((target - network.predict(X)) ** 2))
        # - mean log P(true class); a class that the training rows lacked has probability 0
        probability = network.predict_proba(X)  # (m, n_classes)
        column = np.minimum(np.searchsorted(network.classes_, y), len(network.classes_) - 1)
        of_truth = probability[np.arange(len(y)), column] * (network.classes_[column] == y)
        return float(-np.mean(np.log(np.maximum(of_truth, _SMALLEST))))


def _words(train: np.ndarray, validation: np.ndarray) -> str:
    """Say whether the network learned too long, too little, or about right."""
    n = len(validation)
    best = int(np.argmin(validation))
    lowest, last = validation[best], validation[-1]
    figures = f"The loss ends at {train[-1]:.3f} on training rows and {last:.3f} on new rows"
    if last > (1 + _RISEN) * lowest and best < n - 1:
        return (
            f"{figures}, where it was lowest after epoch {best + 1} ({lowest:.3f}). What came "
            "later was learned by heart: overfitting. Fewer epochs, a larger penalty alpha or more "
            "rows would help."
        )
    before = validation[max(0, n - 1 - n // 5)]
    if n >= 5 and last < (1 - _FALLING) * before:
        return (
            f"{figures}, and was still falling when the {n} epochs were over: underfitting. More "
            "epochs, or a larger learning rate, would help."
        )
    return f"{figures}, and has settled: more epochs would bring little."
