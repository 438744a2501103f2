"""Are there clusters at all? The deepest valley in the data against those that chance digs.

Every algorithm of clustering finds clusters in everything: k-means cuts a ball into halves, and a
long band into stable pieces that look well separated. What a single crowd lacks is a valley. So the
question is put once, before any algorithm is asked:

    statistic = mean over k of (prominence of the second highest peak) * sqrt(k / 2)

where the prominence is that of `crowds.prominences` at k = 8, 10, 14 and 20 neighbours. As a log
density from k neighbours has a standard error of 1 / sqrt(k), and a prominence is a difference of
two, each term is in units of its own noise. Chance digs valleys too, and how deep depends on the
number of rows and on the dimension. Hence the same statistic of made-up tables with as many rows,
in which there is one crowd only:

- one Gaussian cloud with the data's covariance;
- a box with the data's principal extents, evenly filled;
- where the rows fill three directions or fewer, a bent band or sheet as well. Bends stretch and
  squeeze a sheet, above all when its columns are scaled, and so make shallow valleys of their own.
  In more directions neighbours are too far apart for such bends to be seen;
- where number columns take few values (counts, grades), a Gaussian cloud whose columns are cut into
  just those values, as often as the data have them and as correlated. Whoever has no siblings and
  no children is in a crowd of his own before one has looked;
- where such columns are many, the table itself with each column shuffled. Rows of the same
  values are a crowd each before one has looked; shuffled columns have as many such crowds, and
  nothing to do with one another.

With few rows in many directions (`n < 5 d`) all rows are equally far apart, and no valley is to be
seen between any two crowds. There the rows of the data, and of each made-up table, are looked at
in their leading principal components: those that hold more of the variance than a stick broken at
random gives its longest pieces, and two at least.

    p = the largest, over the kinds, of (1 + tables at least as extreme) / (1 + tables)

The largest, since a single crowd of any kind is enough to explain the data.

References
----------
.. [1] Besag, Clifford (1991): Sequential Monte Carlo p-values.
.. [2] Tibshirani, Walther, Hastie (2001): Estimating the number of clusters via the gap statistic.
.. [3] Jackson (1993): Stopping rules in principal components analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from groundup.workflow.clusters.crowds import densities, prominences
from groundup.workflow.clusters.deadline import Deadline

#: Neighbours that the density is estimated from.
NEIGHBOURS = (8, 10, 14, 20)
#: The share of single crowds that may be taken for several.
LEVEL = 0.02
#: Rows that the test looks at; more of them add time, but little power.
MOST_ROWS = 1000
#: Fewer rows than this can show no valley at all.
LEAST_ROWS = 30
_DRAWS = 99
# Just enough draws for the level, if none of them is as extreme. They do where time is short, and
# where the data are above all of them by this factor.
_FEWEST_DRAWS, _FAR_ABOVE, _SHARE_OF_TIME = 49, 2.0, 0.4
_BENT_BELOW = 3.5
# Fewer rows than this for each column: only the leading components can show a valley.
_ROWS_A_COLUMN, _MOST_LEADING = 5, 10
#: A column of 3 to so many distinct values is a scale of steps, not of numbers.
FEW_VALUES = 12

Draw = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class OneCrowd:
    """The result of the test.

    Parameters
    ----------
    statistic : float
    dimension : float
        How many directions the rows fill.
    draws : dict of str to list of float
        The statistic of the made-up tables, by kind.
    p_value : float
    n_rows : int
        How many rows were looked at.
    n_leading : int
        In how many leading components of their columns; 0: in the columns themselves.
    """

    statistic: float
    dimension: float
    draws: dict[str, list[float]]
    p_value: float
    n_rows: int = 0
    n_leading: int = 0

    @property
    def is_refuted(self) -> bool:
        """Whether the data are more than one crowd."""
        return self.p_value <= LEVEL


def one_crowd_test(
    X: np.ndarray,
    *,
    seed: int,
    shuffled: Draw | None = None,
    deadline: Deadline | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> OneCrowd:
    """Test whether the rows of `X` are one crowd.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    seed : int
    shuffled : callable (rng), optional
        Returns `X` as it is if the table's columns are shuffled, of shape (n, d); for tables in
        which categories count.
    deadline : Deadline, optional
        Half of the made-up tables are left out if time runs short; the level stays.
    progress : callable (done, total, text), optional

    Returns
    -------
    OneCrowd

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> one_crowd_test(X, seed=0).is_refuted
    False
    >>> X[:80] += 8
    >>> one_crowd_test(X, seed=0).is_refuted
    True
    """
    rng = np.random.default_rng(seed)
    table = X
    X = _looked_at(X, rng)
    if len(X) < LEAST_ROWS:
        return OneCrowd(0.0, float(X.shape[1]), {}, 1.0, len(X))
    seen = leading_components(X)
    n_leading = seen.shape[1] if seen is not X else 0
    observed, dimension = valley_statistic(seen)
    kinds = single_crowds(X)
    steps = few_valued(table)
    if steps.any():
        kinds["Gaussian cloud, cut into the values there are"] = _cut_cloud(table, steps, len(X))
    if dimension >= _BENT_BELOW:
        del kinds["bent sheet"]
    if shuffled is not None:
        kinds["shuffled columns"] = lambda rng: _looked_at(shuffled(rng), rng)
    draws: dict[str, list[float]] = {}
    p_value = 0.0
    for done, (kind, draw) in enumerate(kinds.items()):
        if progress:
            progress(done, len(kinds), f"looking for valleys in made-up tables: {kind}")
        draws[kind], p_kind = _draw_until_clear(observed, draw, rng, deadline)
        p_value = max(p_value, p_kind)
        if p_value > LEVEL:
            break  # one kind of single crowd explains the data
    return OneCrowd(observed, dimension, draws, p_value, len(X), n_leading)


def _looked_at(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (a sample of) the rows, those that are equal spread a little."""
    X = spread_ties(X, rng)
    return X[rng.choice(len(X), MOST_ROWS, replace=False)] if len(X) > MOST_ROWS else X


def _draw_until_clear(
    observed: float, draw: Draw, rng: np.random.Generator, deadline: Deadline | None
) -> tuple[list[float], float]:
    """Draw tables until the answer can no longer change; return their statistics and p."""
    drawn: list[float] = []
    extreme = 0
    for _ in range(_DRAWS):
        drawn.append(valley_statistic(leading_components(draw(rng)))[0])
        extreme += drawn[-1] >= observed
        if (1 + extreme) / (1 + _DRAWS) > LEVEL:
            break
        if len(drawn) == _FEWEST_DRAWS and (
            _FAR_ABOVE * max(drawn) < observed
            or (deadline and deadline.is_over(_SHARE_OF_TIME, "half of the made-up tables"))
        ):
            break
    return drawn, (1 + extreme) / (1 + len(drawn))


def valley_statistic(X: np.ndarray) -> tuple[float, float]:
    """Return the depth of the deepest valley, in units of its noise, and the rows' dimension."""
    counts = tuple(k for k in NEIGHBOURS if k < len(X))
    found = densities(X, counts)
    terms = [
        prominences(density, k).max(initial=0.0) * np.sqrt(k / 2)
        for k, density in zip(counts, found, strict=True)
    ]
    return float(np.mean(terms)), found[-1].dimension


def leading_components(X: np.ndarray) -> np.ndarray:
    """Return `X`, or its leading principal components if there are few rows for its columns.

    Component j of d leads if its share of the variance is beyond that of the j-th longest piece of
    a stick broken at random, (1/j + ... + 1/d) / d.
    """
    n, d = X.shape
    if n >= _ROWS_A_COLUMN * d:
        return X
    centred = X - X.mean(axis=0)
    U, singular, _ = np.linalg.svd(centred, full_matrices=False)
    share = singular**2 / np.sum(singular**2)
    pieces = np.cumsum(1 / np.arange(len(share), 0, -1))[::-1] / len(share)
    beyond = share > pieces
    leading = len(share) if beyond.all() else int(beyond.argmin())
    leading = min(max(leading, 2), _MOST_LEADING)
    return U[:, :leading] * singular[:leading]


def few_valued(X: np.ndarray) -> np.ndarray:
    """Return which columns are scales of a few steps, (d,) bool."""
    counts = np.array([len(np.unique(column)) for column in X.T])
    return (counts > 2) & (counts <= FEW_VALUES) & (4 * counts <= len(X))


def _cut_cloud(X: np.ndarray, steps: np.ndarray, n_drawn: int) -> Draw:
    """Return what draws a Gaussian cloud, and cuts the columns `steps` into the values of `X`.

    With m the mean of a standard normal variable between the cuts of each value, and s the standard
    deviation of m, the cut columns a and b of a cloud with correlation r have one of r s_a s_b.
    """
    from scipy.special import ndtri

    scores = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    kept = np.ones(X.shape[1])
    cuts: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for j in np.flatnonzero(steps):
        values, place, counts = np.unique(X[:, j], return_inverse=True, return_counts=True)
        shares = counts / len(X)
        inner = ndtri(np.cumsum(shares)[:-1])
        height = np.concatenate([[0.0], np.exp(-(inner**2) / 2) / np.sqrt(2 * np.pi), [0.0]])
        middle = (height[:-1] - height[1:]) / shares
        scores[:, j] = middle[place]
        kept[j] = np.sqrt(shares @ middle**2)
        cuts[int(j)] = inner, values
    # r = corr(a, b) / (s_a s_b), made positive semidefinite
    r = np.nan_to_num(np.corrcoef(scores.T)).reshape(len(kept), -1) / np.outer(kept, kept)
    np.fill_diagonal(r, 1.0)
    variances, axes = np.linalg.eigh(np.clip(r, -1, 1))
    root = axes * np.sqrt(np.maximum(variances, 0.0))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    spread = X.std(axis=0)

    def draw(rng: np.random.Generator) -> np.ndarray:
        Z = rng.normal(size=(n_drawn, len(kept))) @ root.T
        cloud = Z * spread
        for j, (inner, values) in cuts.items():
            cloud[:, j] = values[np.searchsorted(inner, Z[:, j])]
        return spread_ties(cloud, rng, steps)

    return draw


def single_crowds(X: np.ndarray) -> dict[str, Draw]:
    """Return the ways of making up a table of one crowd with as many rows as `X`."""
    n = len(X)
    centred = X - X.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    scores = centred @ axes.T  # (n, min(n, d)): the rows in their principal directions
    spread, extent = scores.std(axis=0), np.ptp(scores, axis=0)

    def cloud(rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=scores.shape) * spread

    def box(rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(size=scores.shape) * extent

    def bent(rng: np.random.Generator) -> np.ndarray:
        return bent_sheet(n, rng)

    return {"Gaussian cloud": cloud, "even box": box, "bent sheet": bent}


def bent_sheet(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` rows of a band in the plane, or of a sheet in space, along a random wave.

    The columns are standardised, as those of a table are.
    """
    along = rng.uniform(-1, 1, n)
    wave = rng.uniform(0.2, 0.9) * np.sin(rng.uniform(0.5, 2.7) * along + rng.uniform(0, 2 * np.pi))
    columns = [along, wave]
    if rng.random() < 0.5:
        columns.append(rng.uniform(0.3, 1) * rng.uniform(-1, 1, n))
    X = np.column_stack(columns)
    X += rng.normal(scale=rng.uniform(0.03, 0.12), size=X.shape)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def spread_ties(
    X: np.ndarray, rng: np.random.Generator, steps: np.ndarray | None = None
) -> np.ndarray:
    """Spread values that several rows share over the interval that they stand for.

    A column of whole numbers has gaps between them, and no gap means anything; a column of zeros
    and ones has two crowds before one has looked. Each shared value is spread evenly: on a scale of
    few steps half the way to both its neighbours, so that no gap is left; elsewhere half the way to
    the nearer one, on both sides.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    rng : Generator
    steps : bool ndarray of shape (d,), optional
        The columns that are scales of few steps; by default as `few_valued` says.
    """
    steps = few_valued(X) if steps is None else steps
    X = X.copy()
    for column, few in zip(X.T, steps, strict=True):
        values, place, counts = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < 2 or counts.max() == 1:
            continue
        gaps = np.diff(values)
        below, above = np.append(gaps[0], gaps) / 2, np.append(gaps, gaps[-1]) / 2
        if not few:
            below = above = np.minimum(below, above)
        below, above = np.where(counts > 1, below, 0.0), np.where(counts > 1, above, 0.0)
        column += rng.uniform(-below[place], above[place])
    return X
