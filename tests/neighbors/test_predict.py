"""The votes and averages of the neighbours, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import neighbors as sklearn_neighbors
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from groundup.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from tests.conftest import SHARED_DATA, needs_shared_data


def triangular(distances):
    return np.maximum(1e-9, 3.0 - distances)


WEIGHTS = ["uniform", "distance", triangular, None]


def blobs(seed=0, n=400, d=3, classes=4):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, size=n)
    return rng.normal(size=(n, d)) + y[:, None], y, rng.normal(size=(80, d)) + 1.5


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_classifier_equals_scikit_learn(weights, algorithm):
    X, y, Q = blobs()
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    ours = KNeighborsClassifier(7, weights=weights, algorithm=algorithm).fit(X, names)
    theirs = sklearn_neighbors.KNeighborsClassifier(7, weights=weights).fit(X, names)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), rtol=1e-12)
    assert ours.score(X, names) == theirs.score(X, names)
    # Without queries: the fitted rows, each without itself.
    np.testing.assert_array_equal(ours.predict(None), theirs.predict(None))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_regressor_equals_scikit_learn(weights):
    X, _, Q = blobs(1)
    y = np.column_stack([X.sum(axis=1), X[:, 0] * X[:, 1]])
    for target in (y[:, 0], y):
        ours = KNeighborsRegressor(6, weights=weights).fit(X, target)
        theirs = sklearn_neighbors.KNeighborsRegressor(6, weights=weights).fit(X, target)
        np.testing.assert_allclose(ours.predict(Q), theirs.predict(Q), rtol=1e-12)
        assert ours.score(X, target) == pytest.approx(theirs.score(X, target), rel=1e-12)


def test_classifier_takes_several_outputs():
    X, y, Q = blobs(2)
    Y = np.column_stack([y, y % 2 == 0])
    ours = KNeighborsClassifier(weights="distance").fit(X, Y)
    theirs = sklearn_neighbors.KNeighborsClassifier(weights="distance").fit(X, Y)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    for mine, other in zip(ours.predict_proba(Q), theirs.predict_proba(Q), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)
    assert [list(classes) for classes in ours.classes_] == [[0, 1, 2, 3], [0, 1]]
    assert ours.outputs_2d_


def test_a_tied_vote_goes_to_the_first_class():
    model = KNeighborsClassifier(2).fit([[0.0], [1.0]], ["b", "a"])
    assert model.predict([[0.1]]) == ["a"]
    np.testing.assert_array_equal(model.predict_proba([[0.1]]), [[0.5, 0.5]])


def test_at_distance_zero_only_such_neighbours_count():
    X = [[0.0], [0.0], [1.0], [2.0]]
    model = KNeighborsRegressor(4, weights="distance").fit(X, [1.0, 3.0, 100.0, 100.0])
    assert model.predict([[0.0]]) == [2.0]
    assert model.predict([[1e-300]]) == [2.0]  # 1 / distance overflows


def test_nearest_row_is_its_own_class():
    X, y, _ = blobs(3)
    assert KNeighborsClassifier(1).fit(X, y).score(X, y) == 1.0


def test_iris_by_hand():
    X, y = load_iris(return_X_y=True)
    errors = (KNeighborsClassifier(5).fit(X, y).predict(None) != y).sum()
    reference = sklearn_neighbors.KNeighborsClassifier(5).fit(X, y).predict(None)
    # Iris is measured in whole millimetres: ties are many, and differ in the last bit.
    assert abs(int(errors) - int((reference != y).sum())) <= 1


@needs_shared_data
def test_letters():
    path = SHARED_DATA / "letter_recognition.csv"
    if not path.exists():
        pytest.skip("letter_recognition.csv is not among the shared data")
    frame = pd.read_csv(path)
    target = next(c for c in frame if frame[c].dtype.kind not in "if")
    y, X = frame[target].to_numpy(), frame.drop(columns=target).to_numpy(float)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=2000, random_state=0)
    scores = [
        KNeighborsClassifier(algorithm=algorithm).fit(X_train, y_train).score(X_test, y_test)
        for algorithm in ("brute", "kd_tree")
    ]
    assert scores[0] == scores[1]  # 16 integer features: distances are exact, and full of ties
    theirs = sklearn_neighbors.KNeighborsClassifier(algorithm="brute").fit(X_train, y_train)
    assert scores[0] == pytest.approx(theirs.score(X_test, y_test), abs=0.005)
    scaler = StandardScaler().fit(X_train)
    model = KNeighborsClassifier().fit(scaler.transform(X_train), y_train)
    assert model.score(scaler.transform(X_test), y_test) > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_neighbors": 6}, r"n_neighbors=6 .* n_samples_fit=5 .*n_neighbors <= 5"),
        ({"metric": "hamming"}, r"metric.*'hamming'"),
        ({"algorithm": "hnsw"}, r"'algorithm' parameter .* must be a str among"),
        ({"metric_params": {"V": 1}}, r"metric_params=.*Supported are 'p' and 'w'"),
        ({"metric_params": {"w": [1.0]}}, "expected 2 finite weights"),
        ({"p": 0.5, "algorithm": "kd_tree"}, "triangle inequality"),
        ({"weights": "cubic"}, "'weights' parameter"),
        ({"weights": lambda d: np.zeros(3)}, r"shape \(3,\); expected"),
        ({"weights": np.zeros_like}, "zero weights"),
        ({"n_neighbors": 0}, "'n_neighbors' parameter"),
        ({"n_jobs": 0}, "n_jobs=0"),
    ],
)
def test_errors_say_what_is_expected(parameters, message):
    X, y = np.arange(10.0).reshape(5, 2), [0, 1, 0, 1, 0]
    with pytest.raises(ValueError, match=message):
        KNeighborsClassifier(**{"n_neighbors": 3, **parameters}).fit(X, y).predict(X)


def test_wrong_data():
    X, y = np.arange(10.0).reshape(5, 2), [0, 1, 0, 1, 0]
    model = KNeighborsClassifier(2)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(X == 3, np.nan, X), y)
    model.fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        model.predict(X * np.nan)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        model.fit(csr_array(X), y)
    nearest = NearestNeighbors(n_neighbors=5).fit(X)
    with pytest.raises(ValueError, match="not its own neighbour"):
        nearest.kneighbors()
    with pytest.raises(ValueError, match="Got -1"):
        nearest.kneighbors(X, -1)
    with pytest.raises(TypeError, match="integer"):
        nearest.kneighbors(X, 2.5)
    with pytest.raises(ValueError, match="sort_results"):
        nearest.radius_neighbors(X, return_distance=False, sort_results=True)
    with pytest.raises(ValueError, match="mode="):
        nearest.kneighbors_graph(X, mode="both")


def test_ball_tree_is_answered_by_the_k_d_tree():
    X, y, Q = blobs(4)
    ball = KNeighborsClassifier(algorithm="ball_tree").fit(X, y)
    tree = KNeighborsClassifier(algorithm="kd_tree").fit(X, y)
    np.testing.assert_array_equal(ball.predict_proba(Q), tree.predict_proba(Q))
