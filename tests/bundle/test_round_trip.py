"""A saved and loaded pipeline is the same pipeline: to the bit, on old and new rows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from bundle.pipelines import (
    make_pipeline,
    make_table,
    make_target,
    schema_of,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from groundup.bundle import BundleError, load_bundle, save_bundle
from groundup.bundle.registry import KINDS

TASKS = ["binary", "multiclass", "regression"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def dense(Z):
    return np.asarray(Z.toarray() if sparse.issparse(Z) else Z)


def fitted(seed: int, task: str) -> tuple[Pipeline, pd.DataFrame]:
    frame = make_table(seed)
    pipeline = make_pipeline(seed, task)
    return pipeline.fit(frame, make_target(seed, frame, task)), frame


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", [*range(5), 9, 10, 11, 12])
def test_pipelines_of_all_shapes(tmp_path, seed, task):
    pipeline, frame = fitted(seed, task)
    save_bundle(
        tmp_path / "model",
        pipeline,
        schema=schema_of(frame),
        task=task,
        target="y",
        golden=frame.head(15),
    )
    bundle = load_bundle(tmp_path / "model")
    assert bundle.replay.identical
    for rows in (frame, make_table(seed, new=True), frame.head(1)):
        before = pipeline[:-1].transform(rows)
        after = bundle.pipeline[:-1].transform(rows)
        assert sparse.issparse(before) == sparse.issparse(after)
        assert dense(before).dtype == dense(after).dtype
        assert dense(before).tobytes() == dense(after).tobytes()
        assert bundle.predict(rows).tolist() == pipeline.predict(rows).tolist()
        if hasattr(pipeline, "predict_proba"):
            expected = pipeline.predict_proba(rows)
            assert bundle.predict_proba(rows).tobytes() == expected.tobytes()
    assert bundle.pipeline[1].output_indices_ == pipeline[1].output_indices_
    assert (
        pipeline[:-1].get_feature_names_out().tolist()
        == bundle.pipeline[:-1].get_feature_names_out().tolist()
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_loaded_pipeline_is_an_ordinary_one(tmp_path, task):
    pipeline, frame = fitted(4, task)
    y = make_target(4, frame, task)
    save_bundle(
        tmp_path / "model",
        pipeline,
        schema=schema_of(frame),
        task=task,
        target="y",
        golden=frame,
    )
    again = clone(load_bundle(tmp_path / "model").pipeline).fit(frame, y)
    assert again.predict(frame).tolist() == pipeline.predict(frame).tolist()
    # And the loaded one can be saved in its turn, to the same bytes.
    loaded = load_bundle(tmp_path / "model").pipeline
    save_bundle(
        tmp_path / "again",
        loaded,
        schema=schema_of(frame),
        task=task,
        target="y",
        golden=frame,
    )
    for name in ("arrays.safetensors", "golden.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


def test_nothing_that_predicting_needs_is_left_out():
    """The table of kinds names every fitted attribute of the installed scikit-learn's objects.

    What it leaves out on purpose stands here with the reason.
    """
    left_out = {
        "Pipeline": set(),
        # Rebuilt from the branches.
        "ColumnTransformer": {
            "_columns",
            "_remainder",
            "_transformer_to_input_indices",
            "output_indices_",
            "_transformers_feature_names_out",
        },
        # Remembers the identity of an object, to warn once.
        "TfidfVectorizer": {"_stop_words_id"},
    }
    # Grown again from the rows.
    index = {"_mapped_X", "_tree", "_panels", "_fit_method", "n_samples_fit_", "outputs_2d_"}
    index |= {"effective_metric_", "effective_metric_params_"}
    left_out |= {"KNeighborsClassifier": index, "KNeighborsRegressor": index}
    left_out["Lasso"] = {"l1_ratio"}  # its constructor sets it
    # Made again from the nodes, or told by them.
    for name in ("DecisionTreeClassifier", "DecisionTreeRegressor"):
        left_out[name] = {"_forms", "n_classes_"}
    for name in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        left_out[name] = {"n_iter_", "_weighted"}  # a warning of partial dependence's
    # Which rows a tree was grown on says something of the rows, not of the model.
    for name in ("RandomForest", "ExtraTrees"):
        for task in ("Classifier", "Regressor"):
            left_out[name + task] = {"_bootstrap", "_n_samples", "_estimators"}
    seen = set()

    def walk(part):
        name = type(part).__name__
        if name not in KINDS:
            return
        seen.add(name)
        kind = KINDS[name]
        own = {key for key in vars(part) if key not in part.get_params(deep=False)}
        missed = own - set(kind.fitted) - left_out.get(name, set()) - {"_sklearn_output_config"}
        assert not missed, f"{name}: {missed}"
        assert set(part.get_params(deep=False)) == set(kind.params) | kind.dropped
        inside = [s for _, s in part.steps] if isinstance(part, Pipeline) else []
        inside += [t for _, t, _ in getattr(part, "transformers_", [])]
        inside += [getattr(part, a, None) for a in ("_tfidf", "indicator_")]
        for child in inside:
            walk(child)

    for seed in range(13):
        for task in TASKS:
            walk(fitted(seed, task)[0])
    # What reduces or clusters is in test_clusters.py, the rest in test_more_models.py.
    from bundle import test_clusters, test_more_models

    assert seen | test_clusters.KEPT_HERE | test_more_models.KEPT_HERE == set(KINDS)


def test_labels_keep_their_types(tmp_path):
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    for labels in (
        np.array(["a", "b", "a", "b"]),
        np.array(["no", "yes", "no", "yes"], dtype=object),
        np.array([1, 2, 1, 2]),
        np.array([0.5, 1.5, 0.5, 1.5]),
        np.array([True, False, True, False]),
        np.array(["=1+1", "", "=1+1", ""]),
    ):
        model = Pipeline([("model", DummyClassifier())]).fit(X, labels)
        folder = save_bundle(
            tmp_path / "model",
            model,
            schema=[{"name": "x", "kind": "number"}],
            task="binary",
            target="y",
            positive=labels[0],
            golden=X,
        )
        bundle = load_bundle(folder)
        assert bundle.pipeline.classes_.dtype == model.classes_.dtype
        assert bundle.predict(X).tolist() == model.predict(X).tolist()
        assert bundle.classes == model.classes_.tolist()
        assert list(map(type, bundle.classes)) == list(map(type, model.classes_.tolist()))
        assert bundle.positive == labels[0]


def test_categories_of_every_type(tmp_path):
    X = pd.DataFrame(
        {
            "text": pd.Series(["a", np.nan, "b", "a"], dtype="str"),
            "object": pd.Series(["a", None, "b", "a"], dtype=object),
            "float": [1.0, np.nan, -0.5, 1.0],
            "whole": [3, 1, 2, 3],
            "flag": [True, False, True, True],
        }
    )
    encoder = OneHotEncoder(handle_unknown="ignore")
    branches = [(name, clone(encoder), [name]) for name in X]
    model = Pipeline([("prepare", ColumnTransformer(branches)), ("model", DummyRegressor())])
    model.fit(X, [1.0, 2.0, 3.0, 4.0])
    schema = [{"name": name, "kind": "text"} for name in X]
    save_bundle(tmp_path / "model", model, schema=schema, task="regression", target="y", golden=X)
    loaded = load_bundle(tmp_path / "model").pipeline
    assert dense(model[:-1].transform(X)).tobytes() == dense(loaded[:-1].transform(X)).tobytes()
    for before, after in zip(model[0].transformers_, loaded[0].transformers_, strict=True):
        a, b = before[1].categories_[0], after[1].categories_[0]
        assert a.dtype == b.dtype
        assert list(map(type, a)) == list(map(type, b))
        assert repr(a) == repr(b)


def test_pandas_output_is_kept(tmp_path):
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [1.0, 2.0, 3.0]})
    prepare = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    model = Pipeline([("prepare", prepare), ("model", DummyRegressor())])
    prepare.set_output(transform="pandas")
    model.fit(X, [1.0, 2.0, 3.0])
    schema = [{"name": name, "kind": "number"} for name in X]
    save_bundle(tmp_path / "model", model, schema=schema, task="regression", target="y", golden=X)
    loaded = load_bundle(tmp_path / "model").pipeline
    pd.testing.assert_frame_equal(loaded[:-1].transform(X), model[:-1].transform(X))


def test_what_is_no_plain_data_is_refused(tmp_path):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

    X = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    T = pd.DataFrame({"x": ["one", "two words", "three"]})

    class StandardScaler(MinMaxScaler):  # the name of a known class, and another class
        pass

    def words(text):
        return text.split()

    refused = [
        (Pipeline([("f", FunctionTransformer(np.log)), ("m", DummyRegressor())]), X, "hold a"),
        (Pipeline([("s", StandardScaler()), ("m", DummyRegressor())]), X, "hold a"),
        (
            Pipeline(
                [
                    ("t", ColumnTransformer([("t", TfidfVectorizer(tokenizer=words), "x")])),
                    ("m", DummyRegressor()),
                ]
            ),
            T,
            "TfidfVectorizer.tokenizer",
        ),
        (
            Pipeline([("m", DummyClassifier(strategy="uniform"))]),
            X,
            "answers change from call to call",
        ),
    ]
    for model, frame, reason in refused:
        task = "multiclass" if isinstance(model[-1], DummyClassifier) else "regression"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(frame, [1, 2, 3] if task == "multiclass" else [1.0, 2.0, 3.0])
        with pytest.raises(BundleError, match=reason):
            save_bundle(
                tmp_path / "model",
                model,
                schema=[{"name": "x", "kind": "number"}],
                task=task,
                target="y",
                golden=pd.concat([frame] * 10),
            )
    assert not list(tmp_path.iterdir())


def test_an_unfitted_pipeline_says_so(tmp_path):
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    with pytest.raises(BundleError, match="fit the pipeline before saving"):
        save_bundle(
            tmp_path / "model",
            Pipeline([("m", DummyRegressor())]),
            schema=[{"name": "x", "kind": "number"}],
            task="regression",
            target="y",
            golden=X,
        )


def test_predict_needs_its_columns_in_any_order(tmp_path):
    pipeline, frame = fitted(1, "regression")
    save_bundle(
        tmp_path / "model",
        pipeline,
        schema=list(reversed(schema_of(frame))),
        task="regression",
        target="y",
        golden=frame,
        score={"metric": "r2", "score": 0.5},
    )
    bundle = load_bundle(tmp_path / "model")
    assert bundle.score == {"metric": "r2", "score": 0.5}
    shuffled = frame[frame.columns[::-1]].assign(extra=1)
    assert bundle.predict(shuffled).tolist() == pipeline.predict(frame).tolist()
    with pytest.raises(BundleError, match="lacks the columns"):
        bundle.predict(frame.drop(columns="n real"))
    with pytest.raises(BundleError, match="no probabilities"):
        bundle.predict_proba(frame)


def test_importing_and_loading_a_bundle_needs_no_numba(tmp_path):
    import subprocess
    import sys

    pipeline, frame = fitted(0, "binary")
    save_bundle(
        tmp_path / "model",
        pipeline,
        schema=schema_of(frame),
        task="binary",
        target="y",
        golden=frame,
    )
    script = f"""
import sys
import groundup.bundle
assert not {{"numba", "pandas", "sklearn"}} & set(sys.modules), "import"
groundup.bundle.load_bundle({str(tmp_path / "model")!r})
assert "numba" not in sys.modules, "load"
assert "pickle" not in groundup.bundle.load.__dict__
"""
    subprocess.run([sys.executable, "-c", script], check=True)
