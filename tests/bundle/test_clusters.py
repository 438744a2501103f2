"""Centres, mixtures and principal components in a bundle: kept to the bit, refused if wrong."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle.tampering import read_tree, tampered, write_tree
from bundle.test_contradictions import change_arrays, parts, put, refused
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA as TheirPCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

from groundup.bundle import BundleError, load_bundle, save_bundle
from groundup.bundle.load import _load
from groundup.bundle.parts import kind_of
from groundup.bundle.registry import KINDS
from groundup.cluster import KMeans, MiniBatchKMeans
from groundup.decomposition import PCA, TruncatedSVD
from groundup.mixture import GaussianMixture
from groundup.workflow.clusters.features import EqualWeight

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

MODELS = {
    "k-means": KMeans(4, n_init=2, random_state=0),
    "mini-batches": MiniBatchKMeans(3, batch_size=40, random_state=0),
    **{
        kind: GaussianMixture(3, covariance_type=kind, random_state=0)
        for kind in ("full", "tied", "diag", "spherical")
    },
    "given start": GaussianMixture(2, means_init=np.eye(2, 3), max_iter=0, random_state=0),
}
CENTERS = ("k-means", "mini-batches")
# What is on a fitted object and says something of its rows alone.
LEFT_OUT = {"KMeans": {"labels_"}, "MiniBatchKMeans": {"labels_"}}
# The kinds that these tests go through.
KEPT_HERE = {"KMeans", "MiniBatchKMeans", "GaussianMixture", "PowerTransformer", "EqualWeight"}
KEPT_HERE |= {"PCA", "groundup.PCA", "groundup.TruncatedSVD"}
REDUCERS = [
    TheirPCA(3, svd_solver="full"),
    PCA(3, whiten=True),
    PCA(3, svd_solver="randomized", random_state=0),
    TruncatedSVD(3, random_state=0),
]


def table(n=150):
    rng = np.random.default_rng(0)
    own = rng.integers(3, size=n)
    a = np.where(rng.random(n) < 0.1, np.nan, 4.0 * own + rng.normal(size=n))
    return pd.DataFrame(
        {
            "a": a,
            "b": rng.normal(size=n) - 3.0 * own,
            "c": np.exp(rng.normal(size=n)) * 1e5,
            "d": pd.Series(np.array(["x", "y", "z"])[rng.integers(3, size=n)]).astype("str"),
        }
    )


def pipeline(model, reduce=None):
    return Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]),
                        ("s", make_pipeline(SimpleImputer(), PowerTransformer()), ["c"]),
                        (
                            "d",
                            make_pipeline(OneHotEncoder(sparse_output=False), EqualWeight()),
                            ["d"],
                        ),
                    ]
                ),
            ),
            ("reduce", TheirPCA(3, svd_solver="full") if reduce is None else reduce),
            ("model", model),
        ]
    )


def saved(folder, fitted, frame):
    schema = [{"name": n, "kind": "text" if n == "d" else "number"} for n in frame]
    return save_bundle(
        folder, fitted, schema=schema, task="clustering", target="cluster", golden=frame.head(9)
    )


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder, frame = tmp_path_factory.mktemp("bundles"), table()
    return {
        name: saved(folder / name, pipeline(model, PCA(3)).fit(frame), frame)
        for name, model in MODELS.items()
    }


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("reduce", REDUCERS, ids=repr)
def test_what_is_loaded_answers_as_what_was_saved(tmp_path, name, reduce):
    frame, new = table(), table(400).tail(200)
    fitted = pipeline(MODELS[name], reduce).fit(frame)
    loaded = load_bundle(saved(tmp_path / "model", fitted, frame)).pipeline
    assert loaded.predict(new).tolist() == fitted.predict(new).tolist()
    asked = ["transform"] if name in CENTERS else ["predict_proba", "score_samples"]
    for method in asked:
        assert getattr(loaded, method)(new).tobytes() == getattr(fitted, method)(new).tobytes()
    if name not in CENTERS:
        assert loaded[-1].sample(20)[0].tobytes() == fitted[-1].sample(20)[0].tobytes()
        assert loaded[-1].bic(loaded[:-1].transform(new)) == fitted[-1].bic(
            fitted[:-1].transform(new)
        )
    # And the loaded one can be saved in its turn, to the same bytes.
    saved(tmp_path / "again", loaded, frame)
    for file in ("arrays.safetensors", "golden.safetensors"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "model" / file).read_bytes()


def test_nothing_that_predicting_needs_is_left_out():
    frame, seen = table(), set()
    for reduce in REDUCERS:
        for model in MODELS.values():
            fitted = pipeline(model, reduce).fit(frame)
            inside = [t for _, p, _ in fitted[0].transformers_ for _, t in p.steps]
            for part in (*inside, *fitted[1:]):
                kind = kind_of(part, KINDS)
                seen.add(kind)
                params = part.get_params(deep=False)
                own = set(vars(part)) - set(params) - LEFT_OUT.get(kind, set())
                assert own - set(KINDS[kind].fitted) <= {"_sklearn_output_config"}
                assert set(params) == set(KINDS[kind].params) | KINDS[kind].dropped
    assert seen >= KEPT_HERE


def test_a_mixture_with_a_nearly_singular_covariance_can_be_kept(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * [1e4, 1.0, 1e-3]
    X[:, 2] += X[:, 0]  # the covariance has a condition number of 1e14
    frame = pd.DataFrame(X, columns=[*"abc"])
    fitted = make_pipeline(GaussianMixture(2, random_state=0)).fit(frame)
    schema = [{"name": n, "kind": "number"} for n in frame]
    save_bundle(
        tmp_path / "m", fitted, schema=schema, task="clustering", target="own", golden=frame.head()
    )
    assert load_bundle(tmp_path / "m").predict(frame).tolist() == fitted.predict(frame).tolist()


def test_principal_components_go_on_after_loading(tmp_path):
    frame = table()[["a", "b", "c"]].fillna(0.0)
    fitted = Pipeline(
        [("scale", StandardScaler()), ("reduce", PCA(2)), ("model", KMeans(2, random_state=0))]
    )
    fitted.fit(frame)
    schema = [{"name": n, "kind": "number"} for n in frame]
    save_bundle(
        tmp_path / "m", fitted, schema=schema, task="clustering", target="own", golden=frame.head()
    )
    loaded = load_bundle(tmp_path / "m").pipeline
    rows = fitted[:1].transform(frame)
    for one in (fitted, loaded):
        one[1].partial_fit(rows[:40] + 1.0)
    assert loaded[1].components_.tobytes() == fitted[1].components_.tobytes()


def test_mini_batches_go_on_after_loading(tmp_path):
    frame = table()[["a", "b", "c"]].fillna(0.0)
    model = MiniBatchKMeans(3, reassignment_ratio=0.0, random_state=0).partial_fit(frame.head(50))
    schema = [{"name": n, "kind": "number"} for n in frame]
    save_bundle(
        tmp_path / "m", model, schema=schema, task="clustering", target="own", golden=frame.head()
    )
    loaded = load_bundle(tmp_path / "m").pipeline
    for one in (model, loaded):
        one.partial_fit(frame.tail(60))
    assert loaded.cluster_centers_.tobytes() == model.cluster_centers_.tobytes()


def negated(array):
    return -array


@pytest.mark.parametrize(
    ("name", "ending", "change", "saying"),
    [
        ("k-means", "KMeans.cluster_centers_", lambda a: a[:-1], "has centres not of shape"),
        ("k-means", "KMeans.cluster_centers_", lambda a: a[:, :-1], "has centres not of shape"),
        ("k-means", "KMeans.cluster_centers_", put(np.nan), "holds NaN or infinity"),
        ("mini-batches", "KMeans._counts", lambda a: a[:-1], "has counts of other clusters"),
        ("mini-batches", "KMeans._counts", put(-1.0), "has counts of other clusters"),
        ("mini-batches", "KMeans.cluster_centers_", lambda a: a[:-1], "has centres not of shape"),
        ("full", "Mixture.weights_", lambda a: a[:-1], "has weights for other components"),
        ("full", "Mixture.weights_", put(-0.5), "not shares of one whole"),
        ("full", "Mixture.weights_", put(0.9), "not shares of one whole"),
        ("full", "Mixture.means_", lambda a: a[:, :-1], "has means of other"),
        ("tied", "Mixture.means_", lambda a: a[:-1], "has means of other"),
        ("full", "Mixture.precisions_cholesky_", negated, "precisions that are not positive"),
        ("diag", "Mixture.precisions_cholesky_", negated, "precisions that are not positive"),
        ("spherical", "Mixture.precisions_cholesky_", put(0.0), "precisions that are not positive"),
        ("full", "Mixture.precisions_cholesky_", lambda a: a + 1.0, "that are no triangles"),
        ("tied", "Mixture.precisions_cholesky_", lambda a: a[:-1], "precisions_cholesky_ that are"),
        ("full", "Mixture.precisions_", put(99.0), "precisions that contradict their factors"),
        ("full", "Mixture.covariances_", lambda a: 1.01 * a, "covariances that contradict"),
        ("tied", "Mixture.covariances_", put(1e-3), "covariances that contradict"),
        ("diag", "Mixture.covariances_", put(99.0), "covariances that contradict"),
        ("spherical", "Mixture.covariances_", put(-1.0), "covariances that contradict"),
        ("full", "Mixture.covariances_", lambda a: a[:, :-1], "has covariances_ that are not of"),
        ("full", "PCA.components_", lambda a: 2.0 * a, "not orthonormal"),
        ("full", "PCA.components_", lambda a: a[:, :-1], "has components for other columns"),
        ("full", "PCA.components_", lambda a: a[:-1], "contradicts its number of components"),
        ("full", "PCA.mean_", lambda a: a[:-1], "has means of other columns"),
        ("full", "PCA.explained_variance_", put(-1.0), "explained_variance_ below zero"),
        ("full", "PCA._moments.2", lambda a: a[:-1], "has moments of other columns"),
        ("full", "PCA._moments.2", put(-1.0), "has moments below zero"),
        ("full", "PowerTransformer.lambdas_", lambda a: np.append(a, a), "has powers for other"),
        ("full", "PowerTransformer.lambdas_", put(np.nan), "holds NaN or infinity"),
        ("full", "EqualWeight.mean_", lambda a: a[:-1], "has means of other columns"),
    ],
)
def test_arrays_that_do_not_fit(originals, tmp_path, name, ending, change, saying):
    bundle = Path(shutil.copytree(originals[name], tmp_path / "model"))
    change_arrays(bundle, ending, change)
    refused(bundle, saying)


@pytest.mark.parametrize(
    ("name", "kind", "place", "value", "saying"),
    [
        ("k-means", "KMeans", "n_iter_", -1, "should be a whole number"),
        ("full", "GaussianMixture", "converged_", 1, "should be true or false"),
        ("full", "GaussianMixture", "lower_bounds_", [{"float": "inf"}], "should be"),
        ("full", "EqualWeight", "scale_", 0.0, "has a scale that is not positive"),
        ("full", "groundup.PCA", "n_components_", 2, "contradicts its number of components"),
        ("full", "groundup.PCA", "_moments", [1.0], "should be"),
    ],
)
def test_attributes_that_do_not_fit(originals, tmp_path, name, kind, place, value, saying):
    bundle = Path(shutil.copytree(originals[name], tmp_path / "model"))
    tree = read_tree(bundle)
    parts(tree, kind)[0]["fitted"][place] = value
    write_tree(bundle, tree)
    refused(bundle, saying)


def test_another_covariance_type_than_the_arrays(originals, tmp_path):
    bundle = Path(shutil.copytree(originals["full"], tmp_path / "model"))
    tree = read_tree(bundle)
    parts(tree, "GaussianMixture")[0]["params"]["covariance_type"] = "tied"
    write_tree(bundle, tree)
    refused(bundle, "has covariances_ that are not of shape")


def test_a_class_of_the_same_name_is_not_enough(tmp_path):
    class PCA(TheirPCA):
        pass

    frame = table()
    fitted = pipeline(MODELS["k-means"], PCA(2)).fit(frame)
    with pytest.raises(BundleError, match="a bundle cannot hold a"):
        saved(tmp_path / "model", fitted, frame)


@pytest.mark.parametrize("name", ["k-means", "full", "diag"])
def test_a_manifest_edited_with_a_new_digest(originals, tmp_path, name):
    """What passes the digest has to pass every other check, or to be the same model."""
    bundle = Path(shutil.copytree(originals[name], tmp_path / "model"))
    tree, random_state = read_tree(bundle), random.Random(name)
    refused_ones = 0
    for _ in range(60):
        try:
            write_tree(bundle, tampered(tree, random_state))
        except RecursionError:  # the writer of this test cannot nest that deep
            continue
        try:
            loaded = _load(bundle)  # without the net that load_bundle has
        except BundleError:
            refused_ones += 1
        else:
            assert loaded.replay.identical
    assert refused_ones > 40
