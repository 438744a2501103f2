"""Tables and pipelines of every shape that a bundle has to keep, made from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from groundup.workflow.date_features import DateFeatures
from groundup.workflow.disguised_missing import DisguisedMissing

COLOURS = np.array(["red", "green", "blue", "Ümlaut", "日本", "=1+1", "", "rare one", "a,b"])
WORDS = ["win", "a", "free", "prize", "now", "call", "me", "later", "thanks", "for", "señor"]
KIND = {"n": "number", "b": "boolean", "d": "date", "c": "text", "t": "text"}


def make_table(seed: int, n: int = 120, *, new: bool = False) -> pd.DataFrame:
    """Return a table with all kinds of columns; ``new`` adds what training did not have."""
    rng = np.random.default_rng([seed, new])

    def holed(values: Any, share: float, dtype: str) -> Any:
        series = pd.Series(values).astype(dtype)
        return series.mask(rng.random(n) < share)

    probabilities = np.array([0.3, 0.25, 0.2, 0.1, 0.05, 0.04, 0.03, 0.02, 0.01])
    colour = rng.choice(COLOURS, n, p=probabilities).astype(object)
    if new:
        colour[: n // 10] = "never seen"
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 8))) for _ in range(n)]
    days = rng.integers(0, 800, n) * 86_400_000_000 + rng.integers(0, 86_400, n) * 1_000_000
    return pd.DataFrame(
        {
            "n whole": rng.integers(-5, 6, n),
            "n real": holed(rng.normal(size=n) * 10.0 ** rng.integers(-8, 9), 0.2, "float64"),
            "n zeroes": np.where(rng.random(n) < 0.3, 0.0, rng.gamma(2.0, 30.0, n)),
            "n full": rng.normal(50, 3, n),
            "b": holed(rng.integers(0, 2, n).astype(float), 0.3 if new else 0.1, "float64"),
            "d": pd.Series((days + 1_500_000_000_000_000).view("datetime64[us]")).mask(
                rng.random(n) < 0.1
            ),
            "c colour": holed(colour, 0.1, "str"),
            "c town": holed([f"town {k}" for k in rng.zipf(1.5, n) % 40], 0.05, "str"),
            "c full": pd.Series(rng.choice(["yes", "no"], n)).astype("str"),
            "t": holed(texts, 0.1, "str"),
        },
        index=pd.RangeIndex(2, n + 2, name="line"),
    )


def make_target(seed: int, frame: pd.DataFrame, task: str) -> np.ndarray:
    rng = np.random.default_rng([seed, 7])
    score = frame["n full"].to_numpy() - 50 + frame["n zeroes"].to_numpy() / 50
    score = score + rng.normal(size=len(frame))
    if task == "regression":
        return score
    if task == "binary":
        labels = [["no", "yes"], [0, 1], [1.0, 2.0], [False, True]][seed % 4]
        return np.array(labels)[(score > np.median(score)).astype(int)]
    labels = [["low", "mid", "high"], [1, 2, 3]][seed % 2]
    return np.array(labels)[np.digitize(score, np.quantile(score, [0.33, 0.66]))]


def make_prepare(seed: int, task: str) -> Pipeline:
    """Return one of many preparations of that table, unfitted."""
    rng = np.random.default_rng([seed, 3])

    def pick(*options: Any) -> Any:
        return options[rng.integers(len(options))]

    numbers = Pipeline(
        [
            (
                "fill",
                pick(
                    SimpleImputer(strategy="median", add_indicator=True),
                    SimpleImputer(add_indicator=False),
                    SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True),
                    SimpleImputer(strategy="most_frequent", add_indicator=True),
                ),
            ),
            ("scale", pick(StandardScaler(), StandardScaler(with_mean=False), "passthrough")),
        ]
    )
    one_hot = pick(
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="if_binary"),
        OneHotEncoder(handle_unknown="ignore", drop="first", dtype=np.float32),
        OneHotEncoder(handle_unknown="warn", min_frequency=0.05),
    )
    categories = pick(
        one_hot,
        Pipeline([("fill", SimpleImputer(strategy="constant", fill_value="?")), ("hot", one_hot)]),
        Pipeline([("fill", SimpleImputer(strategy="most_frequent")), ("hot", one_hot)]),
        Pipeline(
            [
                (
                    "code",
                    OrdinalEncoder(
                        handle_unknown="use_encoded_value",
                        unknown_value=pick(-1, np.nan),
                        encoded_missing_value=-2,
                        min_frequency=pick(None, 4),
                    ),
                ),
                ("fill", SimpleImputer(strategy="constant", fill_value=-3)),
            ]
        ),
    )
    target_type = {"binary": "binary", "multiclass": "multiclass", "regression": "continuous"}
    town = pick(
        TargetEncoder(target_type=target_type[task], random_state=0),
        TargetEncoder(smooth=5.0, cv=3, random_state=0),
    )
    dates = Pipeline(
        [
            ("parts", DateFeatures()),
            ("fill", SimpleImputer(add_indicator=pick(True, False))),
            ("scale", StandardScaler()),
        ]
    )
    tfidf = pick(
        TfidfVectorizer(),
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, norm="l1"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), strip_accents="unicode"),
        TfidfVectorizer(use_idf=False, stop_words="english", binary=True),
    )
    svd = TruncatedSVD(n_components=4, random_state=0, algorithm=pick("randomized", "arpack"))
    text = pick(Pipeline([("words", tfidf), ("few", svd)]), tfidf)
    branches = [
        ("numbers", numbers, ["n whole", "n real", "n zeroes"]),
        ("flags", pick(SimpleImputer(strategy="most_frequent"), numbers), ["b"]),
        ("dates", dates, ["d"]),
        ("categories", categories, ["c colour", "c full"]),
        ("towns", town, ["c town"]),
        ("text", text, "t"),
        ("rest", pick("passthrough", "drop"), ["n full"]),
    ]
    kept = [b for b in branches if b[0] in ("numbers", "text") or rng.random() < 0.8]
    prepare = ColumnTransformer(
        kept,
        verbose_feature_names_out=pick(True, False),
        sparse_threshold=pick(0.0, 0.3, 1.0),
    )
    return Pipeline(
        [
            ("missing", DisguisedMissing({"n zeroes": [0]}, empty_text=["t"])),
            ("prepare", prepare),
        ]
    )


def make_model(seed: int, task: str) -> Any:
    """Return one of many final estimators, unfitted."""
    import groundup.ensemble as ensemble
    import groundup.linear_model as linear
    import groundup.neighbors as neighbors
    import groundup.tree as tree

    if task == "regression":
        options = [
            DummyRegressor(),
            linear.LinearRegression(),
            linear.Ridge(alpha=3),
            linear.Lasso(alpha=0.02),
            neighbors.KNeighborsRegressor(n_neighbors=4, weights="distance"),
            linear.ElasticNet(alpha=0.05, l1_ratio=0.3),
            DummyRegressor(strategy="quantile", quantile=0.3),
            linear.SGDRegressor(random_state=0, average=True, eta0=1e-4),
            neighbors.KNeighborsRegressor(algorithm="kd_tree", leaf_size=7, metric="manhattan"),
            tree.DecisionTreeRegressor(max_depth=4, min_samples_leaf=0.02),
            ensemble.RandomForestRegressor(n_estimators=7, max_features=0.3, random_state=0),
            ensemble.HistGradientBoostingRegressor(max_iter=6, min_samples_leaf=5, random_state=0),
            ensemble.ExtraTreesRegressor(n_estimators=7, min_samples_leaf=3, random_state=0),
        ]
    else:
        options = [
            DummyClassifier(),
            linear.LogisticRegression(),
            neighbors.KNeighborsClassifier(n_neighbors=9),
            linear.LogisticRegression(C=0.3, l1_ratio=1, class_weight="balanced"),
            neighbors.KNeighborsClassifier(algorithm="kd_tree", leaf_size=5, weights="distance"),
            neighbors.KNeighborsClassifier(metric="cosine", p=None),
            DummyClassifier(strategy="uniform", random_state=3),
            linear.SGDClassifier(loss="log_loss", random_state=0, class_weight="balanced"),
            linear.SGDClassifier(random_state=0),
            tree.DecisionTreeClassifier(max_leaf_nodes=9, class_weight="balanced"),
            ensemble.ExtraTreesClassifier(n_estimators=7, random_state=0),
            ensemble.HistGradientBoostingClassifier(
                max_iter=6, min_samples_leaf=5, early_stopping=True, random_state=0
            ),
            ensemble.RandomForestClassifier(n_estimators=7, max_samples=0.5, random_state=0),
        ]
    return options[seed % len(options)]


def make_pipeline(seed: int, task: str) -> Pipeline:
    """Return a whole pipeline, unfitted."""
    prepare, model = make_prepare(seed, task), make_model(seed, task)
    if not type(model).__name__.startswith("Dummy"):  # the others take dense input alone
        prepare.set_params(prepare__sparse_threshold=0)
    return Pipeline([*prepare.steps, ("model", model)])


def schema_of(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [{"name": name, "kind": KIND[name[0]]} for name in frame.columns]
