"""What a model would cost on a table, known beforehand from its rows, columns and classes.

Most models take time in proportion to the rows, or little more. Support vectors do not: each row is
compared with all the others, so twice the rows take four times as long. Such a model is left out of
the comparison where its folds would take more than a set share of the time aimed for. The rule
looks at the size of the table alone, never at a clock, so that the same table and the same options
always have the same models compared.
"""

from __future__ import annotations

from groundup.workflow.candidate import Candidate
from groundup.workflow.report_text import seconds as seconds_words

# The share of the time aimed for that all the folds of one such model may take.
_SHARE = 0.15

# Measured on tables of 1,000 to 12,000 rows and 2 to 500 columns, with overlapping classes and the
# parameters that the ladder starts from: seconds for each pair of rows, and more for each column.
_PAIR = 10e-9
_PAIR_AND_COLUMN = 0.2e-9


def support_vectors_seconds(rows: int, columns: int, classes: int) -> float:
    """Estimate the time of one fit::

        seconds = rows² (a + b columns)

    With k classes, each of the k (k - 1)/2 pairs of classes is a problem of its own with a share of
    2/k of the rows, which comes to no more than about twice the rows².
    """
    pairs = float(rows) ** 2 * (2 if classes > 2 else 1)
    return pairs * (_PAIR + _PAIR_AND_COLUMN * columns)


def why_too_slow(
    candidate: Candidate,
    rows: int,
    columns: int,
    classes: int,
    folds: int,
    seconds: float | None,
) -> str | None:
    """Say why a model is left out; None if it is not.

    Parameters
    ----------
    candidate : Candidate
    rows, columns : int
        Rows of a training fold before any are left out, and columns of the prepared table.
    classes : int
        0 for regression.
    folds : int
    seconds : float or None
        The time aimed for; None where there is no such aim.

    Examples
    --------
    >>> from groundup.workflow.ladder import ladder
    >>> slow = next(rung for rung in ladder("binary") if rung.name == "support_vectors")
    >>> why_too_slow(slow, 2_000, 20, 2, folds=5, seconds=20) is None
    True
    >>> print(why_too_slow(slow, 60_000, 20, 2, folds=5, seconds=20))
    Its time grows with the square of the rows: 5 fits to 60,000 rows each would take about 4 min \
12 s. That is more than 15% of the time aimed for; with --time 1700 it takes part.
    """
    if candidate.cost is None or seconds is None:
        return None
    needed = folds * candidate.cost(rows, columns, classes)
    if needed <= _SHARE * seconds:
        return None
    return (
        f"Its time grows with the square of the rows: {folds} fits to {rows:,} rows each would "
        f"take about {seconds_words(needed)}. That is more than {_SHARE:.0%} of the time aimed "
        f"for; with --time {_rounded_up(needed / _SHARE)} it takes part."
    )


def _rounded_up(seconds: float) -> int:
    """Round up to two digits."""
    step = 1
    while seconds / step > 100:
        step *= 10
    return int(-(-seconds // step) * step)
