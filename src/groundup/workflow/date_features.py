"""Dates as numbers: where in the year, the week and the day, and how far along."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

#: The parts of a date, in the order of the columns that come out.
PARTS = ("days", "year", "month", "day", "weekday", "hour")


class DateFeatures(TransformerMixin, BaseEstimator):
    """Turn each date column into numbers that a model can use.

    For each column: ``days`` since the first date seen in `fit` (with fractions), ``year``,
    ``month`` (1 to 12), ``day`` of the month, ``weekday`` (0 is Monday), ``hour`` (with fractions).
    A part that is the same in all rows seen in `fit` is left out: it could only mislead later. A
    missing date gives NaN in each of its parts.

    Attributes
    ----------
    feature_names_in_ : ndarray of shape (d,)
    n_features_in_ : int
    first_ : int64 ndarray of shape (d,)
        The first date of each column, in microseconds since 1970-01-01.
    varies_ : bool ndarray of shape (d, 6)
        Which parts of which column vary, and so come out; the parts as in `PARTS`.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"day": pd.to_datetime(["2024-02-28", "2024-02-29", "2024-03-04"])})
    >>> dates = DateFeatures().set_output(transform="pandas").fit(X)
    >>> dates.transform(X)
       day_days  day_month  day_day  day_weekday
    0       0.0        2.0     28.0          2.0
    1       1.0        2.0     29.0          3.0
    2       5.0        3.0      4.0          0.0
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> DateFeatures:
        """Find each column's first date and the parts that vary.

        Parameters
        ----------
        X : DataFrame of shape (n, d)
            Columns of datetime64; NaT is missing.
        y : ignored

        Raises
        ------
        TypeError
            If `X` is no DataFrame, or one of its columns holds no dates.
        """
        _check_dates(X)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.first_ = np.zeros(X.shape[1], dtype=np.int64)
        self.varies_ = np.zeros((X.shape[1], len(PARTS)), dtype=bool)
        for column, name in enumerate(X.columns):
            dates = X[name].dropna()
            if dates.empty:
                self.varies_[column, 0] = True  # one column of NaN, so that the name stays
                continue
            self.first_[column] = _microseconds(dates).min()
            parts = _parts(dates, self.first_[column])  # (n, 6)
            self.varies_[column] = (parts != parts[0]).any(axis=0)
            if not self.varies_[column].any():
                self.varies_[column, 0] = True
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the parts that vary, one column of parts after the other.

        Returns
        -------
        ndarray of shape (n, varies_.sum()), float64
        """
        check_is_fitted(self)
        _check_dates(X)
        if list(X.columns) != list(self.feature_names_in_):
            raise ValueError(
                f"X has the columns {list(X.columns)}; fit saw {list(self.feature_names_in_)}"
            )
        blocks = [
            _parts(X[name], self.first_[column])[:, self.varies_[column]]
            for column, name in enumerate(X.columns)
        ]
        return np.hstack(blocks)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return names such as ``ordered_month``."""
        check_is_fitted(self)
        return np.asarray(
            [
                f"{name}_{part}"
                for name, varies in zip(self.feature_names_in_, self.varies_, strict=True)
                for part, kept in zip(PARTS, varies, strict=True)
                if kept
            ],
            dtype=object,
        )


def _microseconds(dates: pd.Series) -> np.ndarray:
    return dates.to_numpy().astype("datetime64[us]").astype(np.int64)


def _parts(dates: pd.Series, first: int) -> np.ndarray:
    """Return the six parts of each date, (n, 6) float64, NaN where the date is missing."""
    at = dates.dt
    microseconds = dates.to_numpy().astype("datetime64[us]")
    days = (microseconds - np.datetime64(int(first), "us")) / np.timedelta64(1, "D")
    hour = at.hour + at.minute / 60 + at.second / 3600
    columns = [days, at.year, at.month, at.day, at.day_of_week, hour]
    parts = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    parts[dates.isna().to_numpy()] = np.nan
    return parts


def _check_dates(X: object) -> None:
    if not isinstance(X, pd.DataFrame):
        raise TypeError(f"X is a {type(X).__name__}; a pandas DataFrame of dates was expected")
    for name in X.columns:
        if X[name].dtype.kind != "M":
            raise TypeError(f"the column {name!r} holds {X[name].dtype}; dates were expected")
