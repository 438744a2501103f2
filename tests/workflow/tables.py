"""Small tables with a known answer, for the tests of the stages that learn from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

NUMBERS = ["strong", "weak", "noise", "twin"]
CATEGORIES = ["letter"]


def make_table(
    task: str, n: int = 400, seed: int = 0, signal: float = 1.0
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a table whose target depends on ``strong``, ``letter`` and a little on ``weak``.

    ``twin`` is ``strong`` with little noise added; ``noise`` and ``town`` mean nothing; ``noise``
    has missing cells. The index counts lines of a file, from 2.
    """
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "strong": rng.normal(size=n),
            "weak": rng.normal(size=n),
            "noise": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "letter": rng.choice(["a", "b", "c"], n),
            "town": rng.choice([f"town {i}" for i in range(12)], n),
        },
        index=pd.RangeIndex(2, n + 2, name="line"),
    )
    X["twin"] = X["strong"] + 0.1 * rng.normal(size=n)
    latent = signal * (2 * X["strong"] + 0.4 * X["weak"] + 1.5 * (X["letter"] == "a"))
    latent = (latent + rng.normal(size=n)).to_numpy()
    if task == "regression":
        return X, 100 + 10 * latent
    if task == "binary":
        return X, np.where(latent > np.median(latent), "yes", "no").astype(object)
    names = np.array(["high", "low", "middle"], dtype=object)
    return X, names[np.digitize(latent, np.quantile(latent, [0.3, 0.6])) * 2 % 3]


def make_preparation(seed: int = 0, columns: list[str] | None = None) -> Pipeline:
    """Return a preparation of several blocks, of one column and of many, one using the target."""
    towns = TargetEncoder(cv=KFold(5, shuffle=True, random_state=seed))
    numbers = [name for name in NUMBERS if columns is None or name in columns]
    return Pipeline(
        [
            (
                "prepare",
                ColumnTransformer(
                    [
                        (
                            "number",
                            Pipeline(
                                [
                                    ("impute", SimpleImputer(strategy="median")),
                                    ("scale", StandardScaler()),
                                ]
                            ),
                            numbers,
                        ),
                        (
                            "category",
                            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                            CATEGORIES,
                        ),
                        ("town", towns, ["town"]),
                    ]
                ),
            )
        ]
    )


def make_folds(X: pd.DataFrame, y: np.ndarray, task: str, k: int = 5) -> list:
    """Return shuffled folds, stratified for classes."""
    splitter = KFold if task == "regression" else StratifiedKFold
    return list(splitter(k, shuffle=True, random_state=0).split(X, y))
