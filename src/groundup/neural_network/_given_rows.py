"""What is not a table of numbers, and how it becomes one: images, sequences, text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def require_rows(X: Any) -> None:
    """Raise a ValueError for images or sequences that are no table, or of unequal length."""
    if isinstance(X, (list, tuple)):
        lengths = sorted({len(row) for row in X if isinstance(row, (list, tuple, np.ndarray))})
        if len(lengths) > 1:
            raise ValueError(
                f"The rows of X have from {lengths[0]} to {lengths[-1]} values, but a table has as "
                "many in each. Cut longer sequences, and fill shorter ones up with a symbol of "
                "their own."
            )
        return
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) <= 2:
        return
    flat, form = "X.reshape(len(X), -1)", f"Reshape({shape[1:]})"
    if len(shape) == 3:
        form = f"Reshape({(1, *shape[1:])}) for images or {form} for sequences"
    elif len(shape) == 4 and shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4):
        flat = "X.transpose(0, 3, 1, 2).reshape(len(X), -1), the channels of the images first,"
        form = f"Reshape({(shape[3], *shape[1:3])})"
    raise ValueError(
        f"X has shape {shape}, but a table has one line of numbers a row. Give {flat} and begin "
        f"the layers with {form}."
    )


@contextmanager
def told_of_text() -> Iterator[None]:
    """Add to an error about text in a table what to do about it."""
    try:
        yield
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"{error}: a network takes numbers. Number the symbols of a text first, from 0 on, as "
            "an Embedding expects them, and encode columns of categories (OneHotEncoder)."
        ) from None
