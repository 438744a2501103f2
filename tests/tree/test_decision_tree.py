"""Decision trees against scikit-learn's: the same tree, the same answers, the same accuracy."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.tree
from conftest import SHARED_DATA, needs_shared_data
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import tree_naive as naive
from oracles.same_tree import assert_same_but_for_ties, assert_same_tree
from sklearn.base import clone, is_classifier
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.model_selection import train_test_split

from groundup.tree import DecisionTreeClassifier, DecisionTreeRegressor

CLASSIFICATION = ("gini", "entropy", "log_loss")
REGRESSION = ("squared_error", "absolute_error", "poisson")


def twin(model):
    """Return scikit-learn's tree with the same parameters."""
    parameters = model.get_params()
    parameters.pop("max_bins")
    return getattr(sklearn.tree, type(model).__name__)(**{**parameters, "random_state": 0})


def as_single(X):
    """Round to float32, which is what scikit-learn's trees see."""
    return np.ascontiguousarray(X, dtype=np.float32).astype(np.float64)


def without_ties(criterion, seed, n=300, p=4):
    """Return X, y and weights for which no two splits of a large node are worth the same."""
    rng = np.random.default_rng(seed)
    X = as_single(rng.normal(size=(n, p)))
    signal = X[:, 0] + np.sin(3 * X[:, 1]) + 0.5 * X[:, 2] * X[:, 3]
    if criterion in CLASSIFICATION:
        y = np.digitize(signal + rng.normal(scale=0.5, size=n), [-0.8, 0.8])
    elif criterion == "poisson":
        y = rng.poisson(np.exp(0.7 * signal)) + 0.0
    else:
        y = signal + rng.normal(scale=0.3, size=n)
    # Sums of such weights are exact: scikit-learn goes on splitting a pure node whose impurity is
    # not quite zero by rounding.
    return X, y, rng.integers(512, 2048, size=n) / 1024


def model_for(criterion, **parameters):
    cls = DecisionTreeClassifier if criterion in CLASSIFICATION else DecisionTreeRegressor
    return cls(criterion=criterion, **{"max_bins": None, **parameters})


# A leaf of ten rows: two columns that split a node of twenty into the same halves are rare.
GROWTHS = {
    "leaves of ten": {"min_samples_leaf": 10},
    "fraction a leaf": {"min_samples_leaf": 0.05},
    "shallow": {"max_depth": 3, "min_samples_leaf": 10},
    "fraction to split": {"min_samples_split": 0.2, "min_samples_leaf": 10},
    "weight a leaf": {"min_weight_fraction_leaf": 0.08},
    "decrease": {"min_impurity_decrease": 0.02, "min_samples_leaf": 10},
    "best first": {"max_leaf_nodes": 9, "min_samples_leaf": 10},
    "best first, shallow": {"max_leaf_nodes": 9, "max_depth": 3, "min_samples_leaf": 10},
    "pruned": {"ccp_alpha": 0.01, "min_samples_leaf": 10},
    "best first, pruned": {"max_leaf_nodes": 12, "ccp_alpha": 0.02, "min_samples_leaf": 10},
}


@pytest.mark.parametrize("growth", GROWTHS)
@pytest.mark.parametrize("criterion", [*CLASSIFICATION, *REGRESSION])
def test_the_exact_tree_is_scikit_learns(criterion, growth):
    for seed in range(3):
        X, y, weight = without_ties(criterion, seed)
        model = model_for(criterion, **GROWTHS[growth]).fit(X, y, weight)
        theirs = twin(model).fit(X, y, weight)
        assert theirs.tree_.node_count > 1
        assert_same_tree(model.tree_, theirs.tree_)


@pytest.mark.parametrize("criterion", [*CLASSIFICATION, *REGRESSION])
def test_a_fully_grown_tree_differs_from_scikit_learns_only_at_ties(criterion):
    n_equal = 0
    for seed in range(5):
        X, y, weight = without_ties(criterion, seed)
        for w in (None, weight):
            model = model_for(criterion).fit(X, y, w)
            n_equal += assert_same_but_for_ties(model.tree_, twin(model).fit(X, y, w).tree_)
    assert n_equal >= 100


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_real_classes_differ_from_scikit_learns_only_at_ties(load):
    X, y = load(return_X_y=True)
    X = as_single(X)
    model = DecisionTreeClassifier(max_bins=None, min_samples_leaf=3).fit(X, y)
    assert assert_same_but_for_ties(model.tree_, twin(model).fit(X, y).tree_) >= 2


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error"])
def test_real_targets_differ_from_scikit_learns_only_at_ties(criterion):
    X, y = load_diabetes(return_X_y=True)
    X = as_single(X)
    model = DecisionTreeRegressor(criterion=criterion, min_samples_leaf=5)
    model.fit(X, y)  # each column has at most 255 distinct values, so 255 bins are exact as well
    few = [j for j in range(X.shape[1]) if len(np.unique(X[:, j])) <= 255]
    model.fit(X[:, few], y)
    assert assert_same_but_for_ties(model.tree_, twin(model).fit(X[:, few], y).tree_) >= 20


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 60),
    p=st.integers(1, 4),
    values=st.integers(1, 12),
    missing=st.sampled_from([0.0, 0.0, 0.2, 0.6]),
    criterion=st.sampled_from([*CLASSIFICATION, *REGRESSION]),
    weighted=st.booleans(),
    min_samples_leaf=st.integers(1, 4),
    max_depth=st.sampled_from([None, 1, 2, 4]),
)
@settings(max_examples=150, deadline=None)
def test_any_small_table_differs_from_scikit_learns_only_at_ties(
    seed, n, p, values, missing, criterion, weighted, min_samples_leaf, max_depth
):
    if criterion == "absolute_error":
        missing = 0.0  # scikit-learn refuses
    rng = np.random.default_rng(seed)
    X = rng.integers(0, values, size=(n, p)) * 1.0
    X[rng.uniform(size=X.shape) < missing] = np.nan
    y = rng.integers(0, 3, size=n) * 1.0
    y[0] = 1.0
    weight = rng.integers(0, 4, size=n) * 1.0 if weighted else None
    if weighted:
        weight[0] = 1.0
    model = model_for(criterion, min_samples_leaf=min_samples_leaf, max_depth=max_depth)
    model.fit(X, y, weight)
    theirs = twin(model).fit(X, y, weight)
    assert_same_but_for_ties(model.tree_, theirs.tree_)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 25),
    values=st.integers(1, 8),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    criterion=st.sampled_from([*CLASSIFICATION, *REGRESSION]),
    min_samples_leaf=st.integers(1, 3),
    max_bins=st.sampled_from([None, 255]),
)
@settings(max_examples=150, deadline=None)
def test_no_question_would_have_been_better(
    seed, n, values, missing, criterion, min_samples_leaf, max_bins
):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, values, size=(n, 2)) * 1.0
    X[rng.uniform(size=X.shape) < missing] = np.nan
    y = rng.integers(0, 4, size=n) * 1.0
    y[0] = 1.0
    weight = rng.integers(1, 4, size=n) * 1.0
    model = model_for(criterion, min_samples_leaf=min_samples_leaf, max_bins=max_bins)
    model.fit(X, y, weight)
    tree, path = model.grown_, model.decision_path(X).toarray().astype(bool)  # (n, n_nodes)
    codes = np.searchsorted(np.unique(y), y) if criterion in CLASSIFICATION else y
    for node in range(tree.node_count):
        rows = path[:, node]
        at = (criterion, X[rows], codes[rows], weight[rows])
        assert tree.n_node_samples[node] == rows.sum()
        assert tree.impurity[node] == pytest.approx(naive.impurity(at[0], *at[2:]), abs=1e-12)
        best = naive.best_improvement(*at, min_samples_leaf)
        if tree.children_left[node] == -1:
            assert best < 1e-9 or tree.impurity[node] == 0.0 or rows.sum() < 2 * min_samples_leaf
        else:
            left = path[rows, tree.children_left[node]]
            made = naive.improvement(at[0], *at[2:], left)
            assert made == pytest.approx(best, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("criterion", [*CLASSIFICATION, "squared_error", "poisson"])
def test_missing_values_go_where_scikit_learn_sends_them(criterion):
    for seed in range(4):
        X, y, weight = without_ties(criterion, seed)
        rng = np.random.default_rng(seed)
        X[rng.uniform(size=X.shape) < 0.15] = np.nan
        X[y > np.quantile(y, 0.9), 3] = np.nan  # and here that tells something
        model = model_for(criterion, min_samples_leaf=10).fit(X, y, weight)
        theirs = twin(model).fit(X, y, weight)
        assert_same_tree(model.tree_, theirs.tree_)
        X_new = as_single(rng.normal(size=(500, X.shape[1])))
        X_new[rng.uniform(size=X_new.shape) < 0.3] = np.nan
        np.testing.assert_array_equal(model.apply(X_new), theirs.apply(X_new))
        np.testing.assert_allclose(model.predict(X_new), theirs.predict(X_new), rtol=1e-10)


def test_a_value_missing_only_in_new_rows_follows_the_larger_side():
    X = np.arange(10.0)[:, np.newaxis]
    for cut in (3, 7):
        model = DecisionTreeRegressor(max_depth=1).fit(X, X[:, 0] >= cut)
        assert model.predict([[np.nan]]) == (cut < 5)


@pytest.mark.parametrize("criterion", [*CLASSIFICATION, *REGRESSION])
def test_answers_are_scikit_learns(criterion):
    X, y, weight = without_ties(criterion, 7)
    model = model_for(criterion, min_samples_leaf=10).fit(X, y, weight)
    theirs = twin(model).fit(X, y, weight)
    X_new = as_single(np.random.default_rng(8).normal(size=(20_000, X.shape[1])))
    np.testing.assert_allclose(model.predict(X_new), theirs.predict(X_new), rtol=1e-10)
    np.testing.assert_array_equal(model.apply(X_new), theirs.apply(X_new))
    ours, path = model.decision_path(X_new[:300]), theirs.decision_path(X_new[:300])
    assert (ours != path).nnz == 0
    assert type(ours) is type(path)
    assert model.get_depth() == theirs.get_depth()
    assert model.get_n_leaves() == theirs.get_n_leaves()
    assert model.max_features_ == theirs.max_features_
    assert model.n_outputs_ == theirs.n_outputs_
    np.testing.assert_allclose(model.feature_importances_, theirs.feature_importances_, rtol=1e-7)
    assert model.score(X, y, weight) == pytest.approx(theirs.score(X, y, weight))
    if is_classifier(model):
        assert model.n_classes_ == theirs.n_classes_
        np.testing.assert_array_equal(model.classes_, theirs.classes_)
        np.testing.assert_allclose(model.predict_proba(X_new), theirs.predict_proba(X_new))
        with np.errstate(divide="ignore"):
            theirs_log = theirs.predict_log_proba(X_new)
        np.testing.assert_allclose(model.predict_log_proba(X_new), theirs_log)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}, {1: 2.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights_are_scikit_learns(class_weight, weighted):
    X, y, weight = without_ties("gini", 3)
    weight = weight if weighted else None
    model = DecisionTreeClassifier(
        class_weight=class_weight, max_bins=None, min_samples_leaf=10
    ).fit(X, y, weight)
    assert_same_but_for_ties(model.tree_, twin(model).fit(X, y, weight).tree_)


def test_a_weight_of_two_is_a_row_twice_and_of_zero_no_row():
    X, y, _ = without_ties("squared_error", 0)
    weight = np.random.default_rng(0).integers(0, 3, size=len(y))
    weighted = DecisionTreeRegressor(max_depth=4, max_bins=None).fit(X, y, weight)
    repeated = DecisionTreeRegressor(max_depth=4, max_bins=None)
    repeated.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_the_order_of_rows_does_not_matter():
    X, y, weight = without_ties("squared_error", 1, n=2000)
    shuffled = np.random.default_rng(0).permutation(len(y))
    first = DecisionTreeRegressor(min_samples_leaf=10).fit(X, y, weight)
    second = clone(first).fit(X[shuffled], y[shuffled], weight[shuffled])
    np.testing.assert_array_equal(first.grown_.threshold, second.grown_.threshold)
    np.testing.assert_allclose(first.grown_.value, second.grown_.value, rtol=1e-12)


def test_monotone_maps_of_a_column_leave_the_partition_alone():
    X, y, _ = without_ties("gini", 2)
    model = DecisionTreeClassifier(max_bins=None).fit(X, y)
    warped = clone(model).fit(np.exp(X), y)
    np.testing.assert_array_equal(model.apply(X), warped.apply(np.exp(X)))


# --- seeds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{"splitter": "random"}, {"max_features": "sqrt"}])
def test_random_trees_depend_on_the_seed_alone(parameters):
    X, y = load_breast_cancer(return_X_y=True)
    trees = [
        DecisionTreeClassifier(random_state=seed, **parameters).fit(X, y).grown_
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(trees[0].threshold, trees[1].threshold)
    assert not np.array_equal(trees[0].threshold, trees[2].threshold)
    assert (
        DecisionTreeClassifier(random_state=np.random.RandomState(0), **parameters)
        .fit(X, y)
        .grown_.node_count
        == trees[0].node_count
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(None, 30), (3, 3), (40, 40), (0.2, 6), (0.01, 1), ("sqrt", 5), ("log2", 4)],
)
def test_max_features_is_counted_as_scikit_learn_does(asked, expected):
    X, y = load_breast_cancer(return_X_y=True)
    model = DecisionTreeClassifier(max_features=asked, random_state=0).fit(X, y)
    assert model.max_features_ == expected
    assert model.score(X, y) == 1.0


# --- accuracy --------------------------------------------------------------------------------


def _friedman(seed):
    return make_friedman1(3000, n_features=8, noise=1.0, random_state=seed)


def _many_classes(seed):
    return make_classification(
        3000, 12, n_informative=8, n_classes=4, flip_y=0.05, random_state=seed
    )


def _two_classes(seed):
    return make_classification(3000, 20, n_informative=10, flip_y=0.1, random_state=seed)


def _letters(seed):
    rows = np.loadtxt(
        SHARED_DATA / "letter_recognition.csv", delimiter=",", skiprows=1, dtype=str, max_rows=6000
    )
    letters = [j for j in range(rows.shape[1]) if rows[0, j].isalpha()]
    return np.delete(rows, letters, axis=1).astype(float), rows[:, letters[0]]


@pytest.mark.parametrize(
    ("data", "parameters"),
    [
        (_friedman, {}),
        (_friedman, {"min_samples_leaf": 5, "splitter": "random"}),
        (_many_classes, {}),
        (_many_classes, {"max_features": "sqrt"}),
        (_two_classes, {"max_leaf_nodes": 60}),
        (_two_classes, {"splitter": "random", "criterion": "entropy"}),
        pytest.param(_letters, {}, marks=needs_shared_data),
    ],
)
def test_accuracy_is_level_with_exact_splits_and_with_scikit_learn(data, parameters):
    binned, exact, theirs = [], [], []
    for seed in range(12):
        X, y = data(seed)
        parts = train_test_split(X, y, test_size=0.4, random_state=seed)
        cls = DecisionTreeRegressor if data is _friedman else DecisionTreeClassifier
        for scores, model in (
            (binned, cls(random_state=seed, **parameters)),
            (exact, cls(random_state=seed, max_bins=None, **parameters)),
            (theirs, getattr(sklearn.tree, cls.__name__)(random_state=seed, **parameters)),
        ):
            scores.append(model.fit(parts[0], parts[2]).score(parts[1], parts[3]))
    for others in (exact, theirs):
        difference = np.subtract(binned, others)
        standard_error = difference.std(ddof=1) / np.sqrt(len(difference))
        assert difference.mean() > -max(0.004, 3 * standard_error)


def test_columns_of_up_to_255_values_are_exact_by_default():
    X, y, _ = without_ties("squared_error", 4, n=1000)
    X = np.round(X * 20)
    assert 50 < max(len(np.unique(column)) for column in X.T) <= 255
    default = DecisionTreeRegressor().fit(X, y).grown_
    exact = DecisionTreeRegressor(max_bins=None).fit(X, y).grown_
    np.testing.assert_array_equal(default.feature, exact.feature)
    np.testing.assert_array_equal(default.threshold, exact.threshold)


# --- steps -----------------------------------------------------------------------------------


class Watcher:
    """A callback that keeps the fitted estimator of every step."""

    def __init__(self):
        self.fitted = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "step" and fitted_estimator is not None:
            self.fitted.append(fitted_estimator)
        return False


def test_a_step_is_a_level_and_best_first_a_split():
    X, y, _ = without_ties("squared_error", 0)
    watcher = Watcher()
    model = DecisionTreeRegressor(max_depth=5).set_callbacks(watcher).fit(X, y)
    assert [step.get_depth() for step in watcher.fitted] == [1, 2, 3, 4, 5]
    errors = [np.square(y - step.predict(X)).sum() for step in watcher.fitted]
    assert np.all(np.diff(errors) <= 0.0)
    for depth, step in enumerate(watcher.fitted, start=1):
        shallower = DecisionTreeRegressor(max_depth=depth).fit(X, y)
        np.testing.assert_array_equal(step.predict(X), shallower.predict(X))
    watcher = Watcher()
    model = DecisionTreeRegressor(max_leaf_nodes=8).set_callbacks(watcher).fit(X, y)
    assert [step.get_n_leaves() for step in watcher.fitted] == list(range(2, 9))
    assert model.get_n_leaves() == 8


def test_stages_are_the_best_first_trees():
    X, y, _ = without_ties("squared_error", 5)
    model = DecisionTreeRegressor(min_samples_leaf=10).fit(X, y)
    stages = list(model.stages())
    assert [stage.get_n_leaves() for stage in stages] == list(range(1, model.get_n_leaves() + 1))
    np.testing.assert_array_equal(stages[0].predict(X), np.full(len(X), stages[0].predict(X[:1])))
    np.testing.assert_array_equal(stages[-1].predict(X), model.predict(X))
    for n_leaves, stage in enumerate(stages[1:], start=2):
        grown = clone(model).set_params(max_leaf_nodes=n_leaves).fit(X, y)
        np.testing.assert_allclose(stage.predict(X), grown.predict(X), rtol=1e-12)
        assert_same_tree(stage.tree_, stage.tree_)
    errors = [np.square(y - stage.predict(X)).sum() for stage in stages]
    assert np.all(np.diff(errors) < 0.0)
