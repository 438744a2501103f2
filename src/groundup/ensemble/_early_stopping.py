"""Early stopping: boosting ends when rows that it has not seen stop getting better predictions.

Some rows are held out of training.  After each round they are scored; when none of the last
``n_iter_no_change`` scores is better, by more than `tol`, than the score just before them, the
further trees only learn the noise of the training rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import resample

from groundup._estimator import read_only
from groundup.ensemble._losses import Loss
from groundup.tree._traversal import add_values, pack
from groundup.tree._tree import Tree

MOST_SCORED = 10_000  # training rows that a scorer sees


class Sample(NamedTuple):
    """Rows with their targets and weights."""

    X: np.ndarray  # (n, p) float64, read-only
    y: np.ndarray  # (n,) float64: targets, or the numbers of the classes
    weight: np.ndarray | None  # (n,)

    def take(self, rows: np.ndarray) -> Sample:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return Sample(read_only(self.X[rows]), self.y[rows], weight)

    def counting(self) -> Sample:
        """Leave out the rows of weight 0: they would count where rows are counted."""
        if self.weight is None or self.weight.all():
            return self
        rows = np.flatnonzero(self.weight)
        if not len(rows):
            raise ValueError("sample_weight is 0 for every row: there is nothing to learn from.")
        return self.take(rows)


def hold_out(
    n: int, fraction: float | int, classes: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the training rows and of the held-out rows, both ascending.

    Parameters
    ----------
    n : int
        The number of rows.
    fraction : float or int
        The share of rows to hold out, or their number.
    classes : ndarray of shape (n,) or None
        The rows' classes, which both parts then hold in the same shares.
    seed : int
    """
    train, held_out = train_test_split(
        np.arange(n, dtype=np.int64), test_size=fraction, stratify=classes, random_state=seed
    )
    return np.sort(train), np.sort(held_out)


def rows_to_score(n: int, classes: np.ndarray | None, seed: int) -> np.ndarray:
    """Return at most `MOST_SCORED` of n training rows: a scorer may be slow."""
    rows = np.arange(n)
    if n <= MOST_SCORED:
        return rows
    chosen = resample(
        rows, n_samples=MOST_SCORED, replace=False, random_state=seed, stratify=classes
    )
    return np.sort(chosen)


def should_stop(scores: np.ndarray, n_iter_no_change: int, tol: float) -> bool:
    """Tell whether none of the last scores beats the one before them; higher is better.

    Examples
    --------
    >>> should_stop(np.array([0.1, 0.5, 0.4, 0.5]), n_iter_no_change=2, tol=0.0)
    True
    >>> should_stop(np.array([0.1, 0.5, 0.4, 0.6]), n_iter_no_change=2, tol=0.0)
    False
    """
    if len(scores) <= n_iter_no_change:
        return False
    reference = scores[-n_iter_no_change - 1]
    return not np.any(scores[-n_iter_no_change:] > reference + tol)


class Evaluation:
    """The losses and scores before the first round and after each.

    Parameters
    ----------
    loss : Loss
    validation : Sample or None
        Rows that are not trained on.
    raw_val : ndarray of shape (n_val, n_trees) or None
        Their raw predictions so far.
    curves : dict of str to ndarray, or None
        What earlier rounds were worth, by the names of `CURVES`.
    """

    CURVES: ClassVar = ("train_loss_", "validation_loss_", "train_score_", "validation_score_")

    def __init__(
        self,
        loss: Loss,
        validation: Sample | None,
        raw_val: np.ndarray | None,
        curves: dict[str, np.ndarray] | None,
    ):
        self.loss = loss
        self.validation = validation
        self.raw_val = raw_val
        self.curves = curves or {name: np.empty(0) for name in self.CURVES}
        self.scores_losses = False
        self.scorer: Callable[..., float] | None = None

    def score_losses(self) -> None:
        """Let a round's score be the loss, times -1."""
        self.scores_losses = True

    def score_with(self, scorer: Callable[..., float], train: Sample, rows: np.ndarray) -> None:
        """Let `scorer` score each round, on the validation rows and these training rows."""
        self.scorer, self.train, self.train_rows = scorer, train, rows

    def after(
        self,
        trees: tuple[Tree, ...],
        train_loss: float,
        raw: np.ndarray,
        so_far: Callable[[tuple[np.ndarray, np.ndarray]], Any],
    ) -> dict[str, np.ndarray]:
        """Return the curves, longer by what a round has brought.

        Parameters
        ----------
        trees : tuple of Tree
            The round's trees; none before the first round.
        train_loss : float
        raw : ndarray of shape (n_trees, n)
            Raw predictions of the training rows.
        so_far : callable
            Makes an estimator of the rounds so far, given rows and their raw predictions.
        """
        news = {"train_loss_": train_loss}
        if self.validation is not None and self.raw_val is not None:
            X, y, weight = self.validation
            if trees:
                # on this thread: a pool would wait for those of the growing, which still spin
                add_values(pack(trees), X, self.raw_val, 1, len(trees))
            raw_val = np.ascontiguousarray(self.raw_val.T)
            news["validation_loss_"] = self.loss.derivatives(y, raw_val, weight)
        if self.scores_losses:
            news |= {name.replace("loss", "score"): -value for name, value in news.items()}
        if self.scorer is not None:
            news["train_score_"] = self._score(self.train, raw[:, self.train_rows].T, so_far)
            if self.validation is not None:
                news["validation_score_"] = self._score(self.validation, self.raw_val, so_far)
        self.curves = {name: np.append(c, news.get(name, [])) for name, c in self.curves.items()}
        return self.curves

    def _score(self, sample: Sample, raw: np.ndarray | None, so_far: Callable) -> float:
        X, y, weight = sample
        model = so_far((X, raw))
        if is_classifier(model):
            y = model.classes_[y.astype(np.int64)]
        assert self.scorer is not None
        return self.scorer(model, X, y, **({} if weight is None else {"sample_weight": weight}))

    def should_stop(self, n_iter_no_change: int, tol: float) -> bool:
        """Tell whether the scores, on validation rows if there are any, have stopped rising."""
        name = "train_score_" if self.validation is None else "validation_score_"
        return should_stop(self.curves[name], n_iter_no_change, tol)
