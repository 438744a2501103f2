"""What a model would cost on a table, known beforehand from its rows, columns and classes.

Most models take time in proportion to the cells, and little of it. Two do not. Support vectors
compare each row with all the others, so twice the rows take four times as long; a neural network
multiplies every cell with dozens of weights, dozens of times, which is long where categories became
thousands of columns. Such a model is left out of the comparison where its folds would take more
than a set share of the time aimed for. The rule looks at the size of the table alone, never at a
clock, so that the same table and the same options always have the same models compared.
"""

from __future__ import annotations

from groundup.workflow.candidate import Candidate
from groundup.workflow.report_text import seconds as seconds_words

# The share of the time aimed for that all the folds of one such model may take.
_SHARE = 0.2

# Measured on tables of 1,000 to 10,000 rows and 6 to 1,000 columns, on one processor and with the
# parameters that the ladder starts from: seconds for each pair of rows, more for each column, and
# what it takes to begin with each pair of classes.
_PAIR = 4e-9
_PAIR_AND_COLUMN = 0.05e-9
_PAIR_OF_CLASSES = 3e-4


def support_vectors_seconds(rows: int, columns: int, classes: int) -> float:
    """Estimate the time of one fit::

        seconds = rows² (a + b columns) + c classes (classes - 1)/2

    Each pair of classes is a problem of its own with its share of the rows, about 2/classes of
    them: all together take about as long as two classes do, and a little to begin with each.
    """
    pairs_of_classes = classes * (classes - 1) / 2
    pairs_of_rows = float(rows) ** 2
    return (
        pairs_of_rows * (_PAIR + _PAIR_AND_COLUMN * columns) + pairs_of_classes * _PAIR_OF_CLASSES
    )


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
    Its time grows with the square of the rows: 5 fits to 60,000 rows of 20 prepared columns would \
take about 1 min 30 s. That is more than 20% of the time aimed for; with --time 460 it takes part.
    """
    if candidate.cost is None or seconds is None:
        return None
    needed = folds * candidate.cost(rows, columns, classes)
    if needed <= _SHARE * seconds:
        return None
    return (
        f"Its time grows {candidate.cost_grows}: {folds} fits to {rows:,} rows of {columns:,} "
        f"prepared columns would take about {seconds_words(needed)}. That is more than "
        f"{_SHARE:.0%} of the time aimed for; with --time {_rounded_up(needed / _SHARE)} it takes "
        "part."
    )


def _rounded_up(seconds: float) -> int:
    """Round up to two digits."""
    step = 1
    while seconds / step > 100:
        step *= 10
    return int(-(-seconds // step) * step)
