"""Which variables are worked on together, and how the others hear of it.

See `_smo` for the idea.  Here is the outer loop: choose a set, let `pair_steps` bring it to rest,
tell all rows (one pass), set aside those that rest, and prove the result in double precision.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groundup._blocks import single_blas_thread

if TYPE_CHECKING:
    from groundup.svm._smo import Dual

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MANY_ROWS = 25_000
SET = 2048  # variables in a set
LARGE_SET = 4096  # beyond MANY_ROWS rows, or where a SET is too small for those inside their ranges
TO_REST = 0.02  # a set is worked on until its violation is this part of what it was
HALFWAY = 0.5  # candidates violate by at least this part of the worst
NEAR = 30.0  # times tol: how near the border f is computed anew in double precision
LEAST_GAIN = 1e-15  # relative: what lowers the objective by less is rounding
PATIENCE, PATIENCE_WITH_ONE = 50, 5  # sets without progress, which `tol` below rounding would give
MOST_PROOFS = 4  # by single precision
SINGLE = 3e-6  # part of C that tol must be at least, for single precision
WORTHWHILE = 0.25  # part of the rows that are set aside at once


def one_set(dual: Dual, tol: float, max_iter: int) -> Generator[None, None, None]:
    """Solve with one working set of all rows; pauses after n, 2n, 4n, ... more steps."""
    n = len(dual.b)
    everybody = np.arange(n)
    if dual.rows.function.name == "precomputed":
        K = dual.rows.among(everybody, np.float64)
    else:
        with single_blas_thread():
            K = dual.rows.among(everybody, np.float64)
    most, progress = max(n, 256), Progress(PATIENCE_WITH_ONE)
    while dual.violation > tol and progress.goes_on(dual) and not 0 <= max_iter <= dual.n_iter:
        if max_iter >= 0:
            most = min(most, max_iter - dual.n_iter)
        *_, dual.e = dual.work_on(everybody, K, tol, most)
        dual.measure(*dual.gains_and_costs())
        yield
        most *= 2


def working_sets(
    dual: Dual, tol: float, max_iter: int, shrinking: bool
) -> Generator[None, None, None]:
    """Solve with one working set after the other; pauses after each."""
    rows, n = dual.rows, len(dual.b)
    # Single precision errs by some 1e-7 a weight, and weights are as large as C.
    small = SINGLE * max(dual.high.max(), -dual.low.min()) <= tol
    dtype: type = rows.precision if small else np.float64
    lot, aside = np.random.default_rng(0), Aside(dual)
    proofs, proved = 0, dtype is np.float64  # whether e near the border is of double precision
    progress = Progress(PATIENCE)
    told = True  # whether the outside has seen this state: one for each set, whatever is proved
    while True:
        gain, cost = dual.gains_and_costs()
        aside.hide(gain, cost)
        dual.measure(gain, cost)
        if not told:
            yield
        told = False
        settled = not dual.violation > (tol if proved else 0.9 * tol)
        if settled and aside.groups:
            aside.catch_up(dtype)
            continue
        if settled and not proved:
            proofs += 1
            if proofs > MOST_PROOFS:
                dtype = np.float64  # single precision has no more to give
            prove(dual, gain, cost, np.inf if dtype is np.float64 else NEAR * tol)
            proved = True
            continue
        told = True
        if settled or 0 <= max_iter <= dual.n_iter:
            return
        if not progress.goes_on(dual):
            if dtype is np.float64:
                return
            dtype, progress = np.float64, Progress(PATIENCE)
            prove(dual, gain, cost, np.inf)
            continue
        if shrinking:
            aside.extend(gain, cost)
        n_inside = np.count_nonzero(np.isfinite(gain) & np.isfinite(cost))
        large = n > MANY_ROWS or n_inside > SET // 2
        size = min(LARGE_SET if large else SET, rows.room_for(dtype), n)
        chosen = choose(gain, cost, size, lot)
        most = 100 * size if max_iter < 0 else min(100 * size, max_iter - dual.n_iter)
        to_rest = max(TO_REST * dual.violation, 0.5 * tol)
        with single_blas_thread():
            K = rows.among(chosen, dtype)
            moved, change, _ = dual.work_on(chosen, K, to_rest, most)
            # e = t - K b
            rows.add_to(dual.e, moved, -change, dtype, aside.active)
        proved, told = dtype is np.float64, False


def choose(gain: Array, cost: Array, size: int, lot: np.random.Generator) -> Rows:
    """Return the next working set: up to `size` rows, ascending.

    Parameters
    ----------
    gain, cost : ndarray of shape (n,)
        Of a rise and of a fall; -+infinity where there is none.
    size : int
        At least 2.
    lot : numpy.random.Generator
    """
    m, M = gain.max(), cost.min()
    inside = np.flatnonzero(np.isfinite(gain) & np.isfinite(cost))
    chosen = np.zeros(len(gain), bool)
    chosen[[gain.argmax(), cost.argmin()]] = True
    if len(inside) > size // 2:
        violation = np.maximum(gain[inside] - M, m - cost[inside])
        inside = inside[np.argpartition(-violation, size // 2)[: size // 2]]
    chosen[inside[: max(0, size - 2)]] = True
    room = (size - np.count_nonzero(chosen)) // 2
    # how much each violates the condition, at the best
    for violation in (gain - M, m - cost):
        violation[chosen] = -np.inf
        candidates = np.flatnonzero(violation > HALFWAY * (m - M))
        if len(candidates) > room:
            candidates = lot.choice(candidates, room, replace=False)
        else:
            candidates = np.flatnonzero(violation > 0.0)
            if len(candidates) > room:
                worst_first = np.argpartition(-violation[candidates], room)
                candidates = candidates[worst_first[:room]]
        chosen[candidates] = True
    return np.flatnonzero(chosen)


class Progress:
    """Tells when rounding hides all further progress."""

    def __init__(self, patience: int):
        self.patience = patience
        self.without = 0
        self.objective = self.violation = np.inf

    def goes_on(self, dual: Dual) -> bool:
        """Tell whether objective or violation have fallen within the last `patience` calls."""
        lower = self.objective - dual.objective > LEAST_GAIN * abs(dual.objective)
        nearer = dual.violation < self.violation
        self.without = 0 if lower or nearer else self.without + 1
        self.objective = dual.objective
        self.violation = min(dual.violation, self.violation)
        return self.without <= self.patience


class Aside:
    """Rows that rest at a bound, whose e waits (shrinking).

    Each group remembers the weights of the moment in which it was set aside: what has changed since
    is all that it has to hear of.
    """

    def __init__(self, dual: Dual):
        self.dual = dual
        self.groups: list[tuple[Rows, Array]] = []
        self.active: Rows | None = None  # all of them

    def hide(self, gain: Array, cost: Array) -> None:
        """Leave the rows that are set aside out of every choice."""
        for group, _ in self.groups:
            gain[group], cost[group] = -np.inf, np.inf

    def extend(self, gain: Array, cost: Array) -> None:
        """Set aside who is beyond all that could move, if they are many."""
        m, M = self.dual.m, self.dual.M
        active = np.arange(len(gain)) if self.active is None else self.active
        # by a margin of the violation itself
        rests = (gain[active] < M - (m - M)) & (cost[active] > m + (m - M))
        if np.count_nonzero(rests) > WORTHWHILE * len(active):
            group, self.active = active[rests], active[~rests]
            self.groups.append((group, self.dual.b.copy()))
            self.hide(gain, cost)

    def catch_up(self, dtype: type) -> None:
        """Bring e of all groups up to date, and take them back."""
        dual = self.dual
        with single_blas_thread():
            for group, b_then in self.groups:
                change = dual.b - b_then
                moved = np.flatnonzero(change)
                dual.rows.add_to(dual.e, moved, -change[moved], dtype, group)
        self.groups, self.active = [], None


def prove(dual: Dual, gain: Array, cost: Array, near: float) -> None:
    """Compute e anew in double precision, for the rows within `near` of the border.

    If it differs by more than half of that anywhere, `near` was too near: then for all rows.
    """
    support = np.flatnonzero(dual.b)
    rows = np.flatnonzero((gain > dual.M - near) | (cost < dual.m + near))
    while True:
        f = np.zeros(len(dual.b))
        with single_blas_thread():
            dual.rows.add_to(f, support, dual.b[support], np.float64, rows)
        error = np.abs(dual.target[rows] - f[rows] - dual.e[rows]).max(initial=0.0)
        dual.e[rows] = dual.target[rows] - f[rows]
        if 2.0 * error < near:
            return
        rows = np.arange(len(dual.b))
