"""Deal rows out into parts, for the test rows and for the folds alike.

By chance or by class, copies of a row count as one: of each set of equal rows one is dealt out and
the others follow it, so that no row can be answered from memory. A row that repeats so often that
it would unbalance any part (over ten times, and in over 1% of the rows) always trains.
Copies are not kept together where more than half of the rows repeat another; then the columns are
so coarse that equal rows are coincidences, and new rows will repeat old ones just as often.

In time, each fold fits on all that came before the stretch that it validates on.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

#: Positions of the rows to fit on, and of those to score; ascending.
Fold = tuple[np.ndarray, np.ndarray]

Chance = Literal["group", "stratified", "random"]

# Beyond this share of repeated rows, equal rows are taken for coincidences.
_MOST_REPEATED = 0.5
_COPIES_OF_A_ROW = 10


@dataclass(frozen=True)
class Copies:
    """Which rows are equal.

    Parameters
    ----------
    keys : int ndarray of shape (n,)
        Equal rows have equal keys, 0 .. G-1 in order of appearance.
    repeated : int
        Rows that repeat an earlier one.
    most : int or None
        Rows with more copies than this are not dealt out; None where there are none.
    """

    keys: np.ndarray
    repeated: int
    most: int | None

    @property
    def coincide(self) -> bool:
        """Whether equal rows are coincidences rather than copies."""
        return self.repeated > _MOST_REPEATED * len(self.keys)


def copies(X: pd.DataFrame) -> Copies:
    """Find the rows that are equal in every column, a missing value being equal to another.

    Examples
    --------
    >>> import pandas as pd
    >>> found = copies(pd.DataFrame({"a": [1.0, None, 1.0, None], "b": ["x", "y", "x", "z"]}))
    >>> found.keys, found.repeated
    (array([0, 1, 0, 2]), 1)
    """
    keys = X.groupby(list(X.columns), dropna=False, sort=False).ngroup().to_numpy()
    sizes = np.bincount(keys)
    most = max(_COPIES_OF_A_ROW, len(X) // 100)
    return Copies(keys, len(X) - len(sizes), most if (sizes > most).any() else None)


@dataclass(frozen=True)
class Dealer:
    """Deals rows out by scikit-learn's splitters.

    Parameters
    ----------
    method : {"group", "stratified", "random"}
    y : Series of shape (n,)
    classes : bool
        Whether `y` holds classes.
    seed : int
    keys : int ndarray of shape (n,), default=None
        Rows of one key stay together.
    most : int or None, default=None
        What has more rows of one key is left out of all parts; not for groups.
    """

    method: Chance
    y: pd.Series
    classes: bool
    seed: int
    keys: np.ndarray | None = None
    most: int | None = None

    def splitter(self, n_parts: int) -> Any:
        """Return the splitter of scikit-learn that does the dealing."""
        from sklearn import model_selection

        if self.method == "group":
            name = "StratifiedGroupKFold" if self.classes else "GroupKFold"
        else:
            name = "StratifiedKFold" if self.method == "stratified" else "KFold"
        return getattr(model_selection, name)(
            n_splits=n_parts, shuffle=True, random_state=self.seed
        )

    def of(self, rows: np.ndarray) -> Dealer:
        """Return the dealer of some of the rows."""
        keys = None if self.keys is None else self.keys[rows]
        return replace(self, y=self.y.iloc[rows], keys=keys)

    def dealt(self) -> np.ndarray:
        """Positions of the rows that are dealt out: the first of each key, (G,)."""
        if self.keys is None or self.method == "group":
            return np.arange(len(self.y))
        first, sizes = np.unique(self.keys, return_index=True, return_counts=True)[1:]
        return first[sizes <= self.most] if self.most else first

    def parts(self, n_parts: int) -> list[Fold]:
        """Deal all rows out into parts; each comes with the rows that are not in it.

        Raises
        ------
        ValueError
            From scikit-learn, if there are fewer groups, or rows of every class, than parts.
        """
        splitter = self.splitter(n_parts)
        dealt = self.dealt()
        with warnings.catch_warnings():
            # The audit says which classes are rare.
            warnings.filterwarnings("ignore", message="The least populated class")
            if self.method == "group" or self.keys is None:
                return list(splitter.split(self.y, self.y, self.keys))
            masks = [
                np.isin(self.keys, self.keys[dealt[part]])
                for _, part in splitter.split(dealt, self.y.iloc[dealt])
            ]
        return [(np.flatnonzero(~mask), np.flatnonzero(mask)) for mask in masks]


def folds_in_time(when: pd.Series, n_folds: int) -> list[Fold]:
    """Make folds that fit on the past and validate on what follows; equal times stay together.

    The rows are cut into ``n_folds + 1`` stretches of time of about equal length; fold i fits on
    the first i of them and validates on the next. A missing time counts as the earliest.

    Examples
    --------
    >>> import pandas as pd
    >>> for fit, validate in folds_in_time(pd.Series([1, 1, 2, 3, 3, 4]), 2):
    ...     print(fit, validate)
    [0 1] [2]
    [0 1 2] [3 4 5]
    """
    n = len(when)
    rank = when.rank(method="min", na_option="top").to_numpy()  # (n,) 1 for the earliest
    # The rank at which each stretch begins: that of the row a (k / (n_folds + 1)) of the way.
    starts = np.sort(rank)[(n * np.arange(1, n_folds + 1)) // (n_folds + 1)]
    folds = []
    for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
        fit = np.flatnonzero(rank < start)
        validate = np.flatnonzero((rank >= start) & (rank < end))
        if len(fit) and len(validate):
            folds.append((fit, validate))
    return folds
