"""Numbers and texts that stand for "not known", said once, before anything is learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted


class DisguisedMissing(TransformerMixin, BaseEstimator):
    """Say what counts as missing: the listed values of each column become NaN.

    A blood pressure of 0 or a temperature of -200 is not a measurement. Left in, it is averaged,
    scaled and compared with the rest. Infinite numbers become NaN as well. In columns of free text
    a missing cell becomes an empty text, which is what a bag of words expects.

    Parameters
    ----------
    values : mapping of str to sequence, default=None
        For each column the values that stand for missing.
    empty_text : sequence of str, default=()
        The columns of free text.

    Attributes
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,)
    n_features_in_ : int

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"pressure": [0, 72, 64], "pregnancies": [0, 1, 2]})
    >>> DisguisedMissing({"pressure": [0]}).fit_transform(X)
       pressure  pregnancies
    0       NaN            0
    1      72.0            1
    2      64.0            2
    """

    def __init__(
        self,
        values: Mapping[str, Sequence[float]] | None = None,
        empty_text: Sequence[str] = (),
    ) -> None:
        self.values = values
        self.empty_text = empty_text

    def fit(self, X: pd.DataFrame, y: object = None) -> DisguisedMissing:
        """Remember the columns; nothing is learned from their values.

        Parameters
        ----------
        X : DataFrame of shape (n, d)
        y : ignored

        Raises
        ------
        TypeError
            If `X` is no DataFrame.
        ValueError
            If a column named in the parameters is not in `X`.
        """
        _check_frame(X)
        named = [*(self.values or {}), *self.empty_text]
        absent = [name for name in named if name not in X.columns]
        if absent:
            raise ValueError(f"X has no column {absent[0]!r}; it has {list(X.columns)}")
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a DataFrame of the same columns with the listed values set to NaN.

        Parameters
        ----------
        X : DataFrame of shape (n, d)
            With the columns seen in `fit`, in any order; further ones are left out.
        """
        check_is_fitted(self)
        _check_frame(X)
        absent = [name for name in self.feature_names_in_ if name not in X.columns]
        if absent:
            raise ValueError(f"X lacks the columns {absent}, which were there in fit")
        X = X[list(self.feature_names_in_)]
        changed = {}
        for name in X.columns:
            column = X[name]
            if column.dtype.kind == "f" and np.isinf(column.to_numpy()).any():
                column = column.where(np.isfinite(column), np.nan)
            hidden = (self.values or {}).get(name, ())
            if len(hidden):
                stands_for_missing = column.isin(list(hidden))
                if stands_for_missing.any():
                    column = column.mask(stands_for_missing, np.nan)
            if name in self.empty_text:
                column = column.astype(object).where(column.notna(), "").astype(str)
            if column is not X[name]:
                changed[name] = column
        return X.assign(**changed) if changed else X

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the columns' names: they stay as they are."""
        check_is_fitted(self)
        return _check_feature_names_in(self, input_features)


def _check_frame(X: object) -> None:
    if not isinstance(X, pd.DataFrame):
        raise TypeError(f"X is a {type(X).__name__}; a pandas DataFrame was expected")
