"""What `LinearSVC` and `LinearSVR` share: the choice of a method, and the steps of all problems.

===================== ============= ====================== =========================================
distances             penalty       shape                  method
===================== ============= ====================== =========================================
squared               l2            rows >= columns        Newton's method (`_primal_newton`)
squared               l2            rows < columns         descent in the dual (`_dual_descent`)
not squared           l2            any                    descent in the dual
squared               l1            any                    Newton's method that keeps exact zeros
                                                           (`_sparse_newton`)
===================== ============= ====================== =========================================

All of them minimise what scikit-learn minimises; they differ in how fast they get there.
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
from groundup.svm._primal_newton import primal_newton
from groundup.svm._sparse_newton import sparse_newton
from groundup.svm._squared_distance import WORTH_A_THREAD

Array = NDArray[np.float64]
Problem = Callable[[], Rows]

# problems that are solved side by side; each needs some numbers for every row
SIDE_BY_SIDE = 8

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

    def _in_dual(self, X: Array) -> bool:
        """Say whether to solve the dual problem, as scikit-learn chooses."""
        if self.dual != "auto":
            return bool(self.dual)
        preferred, other = (DUAL, PRIMAL) if X.shape[0] < X.shape[1] else (PRIMAL, DUAL)
        solvable = preferred if (self.penalty, self.loss) in preferred else other
        return solvable is DUAL

    def _constant(self) -> float:
        return float(self.intercept_scaling) if self.fit_intercept else 0.0

    def _methods(self, X: Array, problems: list[Problem]) -> list[Callable[[], Iterator]]:
        """Return for each problem what begins its steps."""
        n_threads = thread_count()
        limits = {"max_iter": self.max_iter, "tol": self.tol}
        if self._in_dual(X):
            squared = self.loss.startswith("squared")
            seeds = _seeds(self.random_state, len(problems))
            return [
                partial(_begin, dual_descent, rows, squared=squared, seed=seed, **limits)
                for rows, seed in zip(problems, seeds, strict=True)
            ]
        method = sparse_newton if self.penalty == "l1" else primal_newton
        return [partial(_begin, method, rows, n_threads=n_threads, **limits) for rows in problems]

    def _solutions(self, X: Array, problems: list[Problem]) -> Iterator[tuple[Array, int]]:
        """Yield the weights V (K, d + 1) of all problems and the steps taken, after every step."""
        # Newton's method has threads of its own
        spread = self._in_dual(X) and X.size >= WORTH_A_THREAD
        n_threads = thread_count() if spread else 1
        V = np.zeros((len(problems), X.shape[1] + 1))
        n_iter, unsolved = 0, 0
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
                    if step is None:  # rounding hid any further decrease
                        continue
                    V[k] = step["parameters"]
                    n_iter = max(n_iter, step["n_iter"])
                    if not step["converged"]:
                        unsolved += step["n_iter"] >= self.max_iter
                        going_on.append((k, method))
                if any(step is not None for step in steps):
                    yield V, n_iter
                active = going_on
        if unsolved:
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} iterations "
                f"({unsolved} of {len(problems)} problems, tol={self.tol:g}). Bring the columns "
                "to one scale (StandardScaler), or try a smaller C or a larger max_iter"
                + (
                    ", or loss='squared_hinge', which is solved exactly."
                    if self.loss == "hinge"
                    else "."
                ),
                ConvergenceWarning,
                stacklevel=2,
            )


def _begin(method: Callable[..., Iterator], rows: Problem, **parameters: Any) -> Iterator:
    """Make the rows' intervals only now: a problem that waits for its turn holds none."""
    return method(rows(), **parameters)


def _seeds(random_state: Any, count: int) -> list[int]:
    return check_random_state(random_state).randint(LARGEST_SEED, size=count).tolist()
