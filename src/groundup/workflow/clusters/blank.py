"""Rows with missing cells: what can be said about them, and when nothing can.

A missing number becomes the median, which draws a row towards the middle. Where every compared cell
is missing the row would lie in the middle itself, and look like a typical one. There is nothing to
compare it by, so it belongs to no cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from groundup.workflow.disguised_missing import DisguisedMissing

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline


def missing_cells(pipeline: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Count the compared cells of each row that are missing, also those in disguise.

    Parameters
    ----------
    pipeline : fitted Pipeline
        From the table to numbers.
    rows : DataFrame of shape (n, p)
        The compared columns.

    Returns
    -------
    int ndarray of shape (n,)
    """
    first = pipeline[0]
    seen = first.transform(rows) if isinstance(first, DisguisedMissing) else rows
    return seen.isna().to_numpy().sum(axis=1)


def missing_notes(missing: np.ndarray, n_columns: int) -> list[str | None]:
    """Say how many compared cells are missing.

    Examples
    --------
    >>> missing_notes(np.array([0, 1, 3]), 3)
    [None, '1 of 3 compared cells is missing', 'every compared cell is missing: nothing to compare']
    """
    return [
        None
        if n == 0
        else "every compared cell is missing: nothing to compare"
        if n == n_columns
        else f"{n} of {n_columns} compared cells {'is' if n == 1 else 'are'} missing"
        for n in missing.tolist()
    ]
