"""A bundle whose hashes fit and whose values contradict each other: each is named for what it is.

Without these checks a wrong value would at best be found by the golden rows, and at worst be used
as a place in memory.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle.pipelines import make_table, make_target, schema_of
from bundle.tampering import read_tree, write_tree
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from groundup.bundle import BundleError, load_bundle, save_bundle
from groundup.bundle.arrays import pack_arrays, unpack_arrays
from groundup.bundle.manifest import ARRAYS
from groundup.linear_model import LogisticRegression
from groundup.neighbors import KNeighborsClassifier
from groundup.workflow.date_features import DateFeatures
from groundup.workflow.disguised_missing import DisguisedMissing

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def fill() -> SimpleImputer:
    return SimpleImputer(add_indicator=True, keep_empty_features=True)


def pipeline(model) -> Pipeline:
    rare = {"handle_unknown": "infrequent_if_exist", "min_frequency": 8}
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        encoded_missing_value=-2,
        min_frequency=8,
    )
    branches = [
        ("n", make_pipeline(fill(), StandardScaler()), ["n whole", "n real"]),
        ("d", make_pipeline(DateFeatures(), fill(), StandardScaler()), ["d"]),
        ("c", OneHotEncoder(drop="first", **rare), ["c colour", "c full"]),
        ("o", ordinal, ["c town"]),
        ("m", TargetEncoder(random_state=0), ["c town"]),
        ("t", make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0)), "t"),
    ]
    return Pipeline(
        [
            ("missing", DisguisedMissing({"n zeroes": [0]}, empty_text=["t"])),
            ("prepare", ColumnTransformer(branches, sparse_threshold=0)),
            ("model", model),
        ]
    )


def saved(folder: Path, model) -> Path:
    frame = make_table(0)
    return save_bundle(
        folder,
        pipeline(model).fit(frame, make_target(0, frame, "multiclass")),
        schema=schema_of(frame),
        task="multiclass",
        target="y",
        golden=frame.head(2),
    )


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    models = (LogisticRegression(), KNeighborsClassifier())
    return {type(model).__name__: saved(folder / type(model).__name__, model) for model in models}


@pytest.fixture
def bundle(originals, tmp_path):
    return Path(shutil.copytree(originals["LogisticRegression"], tmp_path / "model"))


def change_arrays(folder: Path, ending: str, change) -> None:
    """Change the first array whose name ends so."""
    arrays = unpack_arrays((folder / ARRAYS).read_bytes(), ARRAYS)
    name = next(name for name in arrays if name.endswith(ending))
    arrays[name] = np.ascontiguousarray(change(arrays[name]))
    (folder / ARRAYS).write_bytes(pack_arrays(arrays))
    write_tree(folder, read_tree(folder))


def put(value):
    """Return a change that puts a value at the last place."""

    def change(array):
        array.reshape(-1)[-1] = value
        return array

    return change


def refused(folder: Path, saying: str) -> None:
    with pytest.raises(BundleError, match=saying) as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ending", "change", "saying"),
    [
        ("SimpleImputer.statistics_", lambda a: a[:-1], "has . values for . columns"),
        ("MissingIndicator.features_", put(2), "marks a column that is not there"),
        ("MissingIndicator.features_", put(-1), "marks a column that is not there"),
        ("StandardScaler.mean_", lambda a: a[:-1], "has a mean_ of another length"),
        ("StandardScaler.scale_", put(0.0), "has a scale that is not positive"),
        ("StandardScaler.scale_", put(np.nan), "holds NaN or infinity"),
        ("StandardScaler.mean_", put(np.inf), "holds NaN or infinity"),
        ("DateFeatures.first_", lambda a: np.append(a, a), "lacks the first date"),
        ("DateFeatures.varies_", lambda a: a[:, :-1], "lacks the parts of a column"),
        ("_infrequent_indices.0", put(1000), "rare categories that are out of range"),
        ("_infrequent_indices.0", put(-1), "rare categories that are out of range"),
        ("_default_to_infrequent_mappings.0", put(1000), "rare categories that are out of range"),
        ("_default_to_infrequent_mappings.0", put(-7), "rare categories that are out of range"),
        ("_default_to_infrequent_mappings.0", lambda a: a[:-1], "that are out of range"),
        ("TargetEncoder.encodings_.0", lambda a: a[:-1], "has an encoding of another length"),
        ("TfidfTransformer.idf_", lambda a: a[:-1], "has weights for other terms"),
        ("TruncatedSVD.components_", lambda a: a[:, :-1], "has components for other columns"),
        ("LogisticRegression.coef_", lambda a: a[:, :-1], "has weights for other columns"),
        ("LogisticRegression.coef_", lambda a: a[:-1], "has weights for other columns"),
        ("LogisticRegression.intercept_", lambda a: a[:-1], "has intercepts for other classes"),
        ("KNeighborsClassifier._fit_X", lambda a: a[:, :-1], "has rows of shape"),
        ("KNeighborsClassifier._fit_X", lambda a: a[:-1], "has rows of shape"),
        ("KNeighborsClassifier._y", put(3), "rows of a class that does not exist"),
        ("KNeighborsClassifier._y", put(-1), "rows of a class that does not exist"),
    ],
)
def test_arrays_that_do_not_fit(originals, tmp_path, ending, change, saying):
    original = originals.get(ending.partition(".")[0], originals["LogisticRegression"])
    bundle = Path(shutil.copytree(original, tmp_path / "model"))
    change_arrays(bundle, ending, change)
    refused(bundle, saying)


def parts(tree, kind: str) -> list[dict]:
    """Return all records of a kind."""
    found = []
    if isinstance(tree, dict):
        found += [tree] if tree.get("kind") == kind else []
        tree = list(tree.values())
    if isinstance(tree, list):
        found += [part for item in tree for part in parts(item, kind)]
    return found


@pytest.mark.parametrize(
    ("kind", "place", "value", "saying"),
    [
        ("OneHotEncoder", "_n_features_outs", [1, 1], "contradicts its number of columns"),
        ("OneHotEncoder", "drop_idx_", {"dtype": "object", "values": [99, 0]}, "drops what is not"),
        ("OneHotEncoder", "n_features_in_", 3, "takes 3 columns where 2 arrive"),
        ("OneHotEncoder", "_infrequent_indices", None, "should be a list"),
        ("OrdinalEncoder", "_missing_indices", [[0, 999]], "places missing values outside"),
        ("TargetEncoder", "encodings_", [], "lacks the encoding of a column"),
        ("TargetEncoder", "classes_", None, "lacks its classes"),
        ("TfidfVectorizer", "vocabulary_", ["a", "a"], "a list of different terms"),
        ("SimpleImputer", "indicator_", None, "contradicts its indicator"),
        ("DisguisedMissing", "feature_names_in_", ["x"], "does not name 10 columns"),
        ("ColumnTransformer", "n_features_in_", 9, "names 10 columns and takes 9"),
    ],
)
def test_attributes_that_do_not_fit(bundle, kind, place, value, saying):
    tree = read_tree(bundle)
    parts(tree, kind)[0]["fitted"][place] = value
    write_tree(bundle, tree)
    refused(bundle, saying)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("TfidfVectorizer", "input", "filename"),  # would open files
        ("TfidfVectorizer", "token_pattern", "(a+)+$"),  # would take for ever
        ("TfidfVectorizer", "tokenizer", "str.split"),
        ("TfidfVectorizer", "ngram_range", [1, 10**6]),
        ("ColumnTransformer", "n_jobs", 10**6),  # would start a million processes
        ("Pipeline", "memory", "/tmp/cache"),  # would read pickled objects
        ("OneHotEncoder", "dtype", "object"),
        ("OneHotEncoder", "sparse_output", 1),
    ],
)
def test_parameters_that_no_bundle_has(bundle, kind, name, value):
    tree = read_tree(bundle)
    parts(tree, kind)[0]["params"][name] = value
    write_tree(bundle, tree)
    refused(bundle, rf"has the unknown entry \['{name}'\]|\.{name} is .* but should be")


def test_steps_in_the_wrong_order(bundle):
    tree = read_tree(bundle)
    steps = tree["pipeline"]["params"]["steps"]
    for order in (steps[::-1], [steps[0], steps[2], steps[1]]):
        tree["pipeline"]["params"]["steps"] = order
        write_tree(bundle, tree)
        refused(bundle, "cannot use the model")
    tree["pipeline"]["params"]["steps"] = [steps[0], steps[0], steps[1], steps[2]]
    write_tree(bundle, tree)
    refused(bundle, "steps without a name of their own")


def test_every_array_belongs_to_something(bundle):
    arrays = unpack_arrays((bundle / ARRAYS).read_bytes(), ARRAYS)
    (bundle / ARRAYS).write_bytes(pack_arrays({**arrays, "more": np.zeros(3)}))
    write_tree(bundle, read_tree(bundle))
    refused(bundle, "which nothing refers to")
    name = next(iter(arrays))
    (bundle / ARRAYS).write_bytes(pack_arrays({k: a for k, a in arrays.items() if k != name}))
    write_tree(bundle, read_tree(bundle))
    refused(bundle, "no array")


def test_a_fitted_index_is_grown_again_and_answers_alike(tmp_path):
    for metric in ("euclidean", "manhattan", "cosine", "chebyshev"):
        for algorithm in ("auto", "brute"):
            model = KNeighborsClassifier(metric=metric, algorithm=algorithm, n_neighbors=7)
            frame = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 4)), columns=[*"abcd"])
            y = np.arange(400) % 3
            save_bundle(
                tmp_path / "model",
                model.fit(frame, y),
                schema=[{"name": name, "kind": "number"} for name in frame],
                task="multiclass",
                target="y",
                golden=frame.head(5),
            )
            loaded = load_bundle(tmp_path / "model").pipeline
            queries = frame + 0.1
            for mine, other in zip(
                model.kneighbors(queries), loaded.kneighbors(queries), strict=True
            ):
                assert mine.tobytes() == other.tobytes()


def test_stochastic_descent_goes_on_after_loading(tmp_path):
    from groundup.linear_model import SGDRegressor

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=[*"abc"])
    y = frame.to_numpy() @ [1.0, 2.0, 3.0]
    model = SGDRegressor(random_state=0, average=50).fit(frame, y)
    save_bundle(
        tmp_path / "model",
        model,
        schema=[{"name": name, "kind": "number"} for name in frame],
        task="regression",
        target="y",
        golden=frame.head(5),
    )
    loaded = load_bundle(tmp_path / "model").pipeline
    for other in (model, loaded):
        other.partial_fit(frame.head(50), y[:50])
    assert loaded.coef_.tobytes() == model.coef_.tobytes()
