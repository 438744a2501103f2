"""What the audit's checks look at: a table's columns with their kinds and their counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Columns:
    """The columns of a frame, with what every check asks of them, counted once.

    Parameters
    ----------
    frame : DataFrame of shape (n, d)
    kinds : mapping of str to {"number", "boolean", "date", "text"}
    """

    frame: pd.DataFrame
    kinds: Mapping[str, str]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.frame)

    def named(self, *kinds: str) -> list[str]:
        """Names of the columns of these kinds, in the frame's order; all without an argument."""
        return [name for name in self.frame.columns if not kinds or self.kinds[name] in kinds]

    @cached_property
    def missing(self) -> dict[str, int]:
        """Missing cells of each column."""
        return {name: int(count) for name, count in self.frame.isna().sum().items()}

    @cached_property
    def distinct(self) -> dict[str, int]:
        """Distinct values of each column, a missing one not counted."""
        return {name: int(count) for name, count in self.frame.nunique().items()}

    def present(self, name: str) -> pd.Series:
        """Return the values of a column that are there."""
        return self.frame[name].dropna()

    def numbers(self, name: str) -> np.ndarray:
        """Return the values of a column of numbers that are there, float64."""
        values = self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        return values[~np.isnan(values)]

    def without(self, names: Iterable[str]) -> Columns:
        """Return these columns without some."""
        left_out = set(names)
        kept = [name for name in self.frame.columns if name not in left_out]
        return Columns(self.frame[kept], {name: self.kinds[name] for name in kept})


def thinned(positions: np.ndarray, most: int = 20_000) -> np.ndarray:
    """Take every so many of the positions, so that at most `most` are left.

    Examples
    --------
    >>> import numpy as np
    >>> thinned(np.arange(7), most=3)
    array([0, 3, 6])
    """
    return positions[:: max(1, -(-len(positions) // most))]


def percent(count: float, total: float) -> str:
    """Write a share so that "some" never reads as "none" and "nearly all" never as "all".

    Examples
    --------
    >>> percent(1, 3), percent(1, 100_000), percent(99_999, 100_000), percent(2, 2)
    ('33%', 'under 0.1%', 'over 99.9%', '100%')
    """
    share = 100 * count / total if total else 0.0
    if 0 < share < 0.1:
        return "under 0.1%"
    if 99.9 < share < 100:
        return "over 99.9%"
    return f"{share:.1f}%" if 0 < share < 10 or 90 < share < 100 else f"{share:.0f}%"


def listed(names: Iterable[object], most: int = 6) -> str:
    """Write names one after the other, the rest as a count.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed("abcd", most=2)
    ('a, b and c', 'a, b and 2 more')
    """
    items = [str(name) for name in names]
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def counted(count: int, one: str, more: str | None = None) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{count:,} {one if count == 1 else more or one + 's'}"
