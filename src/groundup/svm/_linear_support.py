"""What `LinearSVC` and `LinearSVR` share: the choice of a method, and the steps of all problems.

===================== ============= ====================== =========================================
distances             penalty       shape                  method
===================== ============= ====================== =========================================
squared               l2            rows >= columns        Newton's method (`_primal_newton`)
not squared           l2            rows >= columns        augmented Lagrangians (`_multipliers`)
any                   l2            rows < columns         descent in the dual (`_dual_descent`)
squared               l1            any                    Newton's method that keeps exact zeros
                                                           (`_sparse_newton`)
===================== ============= ====================== =========================================

Distances that are not squared go through the dual too where there are more than `MANY_COLUMNS`
columns, or so few numbers in the table that a pass costs less than the beginning of a step.

All of them minimise what scikit-learn minimises; they differ in how fast they get there.  With
``dual=True`` it is descent in the dual for every shape.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from groundup._blocks import over_threads, thread_count
from groundup._estimator import Estimator
from groundup.linear_model._sgd_model import LARGEST_SEED
from groundup.svm._dual_descent import dual_descent
from groundup.svm._intervals import Rows
from groundup.svm._multipliers import multipliers
from groundup.svm._primal_newton import primal_newton
from groundup.svm._sparse_newton import sparse_newton
from groundup.svm._squared_distance import WORTH_A_THREAD

Array = NDArray[np.float64]
Problem = Callable[[], Rows]

# problems that are solved side by side; each needs some numbers for every row
SIDE_BY_SIDE = 8

# with more columns than this a Newton step costs more than many passes in the dual
MANY_COLUMNS = 1000
# and with fewer numbers in the table than this a pass takes some microseconds
SMALL = 20_000

# a gap that is so small a part of the objective is no reason to warn when rounding ends a fit
ROUNDED_AWAY = 1e-8

# what can be solved in the dual, and what in the primal: (penalty, loss)
DUAL = {
    ("l2", "hinge"),
    ("l2", "squared_hinge"),
    ("l2", "epsilon_insensitive"),
    ("l2", "squared_epsilon_insensitive"),
}
PRIMAL = {
    ("l2", "squared_hinge"),
    ("l1", "squared_hinge"),
    ("l2", "squared_epsilon_insensitive"),
}


class LinearSupportModel(Estimator):
    """A linear model of one or several problems, in which every row asks for an interval."""

    penalty = "l2"

    def _max_steps(self):
        return None

    def _check_parameters(self, X, y):
        wanted = self.penalty, self.loss
        if wanted not in DUAL | PRIMAL:
            raise ValueError(
                f"Unsupported set of arguments: penalty={self.penalty!r} and loss={self.loss!r} "
                "do not go together; penalty='l1' needs loss='squared_hinge'."
            )
        if self.dual != "auto" and wanted not in (DUAL if self.dual else PRIMAL):
            raise ValueError(
                f"Unsupported set of arguments: penalty={self.penalty!r} and loss={self.loss!r} "
                f"need dual={not self.dual}; got dual={self.dual!r}. With dual='auto' the right "
                "one is chosen."
            )

    def _method(self, X: Array) -> Callable[..., Iterator]:
        """Choose the method."""
        n, d = X.shape
        if self.penalty == "l1":
            return sparse_newton
        if self.loss.startswith("squared"):
            in_dual = n < d if self.dual == "auto" else self.dual
            return dual_descent if in_dual else primal_newton
        in_dual = self.dual != "auto" or n < d or d > MANY_COLUMNS or n * d < SMALL
        return dual_descent if in_dual else multipliers

    def _constant(self) -> float:
        return float(self.intercept_scaling) if self.fit_intercept else 0.0

    def _methods(self, X: Array, problems: list[Problem]) -> list[Callable[[], Iterator]]:
        """Return for each problem what begins its steps."""
        method = self._method(X)
        limits = {"max_iter": self.max_iter, "tol": self.tol}
        if method is not dual_descent:
            return [
                partial(_begin, method, rows, n_threads=thread_count(), **limits)
                for rows in problems
            ]
        squared = self.loss.startswith("squared")
        seeds = check_random_state(self.random_state).randint(LARGEST_SEED, size=len(problems))
        return [
            partial(_begin, method, rows, squared=squared, seed=seed, **limits)
            for rows, seed in zip(problems, seeds.tolist(), strict=True)
        ]

    def _solutions(self, X: Array, problems: list[Problem]) -> Iterator[tuple[Array, int]]:
        """Yield the weights V (K, d + 1) of all problems and the steps taken, after every step."""
        # Newton's methods have threads of their own
        spread = self._method(X) is dual_descent and X.size >= WORTH_A_THREAD
        n_threads = thread_count() if spread else 1
        V = np.zeros((len(problems), X.shape[1] + 1))
        n_iter, unsolved = 0, 0
        gaps = np.zeros(len(problems))  # what is left, as a part of the objective
        begin = self._methods(X, problems)
        for first in range(0, len(problems), SIDE_BY_SIDE):
            active = [
                (k, begin[k]()) for k in range(first, min(first + SIDE_BY_SIDE, len(problems)))
            ]
            while active:
                if n_threads == 1:
                    steps = [next(method, None) for _, method in active]
                else:
                    steps = over_threads(lambda problem: next(problem[1], None), active, n_threads)
                going_on = []
                for (k, method), step in zip(active, steps, strict=True):
                    if step is None:  # rounding hides any further decrease: `gaps` stays
                        continue
                    V[k] = step["parameters"]
                    n_iter = max(n_iter, step["n_iter"])
                    stopped = step["n_iter"] >= self.max_iter
                    if step["converged"] or stopped:
                        gaps[k] = 0.0
                        unsolved += not step["converged"]
                    elif "gap" in step:
                        gaps[k] = step["gap"] / step["objective"]
                    if not step["converged"]:
                        going_on.append((k, method))
                if any(step is not None for step in steps):
                    yield V, n_iter
                active = going_on
        if unsolved:
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} iterations "
                f"({unsolved} of {len(problems)} problems, tol={self.tol:g}). Bring the columns "
                "to one scale (StandardScaler), or try a smaller C or a larger max_iter"
                + ("." if self.dual == "auto" else ", or dual='auto'."),
                ConvergenceWarning,
                stacklevel=2,
            )
        given_up = ~(gaps <= ROUNDED_AWAY)
        if given_up.any():
            warnings.warn(
                f"{type(self).__name__} stopped in {given_up.sum()} of {len(problems)} problems "
                "where rounding hides any further decrease, up to "
                f"{gaps[given_up].max():.1e} of the objective above the minimum. The columns are "
                "badly scaled: values far from zero, or of very different sizes. Bring them to "
                "one scale (StandardScaler), or try a smaller C.",
                ConvergenceWarning,
                stacklevel=2,
            )


def _begin(method: Callable[..., Iterator], rows: Problem, **parameters: Any) -> Iterator:
    """Make the rows' intervals only now: a problem that waits for its turn holds none."""
    return method(rows(), **parameters)
