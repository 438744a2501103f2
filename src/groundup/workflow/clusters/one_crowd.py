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
- where columns take few values, the table itself with each column shuffled. Rows of the same
  values are a crowd each before one has looked; shuffled columns have as many such crowds, and
  nothing to do with one another.

    p = the largest, over the kinds, of (1 + tables at least as extreme) / (1 + tables)

The largest, since a single crowd of any kind is enough to explain the data.

References
----------
.. [1] Besag, Clifford (1991): Sequential Monte Carlo p-values.
.. [2] Tibshirani, Walther, Hastie (2001): Estimating the number of clusters via the gap statistic.
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
# Whoever is above all of so many draws by this factor is not asked to beat the others.
_FIRST_DRAWS, _FAR_ABOVE = 29, 2.0
# Where time is short: just enough draws for the level, if none of them is as extreme.
_FEWEST_DRAWS, _SHARE_OF_TIME = 49, 0.4
_BENT_BELOW = 3.5

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
    """

    statistic: float
    dimension: float
    draws: dict[str, list[float]]
    p_value: float

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
    X = _looked_at(X, rng)
    if len(X) < LEAST_ROWS:
        return OneCrowd(0.0, float(X.shape[1]), {}, 1.0)
    observed, dimension = valley_statistic(X)
    kinds = single_crowds(X)
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
    return OneCrowd(observed, dimension, draws, p_value)


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
        drawn.append(valley_statistic(draw(rng))[0])
        extreme += drawn[-1] >= observed
        if (1 + extreme) / (1 + _DRAWS) > LEVEL:
            break
        if len(drawn) == _FIRST_DRAWS and _FAR_ABOVE * max(drawn) < observed:
            # Draws that are spared because none came near count as less extreme.
            return drawn, 1 / (1 + _DRAWS)
        enough = len(drawn) == _FEWEST_DRAWS
        if enough and deadline and deadline.is_over(_SHARE_OF_TIME, "half of the made-up tables"):
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


def spread_ties(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Spread values that several rows share over the interval that they stand for.

    A column of whole numbers has gaps between them, and no gap means anything; a column of zeros
    and ones has two crowds before one has looked. Each shared value is spread evenly, as far as
    half the way to the nearer of its two neighbours.
    """
    X = X.copy()
    for column in X.T:
        values, place, counts = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < 2 or counts.max() == 1:
            continue
        gaps = np.diff(values)
        nearer = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
        half = np.where(counts > 1, nearer / 2, 0.0)[place]
        column += rng.uniform(-1, 1, len(column)) * half
    return X
