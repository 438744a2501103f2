"""From a table to a matrix in which distances mean something.

Two rows are alike if they are close, so every column has to speak with the same voice:

- a number column gets mean 0 and standard deviation 1: otherwise the one in grams drowns the one in
  metres. What is missing becomes the median, which moves a row towards the middle and nowhere else;
- a heavily skewed column (incomes, sales) is made symmetric first, by the power transform of Yeo
  and Johnson: otherwise the few largest values are far from everything, and the only "cluster" is
  the rest. Being monotone, the transform keeps the order of the rows. A column of few values, as
  counts are, stays as it is: between 0 and 1 the transform would dig a gap;
- a category names its groups already, and with a column of zeros and ones for each category every
  table falls into the groups that somebody wrote down. So where the table has numbers enough, the
  distances are those of the numbers, and the categories describe the groups afterwards. Where it
  has not, a category counts as much as one number column (`EqualWeight`);
- dates and running text are left out: "late in the year" or "uses these words" are questions of
  their own;
- more columns than ten are turned into their principal components: columns that say the same thing
  count once, and noise that is spread over all columns is left behind.

References
----------
.. [1] Yeo, Johnson (2000): A new family of power transformations to improve normality or symmetry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from groundup.decomposition import PCA
from groundup.workflow.blocks import Block, Preparation, Step
from groundup.workflow.clusters.one_crowd import FEW_VALUES
from groundup.workflow.disguised_missing import DisguisedMissing
from groundup.workflow.table import DataError

# Beyond this skewness the mean lies outside the bulk of the values (an exponential one has 2).
_SKEWED = 1.0
# Categories of a column that get a column each; the rest is put together.
_MOST_CATEGORIES = 20
_MOST_COLUMNS = 10
_VARIANCE_KEPT = 0.9
# Sums of fourth powers of larger values overflow.
_HUGE = 1e75


class EqualWeight(TransformerMixin, BaseEstimator):
    """Centre columns and scale them together, so that their variances add up to 1.

    The columns of one category do not each deserve the weight of a number column: the category as a
    whole does.

    Attributes
    ----------
    mean_ : ndarray of shape (d,)
    scale_ : float
        The square root of the sum of the columns' variances.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> Z = EqualWeight().fit_transform(np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> round(float(Z.var(axis=0).sum()), 6)
    1.0
    """

    def fit(self, X: Any, y: object = None) -> EqualWeight:
        """Find the columns' means and their common scale.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : ignored
        """
        X = validate_data(self, X, dtype=np.float64)
        self.mean_ = X.mean(axis=0)
        total = float(X.var(axis=0).sum())
        self.scale_ = float(np.sqrt(total)) if total > 0 else 1.0
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (X - mean) / scale.

        Returns
        -------
        ndarray of shape (n, d), float64
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return (X - self.mean_) / self.scale_

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the columns that came in."""
        return np.asarray(input_features, dtype=object)


def build_distances(frame: pd.DataFrame, audit: Any, *, seed: int) -> Preparation:
    """Choose how each column enters the distance between two rows.

    Parameters
    ----------
    frame : DataFrame of shape (n, d)
        The rows, with at least the columns ``audit.features``, as they were read.
    audit : Audit
        Without a target.
    seed : int
        Unused by these steps; kept for the sake of `build_preparation`.

    Returns
    -------
    Preparation
        Its pipeline takes the columns of its blocks, and gives a dense float64 matrix without
        missing values. Columns that are left out stand in its plan, with the reason.

    Raises
    ------
    DataError
        If no column is left to measure a distance with, or the values of one are too large.
    """
    features = audit.features
    missing = DisguisedMissing(
        {name: audit.disguised[name] for name in features if name in audit.disguised} or None
    )
    X = missing.fit_transform(frame[features])
    numbers: list[str] = []
    skewed: list[str] = []
    categories: list[str] = []
    left_out: list[str] = []
    for name in features:
        kind = audit.kinds[name]
        if kind == "date" or name in audit.texts:
            left_out.append(name)
        elif kind == "number" and X[name].nunique() > 2:
            _refuse_huge(name, X[name])
            # A power would push the few values of a count apart, and make crowds of them.
            bent = abs(_skewness(X[name])) > _SKEWED and X[name].nunique() > FEW_VALUES
            (skewed if bent else numbers).append(name)
        elif X[name].nunique() >= 2:
            categories.append(name)
    n_numbers = len(numbers) + len(skewed)
    described_by = categories if n_numbers >= max(2, len(categories)) else []
    in_distance = [] if described_by else categories
    blocks = []
    if numbers:
        blocks.append(_numbers(numbers))
    if skewed:
        blocks.append(_skewed(skewed))
    blocks += [_category(name, number) for number, name in enumerate(in_distance, 1)]
    if not blocks:
        raise DataError(
            "No column is left to measure how far two rows are apart: dates, running text, "
            "constants and identifiers do not count. Add a column of numbers or of categories; "
            "--keep takes in one that was mistaken for an identifier."
        )
    width = n_numbers + sum(min(X[name].nunique(), _MOST_CATEGORIES) for name in in_distance)
    after = (
        Step(PCA, {"n_components": _VARIANCE_KEPT, "svd_solver": "full"})
        if width > _MOST_COLUMNS
        else None
    )
    used = [name for block in blocks for name in block.columns]
    missing = DisguisedMissing(
        {name: values for name, values in (missing.values or {}).items() if name in used} or None
    )
    return _preparation(missing, blocks, after, left_out, described_by)


def _numbers(columns: list[str]) -> Block:
    return Block(
        "numbers",
        columns,
        (
            Step(SimpleImputer, {"strategy": "median", "keep_empty_features": True}),
            Step(StandardScaler, {}),
        ),
        ("median where missing", "mean 0, standard deviation 1"),
        "On one scale, so that no column drowns the others in a distance.",
    )


def _skewed(columns: list[str]) -> Block:
    return Block(
        "skewed",
        columns,
        (
            Step(SimpleImputer, {"strategy": "median", "keep_empty_features": True}),
            Step(PowerTransformer, {}),
        ),
        ("median where missing", "made symmetric (Yeo-Johnson)", "mean 0, standard deviation 1"),
        "A few large values would otherwise be far from everything else, and nothing else far.",
    )


def _category(name: str, number: int) -> Block:
    return Block(
        f"category_{number}",
        [name],
        (
            Step(
                OneHotEncoder,
                {
                    "max_categories": _MOST_CATEGORIES,
                    "handle_unknown": "infrequent_if_exist",
                    "sparse_output": False,
                },
            ),
            Step(EqualWeight, {}),
        ),
        ("a column for each category", "together as much weight as one number column"),
        "Two rows of different categories are apart by as much as two numbers usually are.",
    )


def _preparation(
    missing: DisguisedMissing,
    blocks: list[Block],
    after: Step | None,
    left_out: list[str],
    described_by: list[str],
) -> Preparation:
    from sklearn.compose import ColumnTransformer

    plan = [
        {"columns": block.columns, "steps": list(block.words), "why": block.why} for block in blocks
    ]
    if after:
        plan.append(
            {
                "columns": [name for block in blocks for name in block.columns],
                "steps": [f"principal components that hold {_VARIANCE_KEPT:.0%} of the variance"],
                "why": "Columns that say the same thing count once; noise is left behind.",
            }
        )
    if described_by:
        plan.append(
            {
                "columns": described_by,
                "steps": ["not in the distance; describes the groups"],
                "why": "A category names its own groups already; those that no column names are "
                "looked for.",
            }
        )
    if left_out:
        plan.append(
            {
                "columns": left_out,
                "steps": ["left out"],
                "why": "A date or a text has no distance that compares with that of numbers.",
            }
        )
    columns = ColumnTransformer([block.build() for block in blocks], sparse_threshold=0.0)
    return Preparation(missing, columns, plan, blocks, after=after)


def _refuse_huge(name: str, values: pd.Series) -> None:
    most = float(values.abs().max())
    if most > _HUGE:
        raise DataError(
            f"Column {name!r} has values as large as {most:.3g}: their squares, which a distance "
            f"adds up, are beyond what a computer can hold. Divide it by {most:.0e}, or leave it "
            "out with --drop."
        )


def _skewness(values: pd.Series) -> float:
    skewness = values.astype(np.float64).skew()
    return float(skewness) if np.isfinite(skewness) else 0.0
