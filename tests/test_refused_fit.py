"""A fit that is refused leaves the estimator as it was: never a new head on an old body."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from groundup.cluster import MiniBatchKMeans
from groundup.decomposition import PCA
from groundup.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from groundup.linear_model import SGDClassifier, SGDRegressor
from groundup.naive_bayes import GaussianNB
from groundup.neural_network import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
)
from groundup.neural_network.layers import Dense, Relu
from groundup.optim import DivergenceError, Plain
from groundup.tree import DecisionTreeRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 3))
y = (X[:, 2] > 0).astype(int)


def _state(model):
    return {name: repr(value) for name, value in vars(model).items()}


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (RandomForestClassifier(5, warm_start=True, random_state=0), {"n_estimators": 6}),
        (HistGradientBoostingClassifier(max_iter=5, warm_start=True), {"max_iter": 6}),
    ],
    ids=["forest", "boosting"],
)
@pytest.mark.parametrize(
    ("other_X", "other_y"),
    [
        (X[:, :2], y),
        (X, np.where(y == 0, 7, 3)),
        (pd.DataFrame(X, columns=["c", "b", "a"]), y),
    ],
    ids=["fewer columns", "other classes", "other names"],
)
def test_a_warm_start_on_other_data_is_refused_every_time(model, more, other_X, other_y):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = type(model)(**model.get_params()).fit(frame, y)
    before = model.predict_proba(frame)
    model.set_params(**more)
    other = other_X if isinstance(other_X, pd.DataFrame) else pd.DataFrame(other_X)
    if not isinstance(other_X, pd.DataFrame):
        other.columns = ["a", "b", "c"][: other.shape[1]]
    state = _state(model)
    for _ in range(2):
        with pytest.raises(ValueError, match="warm_start|warm start"):
            model.fit(other, other_y)
        assert _state(model) == state
    np.testing.assert_array_equal(model.predict_proba(frame), before)


def test_a_refused_fit_does_not_change_the_columns_of_a_tree():
    model = DecisionTreeRegressor(criterion="poisson").fit(X, np.exp(X[:, 2]))
    with pytest.raises(ValueError, match="poisson"):
        model.fit(X[:, :2], -np.exp(X[:, 2]))
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="3 features"):
        model.predict(X[:, :2])


def test_rows_without_weight_make_no_bins():
    x = np.r_[np.linspace(0, 1, 200), np.linspace(10, 20, 10_000)][:, np.newaxis]
    targets = np.r_[np.sin(np.linspace(0, 20, 200)), np.zeros(10_000)]
    weight = np.r_[np.ones(200), np.zeros(10_000)]
    weighted = DecisionTreeRegressor().fit(x, targets, sample_weight=weight)
    alone = DecisionTreeRegressor().fit(x[:200], targets[:200])
    np.testing.assert_array_equal(weighted.predict(x[:200]), alone.predict(x[:200]))


def test_a_huge_learning_rate_does_not_end_adaboost():
    model = AdaBoostClassifier(learning_rate=1000.0, n_estimators=30).fit(X, y)
    assert np.isfinite(model.decision_function(X)).all()


# ---- partial_fit ----

STEPWISE = [
    GaussianNB(),
    SGDClassifier(random_state=0),
    MLPClassifier((4,), random_state=0),
    NetworkClassifier([Dense(4), Relu()], random_state=0),
]


@pytest.mark.parametrize("model", STEPWISE, ids=lambda model: type(model).__name__)
def test_a_refused_first_part_leaves_nothing_behind(model):
    model = clone(model)
    three = np.arange(100) % 3
    state = _state(model)
    with pytest.raises(ValueError, match="y holds 2, which is not among classes, \\[0, 1\\]"):
        model.partial_fit(X, three, classes=[0, 1])
    assert _state(model) == state
    model.partial_fit(X, three, classes=[0, 1, 2])
    state = _state(model)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], three)
    with pytest.raises(ValueError, match="y holds 7, which is not among classes, \\[0, 1, 2\\]"):
        model.partial_fit(X, three * 7)
    assert _state(model) == state


@pytest.mark.parametrize(
    "model",
    [
        SGDRegressor(learning_rate="constant", eta0=1e300, random_state=0),
        MLPRegressor(
            hidden_layer_sizes=(4,), solver="sgd", learning_rate_init=1e200, random_state=0
        ),
        NetworkRegressor([Dense(4), Relu()], rule=Plain(), learning_rate=1e30, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::groundup.neural_network.TrainingWarning")
def test_a_part_on_which_learning_diverges_changes_nothing(model):
    def learn(more):
        with np.errstate(all="ignore"):
            # the rate of a perceptron's first part is also that of the later ones
            size = 1e200 if isinstance(more, MLPRegressor) else 1e10
            more.partial_fit(X, size * X[:, 0])

    first = clone(model)
    with pytest.raises(DivergenceError):
        learn(first)
    assert not first.__sklearn_is_fitted__()
    rate = "eta0" if hasattr(model, "eta0") else "learning_rate"
    rate = "learning_rate_init" if hasattr(model, "learning_rate_init") else rate
    careful = {rate: 1e-3}
    later = clone(model).set_params(**careful).partial_fit(X, X[:, 0])
    other = clone(model).set_params(**careful).partial_fit(X, X[:, 0])
    with pytest.raises(DivergenceError):
        learn(later.set_params(**{rate: getattr(model, rate)}))
    later.set_params(**careful).partial_fit(X, X[:, 0])
    other.partial_fit(X, X[:, 0])
    np.testing.assert_array_equal(later.predict(X), other.predict(X))


def test_a_refused_batch_leaves_no_columns_behind():
    for model in (MiniBatchKMeans(5), PCA(3)):
        with pytest.raises(ValueError, match="n_clusters|n_components"):
            model.partial_fit(X[:2])
        assert not hasattr(model, "n_features_in_")
        model.partial_fit(X[:, :2] if isinstance(model, MiniBatchKMeans) else X)
