r"""From decision values to probabilities: Platt scaling, and coupling for more than two classes.

A support vector machine says on which side of the street a row lies, and how far from its middle,
but not how sure one may be.  Platt's answer is a logistic curve over the decision value f,

    p(f) = 1 / (1 + exp(a f + b)),                         two numbers for the whole machine

chosen so that what happened was most probable.  It must not be fitted to decision values of rows
that the machine was trained on, which are too good: the support vectors sit exactly on the kerb.
So the rows are dealt into five folds, and each gets its value from a machine that never saw it
(`held_out_decisions`).

With few rows a perfect separation would make the curve infinitely steep.  Platt's targets, not 1
and 0 but

    t_+ = (N_+ + 1) / (N_+ + 2),    t_- = 1 / (N_- + 2)

are what one would believe of one more row after N_+ and N_- of them, and keep it finite.  The cost,

    J(a, b) = sum_i w_i (t_i z_i + log(1 + exp(-z_i))),        z_i = a f_i + b

is convex, and Newton's method minimises it in some ten steps (`platt_curve`).

More classes have a machine for each pair, and so probabilities r_ij, "class i, if it is i or j".
They seldom agree on one p; `coupled` finds the p whose pairs come closest,

    minimise   sum_{i < j} (r_ji p_i - r_ij p_j)^2     subject to  sum_i p_i = 1

which is a system of k + 1 linear equations for each row.

Cost: five times the training, in folds of four fifths of the rows; the curve O(n) a step; coupling
O(k^3) a row.

References
----------
.. [1] Platt (1999), "Probabilistic outputs for support vector machines and comparisons to
   regularized likelihood methods", Advances in Large Margin Classifiers.
.. [2] Lin, Lin and Weng (2007), "A note on Platt's probabilistic outputs for support vector
   machines", Machine Learning 68(3).
.. [3] Wu, Lin and Weng (2004), "Probability estimates for multi-class classification by pairwise
   coupling", Journal of Machine Learning Research 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from groundup.linear_model._sgd_model import LARGEST_SEED

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

FOLDS = 5
MOST_STEPS = 100
SUFFICIENT_DECREASE = 1e-4
RIDGE = 1e-12  # where all decision values are equal, a and b cannot be told apart
SAME = 1e-12  # times their size: decision values that vary by less are equal
# probabilities of pairs are kept away from 0 and 1, where coupling would have no single answer
LEAST = 1e-7
# numbers in the systems that are solved at once
ROOM = 1_000_000


def held_out_decisions(
    decide: Callable[[Rows, Rows], Array], is_positive: NDArray[np.bool_], random_state: Any = None
) -> Array:
    """Return for every row the decision value of a machine that was not trained on it.

    Parameters
    ----------
    decide : callable
        `decide(train, test)` trains on the rows `train` and returns the decision values of the rows
        `test`; both are row numbers, in ascending order.
    is_positive : array of shape (n,), bool
        Which rows belong to the class of the positive decision values. Every fold gets its share.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds.

    Returns
    -------
    array of shape (n,)
        Where a class has a single row, there is nothing to train on without it: the others' class
        is certain then, 1 or -1.

    Examples
    --------
    >>> import numpy as np
    >>> is_positive = np.array([True, False] * 5)
    >>> held_out_decisions(lambda train, test: test / 1.0, is_positive, 0)
    array([0., 1., 2., 3., 4., 5., 6., 7., 8., 9.])
    """
    generator = np.random.default_rng(check_random_state(random_state).randint(LARGEST_SEED))
    n = len(is_positive)
    fold = np.empty(n, dtype=np.int64)
    dealt = 0
    for rows in (np.flatnonzero(is_positive), np.flatnonzero(~is_positive)):
        fold[generator.permutation(rows)] = (dealt + np.arange(len(rows))) % FOLDS
        dealt += len(rows)
    decisions = np.empty(n)
    for held_out in range(FOLDS):
        train, test = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        if len(test) == 0:
            continue
        seen = is_positive[train]
        if len(train) > 0 and seen.any() and not seen.all():
            decisions[test] = decide(train, test)
        else:
            decisions[test] = 0.0 if len(train) == 0 else 1.0 if seen[0] else -1.0
    return decisions


def platt_curve(
    decisions: Array,
    is_positive: NDArray[np.bool_],
    weights: Array | None = None,
    size: float = 0.0,
) -> tuple[float, float]:
    """Fit p(f) = 1 / (1 + exp(a f + b)); returns a and b.

    Parameters
    ----------
    decisions : array of shape (n,)
        Of rows that the machine was not trained on.
    is_positive : array of shape (n,), bool
        What the rows turned out to be.
    weights : array of shape (n,), optional
        How often each row counts.
    size : float, default=0.0
        Of the numbers whose sums the decision values are. Where these cancel, what is left may be
        their rounding, which is nothing to learn from.

    Returns
    -------
    a, b : float
        a is negative where larger decision values speak for the positive class.

    Examples
    --------
    >>> import numpy as np
    >>> decisions = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
    >>> a, b = platt_curve(decisions, decisions > 0)
    >>> p = probabilities(np.array([-2.0, 0.0, 2.0]), a, b)
    >>> p.round(2)
    array([0.12, 0.5 , 0.88])
    """
    w = np.ones(len(decisions)) if weights is None else weights
    n_positive, n_negative = float(w[is_positive].sum()), float(w[~is_positive].sum())
    t = np.where(is_positive, (n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0))
    # values of mean 0 and deviation 1, so that one scale suits all machines
    center, scale = float(decisions.mean()), float(decisions.std())
    if scale > SAME * max(size, float(np.abs(decisions).max())):
        f = (decisions - center) / scale
    else:
        f, center, scale = np.zeros(len(decisions)), 0.0, 1.0
    a, b = 0.0, float(np.log((n_negative + 1.0) / (n_positive + 1.0)))
    cost, p = _cost(f, t, w, a, b)
    for _ in range(MOST_STEPS):
        # J' = sum w (t - p) (f, 1),   J'' = sum w p (1 - p) (f, 1)(f, 1)'
        error, curvature = w * (t - p), w * p * (1.0 - p)
        slope_a, slope_b = float(error @ f), float(error.sum())
        if max(abs(slope_a), abs(slope_b)) <= 1e-10 * float(w.sum()):
            break
        aa, ab, bb = float(curvature @ f**2), float(curvature @ f), float(curvature.sum())
        aa, bb = aa + RIDGE * bb, bb + RIDGE * bb
        # (da, db) = -J''^-1 J'
        da = -(bb * slope_a - ab * slope_b) / (aa * bb - ab * ab)
        db = -(aa * slope_b - ab * slope_a) / (aa * bb - ab * ab)
        promised = da * slope_a + db * slope_b
        length = 1.0
        while length > 1e-10:
            there, p_there = _cost(f, t, w, a + length * da, b + length * db)
            if there <= cost + SUFFICIENT_DECREASE * length * promised:
                break
            length *= 0.5
        else:
            break  # rounding hides any further decrease
        a, b, cost, p = a + length * da, b + length * db, there, p_there
    return a / scale, b - a * center / scale


def _cost(f: Array, t: Array, w: Array, a: float, b: float) -> tuple[float, Array]:
    z = a * f + b
    # t z + log(1 + e^-z), without an exponential that overflows
    return float(w @ (t * z + np.logaddexp(0.0, -z))), np.exp(-np.logaddexp(0.0, z))


def probabilities(decisions: Array, a: float | Array, b: float | Array) -> Array:
    """Return 1 / (1 + exp(a f + b)), of the shape of `decisions`."""
    return np.exp(-np.logaddexp(0.0, a * decisions + b))


def coupled(pairs: Array) -> Array:
    """Return the probabilities of k classes that agree best with those of their pairs.

    Parameters
    ----------
    pairs : array of shape (n, k, k)
        `pairs[:, i, j]` is the probability of class i among i and j, so that
        `pairs[:, j, i] = 1 - pairs[:, i, j]`. The diagonal is not read.

    Returns
    -------
    array of shape (n, k)
        Rows sum to 1.

    Examples
    --------
    Pairs that agree with each other give back what they came from:

    >>> import numpy as np
    >>> p = np.array([0.5, 0.3, 0.2])
    >>> coupled((p[:, None] / (p[:, None] + p))[None])
    array([[0.5, 0.3, 0.2]])
    """
    n, k, _ = pairs.shape
    p = np.empty((n, k))
    at_once = max(1, ROOM // (k + 1) ** 2)
    right = np.zeros((k + 1, 1))
    right[k] = 1.0
    for first in range(0, n, at_once):
        r = np.clip(pairs[first : first + at_once], LEAST, 1.0 - LEAST)
        r[:, np.arange(k), np.arange(k)] = 0.0
        # the derivative of the sum and of its constraint:   [Q 1; 1' 0] (p, lambda) = (0, 1)
        # Q_ii = sum_{j != i} r_ji^2,   Q_ij = -r_ji r_ij
        r_ji = r.transpose(0, 2, 1)
        system = np.ones((len(r), k + 1, k + 1))
        system[:, :k, :k] = -r * r_ji
        system[:, np.arange(k), np.arange(k)] = np.sum(r**2, axis=1)
        system[:, k, k] = 0.0
        p[first : first + at_once] = np.linalg.solve(system, right)[:, :k, 0]
    # rounding may leave a tiny negative number in place of zero
    np.maximum(p, 0.0, out=p)
    return p / p.sum(axis=1, keepdims=True)
