"""Gradient boosting: what must hold of every fit, and what is refused."""

from __future__ import annotations

import pickle
import signal

import numpy as np
import pandas as pd
import pytest
from oracles import boosting_naive
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification, make_regression
from sklearn.metrics import log_loss

from groundup.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

REGRESSION_LOSSES = ["squared_error", "absolute_error", "quantile", "poisson", "gamma"]
each_loss = pytest.mark.parametrize("loss", [*REGRESSION_LOSSES, "binary", "multiclass"])


def _model(loss, **options):
    if loss in ("binary", "multiclass"):
        return HistGradientBoostingClassifier(**{"random_state": 0, **options})
    if loss == "quantile":
        options["quantile"] = 0.7
    return HistGradientBoostingRegressor(loss=loss, **{"random_state": 0, **options})


def _data(loss, n=500, p=6, seed=0):
    """Rows with few distinct values, some missing."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, p)) * 3) / 3
    signal_part = X[:, 0] + np.sin(2 * X[:, 1]) + (X[:, 2] > 0.5) * X[:, 3]
    noisy = signal_part + 0.3 * rng.normal(size=n)
    X[rng.random((n, p)) < 0.05] = np.nan
    if loss == "binary":
        return X, (noisy > 0).astype(int)
    if loss == "multiclass":
        return X, np.digitize(noisy, [-1, 0, 1])
    return X, np.exp(noisy / 2) + 0.01


def _assert_same_model(one, two, X):
    for raw, other in zip(one._staged_raw_predict(X), two._staged_raw_predict(X), strict=True):
        np.testing.assert_array_equal(raw, other)
    np.testing.assert_array_equal(one.train_loss_, two.train_loss_)
    np.testing.assert_array_equal(one.validation_score_, two.validation_score_)


# ---------------------------------------------------------------- what holds after every round


@pytest.mark.parametrize("loss", ["squared_error", "binary", "multiclass", "poisson", "gamma"])
def test_the_training_loss_falls_in_every_round(loss):
    X, y = _data(loss)
    model = _model(loss, max_iter=50, learning_rate=0.1).fit(X, y)
    assert np.all(np.diff(model.train_loss_) < 0)


@each_loss
def test_the_last_stage_is_the_model_and_the_losses_are_the_stages(loss):
    X, y = _data(loss)
    model = _model(loss, max_iter=7).fit(X, y)
    stages = list(model.staged_predict(X))
    assert len(stages) == model.n_iter_ == 7
    np.testing.assert_array_equal(stages[-1], model.predict(X))
    if loss in ("binary", "multiclass"):
        *_, probabilities = model.staged_predict_proba(X)
        *_, decisions = model.staged_decision_function(X)
        np.testing.assert_array_equal(probabilities, model.predict_proba(X))
        np.testing.assert_array_equal(decisions, model.decision_function(X))
        assert model.train_loss_[-1] == pytest.approx(log_loss(y, probabilities))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        np.testing.assert_array_equal(model.classes_[probabilities.argmax(1)], model.predict(X))


@each_loss
def test_the_state_of_a_round_is_a_shorter_model(loss):
    X, y = _data(loss, n=300)

    class Keep:
        def __init__(self):
            self.models = []

        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "step" and fitted_estimator is not None:
                self.models.append(fitted_estimator)

    keep = Keep()
    options = {"max_iter": 4, "early_stopping": True, "validation_fraction": 0.2}
    _model(loss, **options).set_callbacks(keep).fit(X, y)
    for n_rounds, state in enumerate(keep.models, start=1):
        shorter = _model(loss, **{**options, "max_iter": n_rounds}).fit(X, y)
        assert state.n_iter_ == n_rounds
        assert len(state.validation_loss_) == n_rounds + 1
        _assert_same_model(state, shorter, X)


@each_loss
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_warm_start_is_one_go(loss, early_stopping):
    X, y = _data(loss, n=300)
    options = {"early_stopping": early_stopping, "max_features": 0.7, "n_iter_no_change": 50}
    once = _model(loss, **options, max_iter=9).fit(X, y)
    twice = _model(loss, **options, max_iter=4, warm_start=True).fit(X, y)
    first = clone(twice).fit(X, y)
    twice.set_params(max_iter=9).fit(X, y)
    _assert_same_model(once, twice, X)
    assert first.n_iter_ == 4  # the copy is left alone
    again = twice.fit(X, y)  # nothing left to do
    _assert_same_model(once, again, X)


@each_loss
def test_one_thread_equals_two_with_every_option(loss):
    from threadpoolctl import threadpool_limits

    X, y = _data(loss, n=20_000)
    options = {"max_iter": 3, "max_features": 0.5, "early_stopping": True, "l2_regularization": 1.0}
    two = _model(loss, **options).fit(X, y)
    with threadpool_limits(1):
        one = _model(loss, **options).fit(X, y)
        _assert_same_model(one, two, X[:1000])


@pytest.mark.parametrize("loss", ["squared_error", "binary"])
@pytest.mark.parametrize("options", [{}, {"max_leaf_nodes": 4}, {"max_depth": 2}], ids=str)
def test_every_round_is_that_of_the_definition(loss, options):
    X, y = _data(loss, n=150, p=4, seed=2)
    model = _model(loss, max_iter=6, learning_rate=0.3, min_samples_leaf=5, **options)
    model.fit(X, y)
    rounds = boosting_naive.boost(
        X,
        y,
        6,
        loss="log_loss" if loss == "binary" else loss,
        start=model._baseline_prediction[0, 0],
        learning_rate=0.3,
        min_samples_leaf=5,
        **options,
    )
    staged = [raw[:, 0] for raw in model._staged_raw_predict(X)]
    np.testing.assert_allclose(staged, rounds, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------- weights


@each_loss
def test_a_row_of_weight_zero_is_absent(loss):
    X, y = _data(loss)
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    kept = weight > 0
    with_zeros = _model(loss, max_iter=5).fit(X, y, sample_weight=weight)
    without = _model(loss, max_iter=5).fit(X[kept], y[kept], sample_weight=weight[kept])
    _assert_same_model(with_zeros, without, X)


@each_loss
def test_integer_weights_are_repeats(loss):
    X, y = _data(loss)
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    options = {"max_iter": 5, "min_samples_leaf": 1, "max_leaf_nodes": 5}
    weighted = _model(loss, **options).fit(X, y, sample_weight=weight)
    repeated = _model(loss, **options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted._raw_predict(X), repeated._raw_predict(X), rtol=1e-5, atol=1e-6
    )


def test_class_weights_are_sample_weights():
    X, y = _data("multiclass")
    share = {0: 1.0, 1: 2.0, 2: 0.5, 3: 3.0}
    by_class = HistGradientBoostingClassifier(max_iter=4, class_weight=share).fit(X, y)
    by_row = HistGradientBoostingClassifier(max_iter=4).fit(
        X, y, sample_weight=np.vectorize(share.get)(y)
    )
    np.testing.assert_array_equal(by_class.decision_function(X), by_row.decision_function(X))


# ---------------------------------------------------------------- constraints


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "quantile", "poisson", "binary"]
)
def test_monotonic_constraints_hold_everywhere(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    noisy = np.sin(3 * X[:, 0]) + X[:, 0] - X[:, 1] + np.cos(4 * X[:, 1]) + X[:, 2]
    y = (noisy > 0).astype(int) if loss == "binary" else np.exp(noisy / 2)
    free = _model(loss, max_iter=40).fit(X, y)
    held = _model(loss, max_iter=40, monotonic_cst=[1, -1, 0]).fit(X, y)
    grid = np.linspace(-3, 3, 200)
    broken = 0
    for row in X[:30]:
        for column, sign in ((0, 1), (1, -1)):
            line = np.repeat(row[np.newaxis], len(grid), axis=0)
            line[:, column] = grid
            rises = sign * np.diff(held._raw_predict(line)[:, 0])
            assert rises.min() >= -1e-12
            broken += np.any(sign * np.diff(free._raw_predict(line)[:, 0]) < 0)
    assert broken > 0
    assert held.train_loss_[-1] < held.train_loss_[5]


def test_constraints_by_name():
    X, y = make_regression(200, 3, random_state=0)
    frame = pd.DataFrame(X, columns=list("abc"))
    by_name = HistGradientBoostingRegressor(monotonic_cst={"b": -1}, max_iter=5).fit(frame, y)
    by_place = HistGradientBoostingRegressor(monotonic_cst=[0, -1, 0], max_iter=5).fit(X, y)
    np.testing.assert_array_equal(by_name.predict(frame), by_place.predict(X))


@pytest.mark.parametrize(
    ("told", "groups"),
    [
        ("no_interactions", [{0}, {1}, {2}, {3}]),
        ("pairwise", [{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}]),
        ([{0, 1}], [{0, 1}, {2, 3}]),
        ([(0, 1, 2), [2, 3]], [{0, 1, 2}, {2, 3}]),
    ],
)
def test_every_branch_stays_within_a_group(told, groups):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + X[:, 0] * X[:, 3]
    model = HistGradientBoostingRegressor(interaction_cst=told, max_iter=20).fit(X, y)
    deep = 0
    for (tree,) in model._rounds.trees:
        used = {0: frozenset()}
        for node in range(tree.node_count):
            if tree.feature[node] < 0:
                assert any(used[node] <= group for group in groups)
                deep += len(used[node]) > 1
                continue
            for child in (tree.children_left[node], tree.children_right[node]):
                used[child] = used[node] | {int(tree.feature[node])}
    assert (deep > 0) == (told != "no_interactions")


@pytest.mark.parametrize("told", [[[0, 9]], [[-1]], [0, 1], [["a"]]])
def test_groups_of_columns_that_are_not_there_are_refused(told):
    X, y = make_regression(50, 3, random_state=0)
    with pytest.raises(ValueError, match="Interaction constraints must"):
        HistGradientBoostingRegressor(interaction_cst=told).fit(X, y)


def test_monotonic_constraints_that_cannot_be_are_refused():
    X, y = _data("multiclass")
    with pytest.raises(ValueError, match="not supported for multiclass"):
        HistGradientBoostingClassifier(monotonic_cst=[1, 0, 0, 0, 0, 0]).fit(X, y)
    X = np.round(np.abs(np.nan_to_num(X)))
    with pytest.raises(ValueError, match="have no order"):
        HistGradientBoostingRegressor(
            categorical_features=[0], monotonic_cst=[1, 0, 0, 0, 0, 0]
        ).fit(X, y)


# ---------------------------------------------------------------- the limits of a tree


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ({"max_leaf_nodes": 4}, lambda tree: np.sum(tree.feature < 0) <= 4),
        ({"max_leaf_nodes": None, "max_depth": 2}, lambda tree: tree.node_count <= 7),
        (
            {"min_samples_leaf": 60},
            lambda tree: tree.n_node_samples[tree.feature < 0].min() >= 60,
        ),
        ({"max_bins": 2}, lambda tree: len({*tree.feature}) <= 7),
    ],
)
def test_limits(options, holds):
    X, y = _data("squared_error")
    model = HistGradientBoostingRegressor(**options, max_iter=5).fit(X, y)
    assert all(holds(tree) for trees in model._rounds.trees for tree in trees)


def test_columns_for_a_node_are_drawn_from_the_seed():
    X, y = _data("squared_error")
    options = {"max_features": 0.5, "max_iter": 5}
    one, two, other = (
        HistGradientBoostingRegressor(**options, random_state=seed).fit(X, y) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    assert not np.array_equal(one.predict(X), other.predict(X))


def test_l2_shrinks_and_a_huge_one_leaves_the_constant():
    X, y = _data("squared_error")
    spread = [
        HistGradientBoostingRegressor(l2_regularization=l2, max_iter=5).fit(X, y).predict(X).std()
        for l2 in (0.0, 100.0, 1e9)
    ]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 1e-3 * spread[0]


# ---------------------------------------------------------------- awkward input


def test_infinite_values_are_extreme_values():
    X, y = _data("squared_error")
    model = HistGradientBoostingRegressor(max_iter=20)
    far = np.nan_to_num(X, nan=np.nan)
    far[far[:, 0] > 1.5, 0], far[far[:, 0] < -1.5, 0] = np.inf, -np.inf
    near = far.copy()
    near[np.isinf(far)] = np.sign(far[np.isinf(far)]) * 1e6
    np.testing.assert_array_equal(
        model.fit(far, y).predict(far), clone(model).fit(near, y).predict(near)
    )
    assert np.isfinite(model.predict(np.full((2, 6), [[np.inf], [-np.inf]]))).all()


def test_missing_values_go_where_they_gain_most():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 1))
    gone = rng.random(600) < 0.3
    y = np.where(gone, 5.0, 0.0) + 0.1 * rng.normal(size=600)
    X[gone] = np.nan
    model = HistGradientBoostingRegressor().fit(X, y)
    assert model.score(X, y) > 0.99
    never = HistGradientBoostingRegressor().fit(X[~gone], y[~gone])
    assert np.isfinite(never.predict(X)).all()


@pytest.mark.parametrize("value", [np.nan, 3.0, np.inf, -np.inf])
def test_a_column_of_one_value_changes_nothing(value):
    X, y = _data("squared_error")
    wider = np.column_stack([np.full(len(y), value), X])
    model = HistGradientBoostingRegressor(max_iter=5)
    expected = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(clone(model).fit(wider, y).predict(wider), expected)
    alone = clone(model).fit(wider[:, :1], y)
    np.testing.assert_allclose(alone.predict(wider[:, :1]), y.mean())


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_nan_and_infinity_in_the_target_are_refused(loss):
    X, y = _data(loss)
    for bad in (np.nan, np.inf):
        y[3] = bad
        with pytest.raises(ValueError, match="NaN|infinity"):
            _model(loss).fit(X, y)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("poisson", [-1.0, 2.0], "non-negative y.*least value is -1.0"),
        ("poisson", [0.0, 0.0], r"sum\(y\) > 0"),
        ("gamma", [0.0, 2.0], "strictly positive y; the least value is 0.0"),
    ],
)
def test_targets_that_a_loss_does_not_allow_are_refused(loss, y, message):
    X = np.arange(100.0).reshape(-1, 1)
    with pytest.raises(ValueError, match=message):
        HistGradientBoostingRegressor(loss=loss).fit(X, np.tile(y, 50))


@pytest.mark.parametrize("quantile", [None, 0.0, 1.0])
def test_a_quantile_must_lie_between(quantile):
    X, y = make_regression(50, 2, random_state=0)
    with pytest.raises(ValueError, match="needs a quantile above 0 and below 1"):
        HistGradientBoostingRegressor(loss="quantile", quantile=quantile).fit(X, y)


def test_weights_that_are_all_zero_are_refused():
    X, y = make_regression(50, 2, random_state=0)
    with pytest.raises(ValueError, match="at least one non-zero"):
        HistGradientBoostingRegressor().fit(X, y, sample_weight=np.zeros(50))
    with pytest.raises(ValueError, match="0 for every row"):
        HistGradientBoostingClassifier(class_weight={True: 0.0, False: 0.0}).fit(X, y > 0)


def test_one_class():
    X = np.random.default_rng(0).normal(size=(100, 3))
    model = HistGradientBoostingClassifier().fit(X, np.full(100, "only"))
    assert set(model.predict(X)) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((100, 1)))


def test_a_million_rows_of_one_column():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000_000, 1))
    y = (X[:, 0] > 0.5).astype(int)
    model = HistGradientBoostingClassifier(max_iter=3, learning_rate=1.0).fit(X, y)
    assert model.score(X, y) > 0.999


def test_fifty_rows_of_twenty_thousand_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 20_000))
    y = X[:, 12_345] > 0
    model = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5).fit(X, y)
    assert model.score(X, y) == 1.0


def test_fewer_rows_than_a_split_needs():
    X, y = make_regression(30, 2, random_state=0)
    model = HistGradientBoostingRegressor().fit(X, y)
    np.testing.assert_allclose(model.predict(X), y.mean())
    model = HistGradientBoostingRegressor(loss="absolute_error").fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.median(y))


def test_large_targets_keep_their_digits():
    X, y = make_regression(500, 4, random_state=0)
    model = HistGradientBoostingRegressor(max_iter=30)
    expected = model.fit(X, y).predict(X)
    moved = clone(model).fit(X, 1e9 + y).predict(X)
    np.testing.assert_allclose(moved - 1e9, expected, atol=1e-3)
    scaled = clone(model).fit(X, 1e12 * y).predict(X)
    np.testing.assert_allclose(scaled, 1e12 * expected, rtol=1e-6)


def test_a_warm_start_that_cannot_go_on_is_refused():
    X, y = make_regression(60, 2, random_state=0)
    model = HistGradientBoostingRegressor(max_iter=5, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="max_iter=3 must be larger than or equal to n_iter_=5"):
        model.set_params(max_iter=3).fit(X, y)
    with pytest.raises(ValueError, match="n_features_in_ was 2, now it is 1"):
        model.set_params(max_iter=6).fit(X[:, :1], y)
    classifier = HistGradientBoostingClassifier(max_iter=2, warm_start=True).fit(X, y > 0)
    with pytest.raises(ValueError, match="classes_ was"):
        classifier.set_params(max_iter=4).fit(X, np.arange(60) % 3)


def test_ctrl_c_keeps_the_rounds_so_far():
    X, y = make_classification(2000, 10, random_state=0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    class PressCtrlC:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if getattr(fitted_estimator, "n_iter_", 0) == 3:
                signal.raise_signal(signal.SIGINT)

    model = HistGradientBoostingClassifier().set_callbacks(PressCtrlC())
    try:
        with pytest.raises(KeyboardInterrupt, match="after step 3"):
            model.fit(X, y)
    finally:
        signal.signal(signal.SIGINT, before)
    shorter = HistGradientBoostingClassifier(max_iter=3).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_a_pickle_holds_no_packed_trees():
    X, y = load_diabetes(return_X_y=True)
    model = HistGradientBoostingRegressor(max_iter=10).fit(X, y)
    before = len(pickle.dumps(model))
    expected = model.predict(X)
    assert len(pickle.dumps(model)) == before
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)


def test_real_data():
    X, y = load_breast_cancer(return_X_y=True)
    model = HistGradientBoostingClassifier().fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.94
