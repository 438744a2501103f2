"""Trees in a bundle: the same answers to the bit, and nothing that is no tree is walked down."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle.tampering import read_tree, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.validation import check_is_fitted

from groundup.bundle import BundleError, load_bundle, save_bundle
from groundup.bundle.arrays import pack_arrays, unpack_arrays
from groundup.bundle.fields import Mismatch
from groundup.bundle.manifest import ARRAYS
from groundup.bundle.tree_fields import MOST_QUESTIONS, check_topology
from groundup.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from groundup.tree import DecisionTreeClassifier, DecisionTreeRegressor

MODELS = {
    "one tree": DecisionTreeClassifier(max_depth=5, class_weight={"low": 2.0}),
    "a stump": DecisionTreeRegressor(max_depth=1, criterion="absolute_error"),
    "a tree in full": DecisionTreeRegressor(max_bins=None, ccp_alpha=0.001),
    "forest of classes": RandomForestClassifier(8, random_state=0, max_samples=0.7),
    "forest of numbers": RandomForestRegressor(30, random_state=0, max_depth=5, oob_score=True),
    "extra trees of classes": ExtraTreesClassifier(8, random_state=0, max_depth=4),
    "extra trees of numbers": ExtraTreesRegressor(8, random_state=0, bootstrap=True),
    "boosting of classes": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "boosting of two": HistGradientBoostingClassifier(max_iter=8, early_stopping=True),
    "boosting of numbers": HistGradientBoostingRegressor(max_iter=8, loss="poisson"),
    "boosting of a median": HistGradientBoostingRegressor(
        max_iter=8, loss="quantile", quantile=0.5, monotonic_cst={"a": 1}, interaction_cst=[[0, 1]]
    ),
}


def table(n: int = 300, *, seed: int = 0, new: bool = False) -> pd.DataFrame:
    """Return numbers with gaps, and for boosting a column of categories, some of them new."""
    rng = np.random.default_rng([seed, new])
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=[*"abcd"])
    return X.mask(rng.random(X.shape) < 0.1)


def target(X: pd.DataFrame, name: str) -> np.ndarray:
    z = X["a"].fillna(1.0).to_numpy() + 2 * X["b"].isna().to_numpy()
    if "class" in name or name == "one tree":
        return np.array(["low", "mid", "high"])[np.digitize(z, [-0.5, 0.5])]
    return z > 0.3 if "two" in name else np.exp(z / 4)


def saved(folder: Path, model, X: pd.DataFrame, y: np.ndarray, kinds=None) -> Path:
    task = "regression" if y.dtype.kind == "f" else "binary" if y.dtype == bool else "multiclass"
    schema = [{"name": name, "kind": (kinds or {}).get(name, "number")} for name in X]
    return save_bundle(
        folder, model.fit(X, y), schema=schema, task=task, target="y", golden=X.head(10)
    )


def answers(model, X) -> dict[str, np.ndarray]:
    names = [name for name in ("predict", "predict_proba", "apply") if hasattr(model, name)]
    return {name: getattr(model, name)(X) for name in names}


@pytest.mark.parametrize("name", MODELS)
def test_the_same_answers_to_the_bit(name, tmp_path):
    X, model = table(), MODELS[name]
    saved(tmp_path / "model", model, X, target(X, name))
    bundle = load_bundle(tmp_path / "model")
    loaded = bundle.pipeline
    assert bundle.replay.identical
    check_is_fitted(loaded)
    for rows in (X, table(2_000, seed=1), X.head(1), X.head(5) * np.nan):
        for method, expected in answers(model, rows).items():
            assert getattr(loaded, method)(rows).tobytes() == expected.tobytes()
    if hasattr(model, "feature_importances_"):
        assert loaded.feature_importances_.tobytes() == model.feature_importances_.tobytes()
    assert loaded.get_params() == model.get_params()
    # The loaded one can be saved in its turn, to the same bytes, and fitted again.
    saved_again = save_bundle(
        tmp_path / "again",
        loaded,
        schema=bundle.schema,
        task=bundle.task,
        target="y",
        golden=X.head(10),
    )
    for file in (ARRAYS, "golden.safetensors"):
        assert (saved_again / file).read_bytes() == (tmp_path / "model" / file).read_bytes()


def test_categories_are_kept_with_their_sets(tmp_path):
    rng = np.random.default_rng(0)

    def coloured(n, names):
        X = table(n)
        X["colour"] = pd.Series(rng.choice(names, n)).astype("str").mask(rng.random(n) < 0.1)
        return X[["colour", "a"]]

    X = coloured(400, [f"colour {i}" for i in range(40)])
    y = X["colour"].str[-1].isin(["1", "3", "7"]).to_numpy() + rng.normal(size=400) * 0.1
    model = HistGradientBoostingRegressor(
        max_iter=8, min_samples_leaf=5, categorical_features=["colour"]
    )
    saved(tmp_path / "model", model, X, y, {"colour": "text"})
    loaded = load_bundle(tmp_path / "model").pipeline
    assert any((tree.category_set >= 0).any() for (tree,) in loaded._rounds.trees)
    for rows in (X, coloured(50, ["colour 3", "never seen"])):
        assert loaded.predict(rows).tobytes() == model.predict(rows).tobytes()


def test_plot_tree_and_pruning_read_a_loaded_tree(tmp_path):
    from sklearn.tree import export_text

    X, model = table(), DecisionTreeClassifier(max_depth=3)
    saved(tmp_path / "model", model, X, target(X, "one tree"))
    loaded = load_bundle(tmp_path / "model").pipeline
    names = list(X)
    assert export_text(loaded, feature_names=names) == export_text(model, feature_names=names)
    assert loaded.get_depth() == 3


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    X = table()
    names = ("one tree", "forest of classes", "boosting of classes")
    return {name: saved(folder / name, MODELS[name], X, target(X, name)) for name in names}


def change(folder: Path, ending: str, edit) -> None:
    arrays = unpack_arrays((folder / ARRAYS).read_bytes(), ARRAYS)
    name = next(name for name in arrays if name.endswith(ending))
    arrays[name] = np.ascontiguousarray(edit(arrays[name].copy()))
    (folder / ARRAYS).write_bytes(pack_arrays(arrays))
    write_tree(folder, read_tree(folder))


def put(place, value):
    def edit(array):
        array[place] = value
        return array

    return edit


def swap_children(array):
    inner = np.flatnonzero(array >= 0)
    array[inner[:2]] = array[inner[:2]][::-1]
    return array


@pytest.mark.parametrize("name", ["one tree", "forest of classes", "boosting of classes"])
@pytest.mark.parametrize(
    ("ending", "edit", "saying"),
    [
        ("children_left", put(0, 0), "a child before its parent"),
        ("children_left", put(0, -2), "a child before its parent"),
        ("children_left", put(0, -1), "a node with one child"),
        ("children_left", put(0, 2**31 - 1), "a child outside its tree"),
        ("children_right", put(0, 1), "a node without a parent of its own"),
        ("children_left", swap_children, "a node without a parent of its own|before its parent"),
        ("children_right", lambda a: a[:-1], "nodes of different numbers"),
        ("feature", put(0, 4), "a column that is not there"),
        ("feature", put(0, -1), "a question about no feature"),
        ("feature", put(-1, 0), "a leaf that asks about a feature"),
        ("feature", lambda a: a.astype(np.int64), "should be a 1-dimensional array of int32"),
        ("threshold", put(0, np.nan), "a threshold that is no number"),
        ("missing_go_to_left", put(0, 2), "to neither side"),
        ("value", put(-1, np.nan), "holds NaN or infinity"),
        ("value", put(-1, np.inf), "holds NaN or infinity"),
        ("value", lambda a: np.column_stack([a, a]), "leaves for other classes"),
        ("value", lambda a: a[:-1], "nodes of different numbers"),
        ("n_node_samples", put(0, -1), "less than no rows"),
        ("weighted_n_node_samples", put(0, -0.5), "less than no rows"),
        ("roots", put(0, 1), "trees that do not follow one another"),
        ("roots", put(-1, 10**9), "trees that do not follow one another"),
        ("roots", lambda a: a[:1], "trees that do not follow one another"),
    ],
)
def test_what_is_no_tree_is_named(originals, tmp_path, name, ending, edit, saying):
    bundle = Path(shutil.copytree(originals[name], tmp_path / "model"))
    change(bundle, ending, edit)
    with pytest.raises(BundleError, match=saying) as caught:
        load_bundle(bundle)
    assert "\n" not in str(caught.value)


def test_shares_that_are_none(originals, tmp_path):
    for name in ("one tree", "forest of classes"):
        for edit in (put(-1, 1.0), put(-1, [-1.0, 1.0, 1.0])):
            bundle = Path(shutil.copytree(originals[name], tmp_path / f"{name} {id(edit)}"))
            change(bundle, "value", edit)
            with pytest.raises(BundleError, match="shares that are none"):
                load_bundle(bundle)


def chain(n_questions: int) -> dict[str, np.ndarray]:
    """Return the arrays of a tree that asks one question after the other."""
    n = 2 * n_questions + 1
    inner = np.arange(n_questions) * 2
    left, right = np.full(n, -1, dtype=np.int32), np.full(n, -1, dtype=np.int32)
    left[inner], right[inner] = inner + 1, inner + 2
    feature = np.full(n, -2, dtype=np.int32)
    feature[inner] = 0
    return {
        "children_left": left,
        "children_right": right,
        "feature": feature,
        "threshold": np.zeros(n),
        "missing_go_to_left": np.zeros(n, dtype=np.uint8),
        "value": np.zeros((n, 1)),
        "impurity": np.zeros(n),
        "n_node_samples": np.zeros(n, dtype=np.int64),
        "weighted_n_node_samples": np.zeros(n),
    }


def test_the_depth_is_bounded():
    for n_questions in (0, 1, MOST_QUESTIONS):
        arrays = chain(n_questions)
        check_topology(np.array([0, len(arrays["feature"])]), arrays)
    arrays = chain(MOST_QUESTIONS + 1)
    with pytest.raises(Mismatch, match="too deep"):
        check_topology(np.array([0, len(arrays["feature"])]), arrays)


def walk_ends(arrays: dict[str, np.ndarray], begin: int, end: int) -> bool:
    """Tell, the slow way, whether every walk from a root ends, and all nodes are on one."""
    seen, waiting = set(), [begin]
    while waiting:
        node = waiting.pop()
        if node in seen or not begin <= node < end:
            return False
        seen.add(node)
        children = arrays["children_left"][node], arrays["children_right"][node]
        if (children[0] == -1) != (children[1] == -1):
            return False
        waiting += [begin + int(child) for child in children if child != -1]
    return len(seen) == end - begin


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_passes_is_a_tree_by_walking_it(data):
    arrays = chain(data.draw(st.integers(1, 4)))
    n = len(arrays["feature"])
    for _ in range(data.draw(st.integers(0, 3))):
        side = data.draw(st.sampled_from(["children_left", "children_right"]))
        arrays[side][data.draw(st.integers(0, n - 1))] = data.draw(st.integers(-2, n + 1))
    arrays["feature"] = np.where(arrays["children_left"] == -1, -2, 0).astype(np.int32)
    try:
        check_topology(np.array([0, n]), arrays)
    except Mismatch:
        children = [arrays["children_left"], arrays["children_right"]]
        backwards = any(((c != -1) & (c <= np.arange(n))).any() for c in children)
        assert backwards or not walk_ends(arrays, 0, n)
    else:
        assert walk_ends(arrays, 0, n)
