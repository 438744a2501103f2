"""Categories: columns whose values are names, and have no order.

Each known category gets a number, its rank among the sorted categories of the training rows.  A
tree splits such a column into two sets of categories.  What was not seen in training is treated as
a missing value, which every split sends somewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _check_categorical_features


class Categories:
    """The columns of categories, and the categories that training saw.

    Parameters
    ----------
    is_categorical : ndarray of shape (n_features,), dtype bool
    known : dict of int to dict
        For each of these columns, the number of each category.
    """

    def __init__(self, is_categorical: np.ndarray, known: dict[int, dict[Any, int]]):
        self.is_categorical = is_categorical
        self.known = known

    def encode(self, X: Any) -> np.ndarray:
        """Return `X` as float64 (n, p): the numbers of the categories, NaN for unseen ones."""
        columns = {f: _distinct(X, f) for f in self.known}
        return self._assembled(X, columns)

    def _assembled(self, X: Any, columns: dict[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        encoded = np.empty((_n_rows(X), len(self.is_categorical)))
        numeric = np.flatnonzero(~self.is_categorical)
        if len(numeric):
            given = _safe_indexing(X, numeric, axis=1)
            encoded[:, numeric] = check_array(given, dtype=np.float64, ensure_all_finite=False)
        for f, (codes, values) in columns.items():
            number = [self.known[f].get(_plain(value), np.nan) for value in values]
            encoded[:, f] = np.array([*number, np.nan])[codes]  # code -1: missing
        return encoded


def find_categories(
    X: Any, categorical_features: Any, max_bins: int, sample_weight: Any = None
) -> tuple[Categories, np.ndarray] | None:
    """Return the categories in `X` and `X` with their numbers, (n, p); None if there are none.

    Parameters
    ----------
    X : array-like or table of shape (n, p)
    categorical_features : array-like of bool, int or str, "from_dtype" or None
        As scikit-learn's parameter.
    max_bins : int
        The most categories that a column may have.
    sample_weight : array-like of shape (n,), default=None
        Categories of rows of weight 0 alone are not known.

    Raises
    ------
    ValueError
        If a column has more categories, or if categories cannot be ordered.
    """
    X = as_table(X)
    is_categorical = _check_categorical_features(X, categorical_features)
    if is_categorical is None:
        return None
    columns = {int(f): _distinct(X, int(f)) for f in np.flatnonzero(is_categorical)}
    known = {}
    counts = np.ndim(sample_weight) == 1 and len(sample_weight) == _n_rows(X)
    for f, (codes, values) in columns.items():
        if counts:
            values = values[np.unique(codes[(codes >= 0) & (np.asarray(sample_weight) > 0)])]
        name = repr(X.columns[f]) if hasattr(X, "columns") else f"at index {f}"
        if len(values) > max_bins:
            raise ValueError(
                f"Categorical feature {name} is expected to have a cardinality <= {max_bins} "
                f"but actually has a cardinality of {len(values)}. Merge rare categories, or "
                "give the column as a number."
            )
        try:
            known[f] = {value: i for i, value in enumerate(sorted(map(_plain, values)))}
        except TypeError as error:
            raise ValueError(
                f"Categorical feature {name} mixes types that have no common order, such as "
                "numbers and text. Make them all text."
            ) from error
    categories = Categories(is_categorical, known)
    return categories, categories._assembled(X, columns)


def as_table(X: Any) -> Any:
    """Return `X`, or an array of it where it is neither an array nor a table, such as a list."""
    if issparse(X):
        check_array(X)  # says that dense data is needed
    return X if hasattr(X, "shape") else check_array(X, dtype=None, ensure_all_finite=False)


def _n_rows(X: Any) -> int:
    return int(X.shape[0])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _distinct(X: Any, f: int) -> tuple[np.ndarray, np.ndarray]:
    """Return column f as codes (n,), -1 for missing, and the distinct values they stand for."""
    import pandas as pd

    column = _safe_indexing(X, f, axis=1)
    if hasattr(column, "to_pandas"):  # a column of another kind of table, such as Arrow's
        column = column.to_pandas()
    if isinstance(getattr(column, "dtype", None), pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        present, codes_of_present = np.unique(codes[codes >= 0], return_inverse=True)
        compact = np.full(len(codes), -1, dtype=np.int64)
        compact[codes >= 0] = codes_of_present
        return compact, column.cat.categories.to_numpy()[present]
    codes, values = pd.factorize(np.asarray(column))
    return codes, np.asarray(values)
