"""Forests: against scikit-learn's, against a single tree, and against what was said of them."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import shap
from sklearn import ensemble as sklearn_ensemble
from sklearn.callback import ProgressBar
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.inspection import partial_dependence
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from groundup.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from groundup.ensemble._forest import TREES_A_STEP
from groundup.tree._decision_tree import decision_tree
from groundup.tree._traversal import leaves, pack

CLASSIFIERS = [RandomForestClassifier, ExtraTreesClassifier]
REGRESSORS = [RandomForestRegressor, ExtraTreesRegressor]
each_forest = pytest.mark.parametrize("cls", CLASSIFIERS + REGRESSORS)
each_classifier = pytest.mark.parametrize("cls", CLASSIFIERS)
each_regressor = pytest.mark.parametrize("cls", REGRESSORS)


def table(cls, n=300, seed=0):
    """Rows and a target that suits the estimator."""
    if cls in CLASSIFIERS:
        return make_classification(n, 8, n_informative=5, n_classes=3, random_state=seed)
    return make_friedman1(n, 8, noise=1.0, random_state=seed)


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def assert_same_trees(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        for field in ("children_left", "children_right", "feature", "threshold", "value"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


# Quality: level with scikit-learn.


@each_forest
def test_scores_are_level_with_scikit_learn(cls):
    twin = getattr(sklearn_ensemble, cls.__name__)
    ours, theirs = [], []
    for seed in range(10):
        X, y = table(cls, 600, seed)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=seed)
        for scores, model in ((ours, cls), (theirs, twin)):
            fitted = model(n_estimators=40, random_state=seed).fit(X, y)
            scores.append(fitted.score(X_test, y_test))
    difference = np.subtract(ours, theirs)
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / np.sqrt(10) + 0.003


@pytest.mark.parametrize(
    ("load", "classes"),
    [
        (load_digits, CLASSIFIERS),
        (load_wine, CLASSIFIERS),
        (load_breast_cancer, CLASSIFIERS),
        (load_diabetes, REGRESSORS),
    ],
)
def test_real_data(load, classes):
    X, y = load(return_X_y=True)
    for cls in classes:
        twin = getattr(sklearn_ensemble, cls.__name__)
        given = {"n_estimators": 100, "bootstrap": True, "oob_score": True, "random_state": 0}
        ours, theirs = cls(**given).fit(X, y), twin(**given).fit(X, y)
        assert ours.oob_score_ == pytest.approx(theirs.oob_score_, abs=0.04)
        both = np.corrcoef(ours.feature_importances_, theirs.feature_importances_)
        assert both[0, 1] > 0.9


@pytest.mark.parametrize("criterion", ["gini", "entropy", "log_loss"])
@each_classifier
def test_criteria_of_classification(cls, criterion):
    X, y = load_wine(return_X_y=True)
    given = {"n_estimators": 50, "criterion": criterion, "bootstrap": True, "oob_score": True}
    assert cls(**given, random_state=0).fit(X, y).oob_score_ > 0.95


@pytest.mark.parametrize("criterion", ["squared_error", "absolute_error", "poisson"])
@each_regressor
def test_criteria_of_regression(cls, criterion):
    X, y = make_friedman1(300, random_state=0)
    given = {"n_estimators": 30, "criterion": criterion, "random_state": 0}
    twin = getattr(sklearn_ensemble, cls.__name__)
    ours, theirs = cls(**given).fit(X[:200], y[:200]), twin(**given).fit(X[:200], y[:200])
    assert ours.score(X[200:], y[200:]) > theirs.score(X[200:], y[200:]) - 0.04


def test_binned_columns_cost_no_accuracy():
    X, y = make_classification(4000, 10, n_informative=6, flip_y=0.05, random_state=0)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    given = {"n_estimators": 40, "random_state": 0}
    binned = RandomForestClassifier(**given).fit(X, y).score(X_test, y_test)
    exact = RandomForestClassifier(**given, max_bins=None).fit(X, y).score(X_test, y_test)
    assert binned == pytest.approx(exact, abs=0.015)


# One tree of a forest is a tree.


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_depth": 3},
        {"min_samples_leaf": 0.05},
        {"min_samples_split": 20, "min_impurity_decrease": 0.01},
        {"max_leaf_nodes": 7},
        {"ccp_alpha": 0.02},
        {"min_weight_fraction_leaf": 0.1},
    ],
    ids=str,
)
@pytest.mark.parametrize("forest", [RandomForestClassifier, RandomForestRegressor])
def test_one_tree_on_all_rows_and_columns_is_the_decision_tree(forest, limits):
    X, y = table(forest)
    one = forest(1, bootstrap=False, max_features=None, random_state=5, **limits).fit(X, y)
    tree = one.estimator_
    tree._validated(X, y, None)
    tree.max_features_ = 8
    *_, state = decision_tree(
        X,
        y,
        np.ones(300),
        tree._growth(300, 300.0),
        len(one.classes_) if forest is RandomForestClassifier else 0,
        int(one._seeds[0]),
        ccp_alpha=tree.ccp_alpha,
    )
    ours, theirs = one.trees_[0], state["grown_"]
    for field in ("children_left", "children_right", "feature", "value", "impurity"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field))
    # Thresholds differ (see `groundup.tree._growing.thresholds`), but no training row notices.
    packed = pack([theirs])
    np.testing.assert_array_equal(one.apply(X), leaves(packed, X))


@each_forest
def test_a_forest_is_the_mean_of_its_trees(cls):
    X, y = table(cls)
    model = cls(n_estimators=12, random_state=0, max_depth=5).fit(X, y)
    total = np.zeros_like(answers(model, X))
    for tree in model.estimators_:
        total += answers(tree, X)
    np.testing.assert_array_equal(answers(model, X), total / 12)
    np.testing.assert_array_equal(
        model.apply(X), np.column_stack([tree.apply(X) for tree in model.estimators_])
    )
    assert model.estimators_ is model.estimators_
    assert type(model.estimator_) is type(model.estimators_[0])
    importances = np.mean([tree.feature_importances_ for tree in model.estimators_], axis=0)
    np.testing.assert_allclose(model.feature_importances_, importances, rtol=1e-12)
    assert model.feature_importances_.sum() == pytest.approx(1.0)


@each_forest
def test_decision_path_leads_to_the_leaf(cls):
    X, y = table(cls, 60)
    model = cls(n_estimators=4, random_state=0).fit(X, y)
    path, n_nodes = model.decision_path(X)
    assert path.shape == (60, n_nodes[-1])
    at = model.apply(X)
    for t in range(4):
        assert np.all(path[:, n_nodes[t]].toarray() == 1)  # the root
        assert np.all(path[np.arange(60), n_nodes[t] + at[:, t]] == 1)


# The same bits, however it is grown.


@each_forest
@pytest.mark.parametrize("oob_score", [False, True])
def test_threads_and_watchers_change_no_bit(cls, oob_score):
    X, y = table(cls)
    given = {"n_estimators": 23, "bootstrap": True, "oob_score": oob_score, "random_state": 3}
    one = cls(**given, n_jobs=1).fit(X, y)
    two = cls(**given, n_jobs=2).fit(X, y)
    watched = cls(**given).set_callbacks(ProgressBar()).fit(X, y)
    for other in (two, watched):
        assert_same_trees(one.trees_, other.trees_)
        np.testing.assert_array_equal(answers(one, X), answers(other, X))
        if oob_score:
            assert one.oob_score_ == other.oob_score_


@each_forest
def test_steps_are_forests_of_the_first_trees(cls):
    X, y = table(cls)
    model = cls(n_estimators=13, random_state=0)
    validated = model._validated(X, y, None)
    steps = [state["trees_"] for state in model._steps(*validated)]
    assert [len(trees) for trees in steps] == [TREES_A_STEP, 2 * TREES_A_STEP, 13]
    assert model._max_steps() == len(steps)
    for trees in steps:
        assert_same_trees(trees, steps[-1][: len(trees)])


@each_forest
@pytest.mark.parametrize("oob_score", [False, True])
@pytest.mark.parametrize("n_first", [2, 5, 11])
def test_a_warm_start_gives_the_trees_of_one_fit(cls, oob_score, n_first):
    X, y = table(cls)
    given = {"bootstrap": True, "oob_score": oob_score, "random_state": 1}
    at_once = cls(n_estimators=17, **given).fit(X, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no out-of-bag prediction")
        warm = cls(n_estimators=n_first, warm_start=True, **given).fit(X, y)
    kept = warm.trees_[0]
    warm.set_params(n_estimators=17).fit(X, y)
    assert warm.trees_[0] is kept
    assert len(warm.estimators_) == 17
    assert_same_trees(at_once.trees_, warm.trees_)
    for ours, theirs in zip(at_once.estimators_samples_, warm.estimators_samples_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if oob_score:
        assert warm.oob_score_ == at_once.oob_score_
    with pytest.warns(UserWarning, match="grows no tree"):
        warm.fit(X, y)
    assert_same_trees(at_once.trees_, warm.trees_)
    with pytest.raises(ValueError, match="has 17 trees already"):
        warm.set_params(n_estimators=16).fit(X, y)
    assert len(warm.set_params(warm_start=False).fit(X, y).trees_) == 16


@each_forest
def test_a_warm_start_without_a_seed_keeps_its_trees(cls):
    X, y = table(cls, 100)
    warm = cls(n_estimators=3, warm_start=True, bootstrap=True).fit(X, y)
    rows = warm.estimators_samples_
    warm.set_params(n_estimators=6).fit(X, y)
    for before, after in zip(rows, warm.estimators_samples_[:3], strict=True):
        np.testing.assert_array_equal(before, after)


@each_classifier
def test_a_warm_start_on_other_data_is_refused(cls):
    X, y = table(cls)
    warm = cls(n_estimators=3, warm_start=True).fit(X, y)
    warm.set_params(n_estimators=5)
    with pytest.raises(ValueError, match="warm_start=True.*other data"):
        copy.copy(warm).fit(X[:, :4], y)
    with pytest.raises(ValueError, match="warm_start=True.*other data"):
        copy.copy(warm).fit(X, y % 2)


def test_ctrl_c_leaves_a_forest_of_the_trees_so_far():
    X, y = table(RandomForestClassifier)

    class Interrupted(ProgressBar):
        def on_fit_task_end(self, estimator, context, **kwargs):
            return context.task_id == 1  # as _drain does after Ctrl-C: the steps are closed

    stopped = RandomForestClassifier(random_state=0).set_callbacks(Interrupted()).fit(X, y)
    assert len(stopped.trees_) == 2 * TREES_A_STEP
    whole = RandomForestClassifier(random_state=0).fit(X, y)
    assert_same_trees(stopped.trees_, whole.trees_[: 2 * TREES_A_STEP])
    assert stopped.score(X, y) > 0.9
    assert len(stopped.estimators_) == len(stopped.estimators_samples_) == 2 * TREES_A_STEP


# Out of the bag.


@each_forest
def test_out_of_bag_answers_are_those_of_the_trees_that_have_not_seen_the_row(cls):
    X, y = table(cls, 150)
    model = cls(n_estimators=40, bootstrap=True, oob_score=True, random_state=0).fit(X, y)
    expected = np.empty_like(answers(model, X))
    for i in range(len(X)):
        unseen = [
            answers(tree, X[i : i + 1])[0]
            for tree, rows in zip(model.estimators_, model.estimators_samples_, strict=True)
            if i not in rows
        ]
        expected[i] = np.mean(unseen, axis=0)
    if cls in CLASSIFIERS:
        np.testing.assert_allclose(model.oob_decision_function_, expected, rtol=1e-12, atol=1e-15)
        assert model.oob_score_ == accuracy_score(y, expected.argmax(axis=1))
    else:
        np.testing.assert_allclose(model.oob_prediction_, expected, rtol=1e-12)
        assert model.oob_score_ == pytest.approx(r2_score(y, expected))


@each_forest
def test_the_out_of_bag_score_is_about_that_of_new_rows(cls):
    X, y = table(cls, 2000)
    scores = []
    for rows in np.split(np.arange(2000), 4):
        model = cls(n_estimators=50, bootstrap=True, oob_score=True, random_state=0)
        new = np.setdiff1d(np.arange(2000), rows)
        model.fit(X[rows], y[rows])
        scores.append([model.oob_score_, model.score(X[new], y[new])])
    out_of_bag, on_new_rows = np.mean(scores, axis=0)
    assert out_of_bag == pytest.approx(on_new_rows, abs=0.03)


def test_the_out_of_bag_score_may_be_any_function():
    X, y = table(RandomForestClassifier)
    model = RandomForestClassifier(40, oob_score=balanced_accuracy_score, random_state=0).fit(X, y)
    predicted = model.oob_decision_function_.argmax(axis=1)
    assert model.oob_score_ == balanced_accuracy_score(y, predicted)


@each_forest
def test_too_few_trees_for_an_out_of_bag_score(cls):
    X, y = table(cls, 50)
    with pytest.warns(UserWarning, match="no out-of-bag prediction"):
        model = cls(n_estimators=2, bootstrap=True, oob_score=True, random_state=0).fit(X, y)
    judged = getattr(model, "oob_decision_function_", getattr(model, "oob_prediction_", None))
    assert np.any(judged == 0.0)


# Weights.


@each_forest
def test_whole_weights_are_repeated_rows_without_a_bootstrap(cls):
    X, y = table(cls, 300)
    weight = np.random.default_rng(0).integers(0, 4, size=300)
    # Among a few rows two splits are often equally good, and rounding decides: leaves stay large.
    given = {"n_estimators": 8, "bootstrap": False, "min_weight_fraction_leaf": 0.05}
    weighted = cls(**given, random_state=0).fit(X, y, weight)
    repeated = cls(**given, random_state=0).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(answers(weighted, X), answers(repeated, X), rtol=1e-9, atol=1e-12)


@each_forest
def test_rows_without_weight_are_not_learned_from(cls):
    X, y = table(cls, 200)
    weight = np.ones(200)
    weight[100:] = 0.0
    wrong = np.r_[y[:100], y[100:][::-1] + (0 if cls in CLASSIFIERS else 1000.0)]
    model = cls(n_estimators=10, bootstrap=True, random_state=0).fit(X, wrong, weight)
    assert max(int(rows.max()) for rows in model.estimators_samples_) < 100
    np.testing.assert_array_equal(
        answers(model, X),
        answers(cls(n_estimators=10, bootstrap=True, random_state=0).fit(X, y, weight), X),
    )


@each_classifier
def test_class_weights(cls):
    X, y = make_classification(1500, 6, weights=[0.95], flip_y=0.1, class_sep=0.5, random_state=0)
    given = {"n_estimators": 30, "bootstrap": True, "min_samples_leaf": 10, "random_state": 0}

    def recall(class_weight):
        model = cls(**given, class_weight=class_weight).fit(X[:1000], y[:1000])
        return np.mean(model.predict(X[1000:])[y[1000:] == 1])

    plain = recall(None)
    for class_weight in ("balanced", "balanced_subsample", {0: 1.0, 1: 20.0}):
        assert recall(class_weight) > plain + 0.05, class_weight
    n = np.bincount(y[:1000])
    by_hand = {c: 1000 / (2 * n[c]) for c in range(2)}
    same = [cls(**given, class_weight=w).fit(X[:1000], y[:1000]) for w in ("balanced", by_hand)]
    assert_same_trees(*(model.trees_ for model in same))


def test_balanced_subsample_gives_the_classes_of_each_bootstrap_equal_weight():
    X, y = make_classification(300, 6, weights=[0.8], random_state=0)
    given = {"n_estimators": 6, "class_weight": "balanced_subsample", "random_state": 0}
    model = RandomForestClassifier(**given).fit(X, y)
    for tree in model.trees_:
        np.testing.assert_allclose(tree.value[0], [0.5, 0.5], rtol=1e-12)
        assert tree.weighted_n_node_samples[0] == pytest.approx(300)
    without = [
        ExtraTreesClassifier(5, class_weight=w, random_state=0).fit(X, y).predict_proba(X)
        for w in ("balanced", "balanced_subsample")
    ]
    np.testing.assert_array_equal(*without)


def test_max_samples_makes_smaller_trees():
    X, y = make_friedman1(500, random_state=0)
    few = RandomForestRegressor(5, max_samples=50, random_state=0).fit(X, y)
    all_rows = RandomForestRegressor(5, random_state=0).fit(X, y)
    assert all(len(rows) == 50 for rows in few.estimators_samples_)
    assert all(tree.weighted_n_node_samples[0] == 50 for tree in few.trees_)
    assert few.trees_[0].node_count < all_rows.trees_[0].node_count / 5


# Missing values.


@each_forest
def test_missing_values_tell_something(cls):
    rng = np.random.default_rng(0)
    X, y = table(cls, 600)
    hidden = rng.random(X.shape) < 0.15
    X[hidden] = np.nan
    given = {"n_estimators": 40, "random_state": 0}
    ours = cls(**given).fit(X[:400], y[:400])
    theirs = getattr(sklearn_ensemble, cls.__name__)(**given).fit(X[:400], y[:400])
    assert ours.score(X[400:], y[400:]) > theirs.score(X[400:], y[400:]) - 0.05


@each_forest
def test_that_a_value_is_missing_can_be_the_answer(cls):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 2))
    y = (rng.random(300) < 0.4).astype(float)
    X[y == 1, 0] = np.nan
    model = cls(n_estimators=20, random_state=0, max_features=None).fit(X, y)
    assert model.score(X, y) > 0.99


# Other people's tools read it.


@each_forest
def test_shap_explains_it(cls):
    X, y = table(cls, 120)
    model = cls(n_estimators=6, max_depth=4, random_state=0).fit(X, y)
    explainer = shap.TreeExplainer(model)
    total = explainer.shap_values(X[:15]).sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total.squeeze(), answers(model, X[:15]), atol=1e-6)


def test_partial_dependence():
    X, y = table(RandomForestRegressor)
    model = RandomForestRegressor(n_estimators=10, max_depth=4, random_state=0).fit(X, y)
    quick = partial_dependence(model, X, [3], kind="average", grid_resolution=8)
    slow = partial_dependence(model, X, [3], kind="average", method="brute", grid_resolution=8)
    assert np.corrcoef(quick["average"][0], slow["average"][0])[0, 1] > 0.98
    by_tree = [
        tree._compute_partial_dependence_recursion(quick["grid_values"][0][:, None], np.array([3]))
        for tree in model.estimators_
    ]
    np.testing.assert_allclose(quick["average"][0], np.mean(by_tree, axis=0), rtol=1e-12)


@each_forest
def test_it_passes_for_scikit_learns_forest(cls):
    assert issubclass(cls, getattr(sklearn_ensemble, cls.__name__))


# Bad input: a clear error, or the right answer.


@each_forest
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"monotonic_cst": [1] * 8}, "monotonic_cst"),
        ({"bootstrap": False, "max_samples": 0.5}, "max_samples=0.5"),
        ({"bootstrap": False, "oob_score": True}, "oob_score"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"n_estimators": 0}, "n_estimators"),
        ({"max_bins": 256}, "max_bins"),
        ({"criterion": "unheard of"}, "criterion"),
        ({"max_features": 0}, "max_features"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense(cls, given, message):
    X, y = table(cls, 40)
    with pytest.raises(ValueError, match=message):
        cls(**given).fit(X, y)


@each_forest
def test_bad_rows_are_refused(cls):
    X, y = table(cls, 40)
    with pytest.raises(ValueError, match="NaN"):
        cls(3).fit(X, np.where(np.arange(40) == 7, np.nan, y))
    with pytest.raises(ValueError, match="infinity"):
        cls(3).fit(np.where(np.arange(8) == 3, np.inf, X), y)
    with pytest.raises(ValueError, match="add up to 0|at least one non-zero"):
        cls(3).fit(X, y, np.zeros(40))
    with pytest.raises(ValueError, match="[Nn]egative"):
        cls(3).fit(X, y, np.full(40, -1.0))
    with pytest.raises(ValueError, match="1d array|one target"):
        cls(3).fit(X, np.column_stack([y, y]))


@each_regressor
def test_poisson_is_for_counts(cls):
    X, y = table(cls, 40)
    with pytest.raises(ValueError, match="values down to -1"):
        cls(3, criterion="poisson").fit(X, y - y.min() - 1.0)
    with pytest.raises(ValueError, match="all of y is 0"):
        cls(3, criterion="poisson").fit(X, 0.0 * y)


@each_classifier
def test_one_class(cls):
    X, _ = table(cls, 40)
    model = cls(3, random_state=0).fit(X, ["only"] * 40)
    assert set(model.predict(X)) == {"only"}
    assert np.all(model.predict_proba(X) == 1.0)
    assert np.all(model.feature_importances_ == 0.0)


@each_forest
def test_a_column_without_a_value_is_never_asked_about(cls):
    X, y = table(cls, 100)
    X[:, 2] = np.nan
    X[:, 5] = 3.0
    model = cls(10, random_state=0).fit(X, y)
    assert not any(np.isin(tree.feature, [2, 5]).any() for tree in model.trees_)
    np.testing.assert_array_equal(answers(model, X), answers(model, np.where(np.isnan(X), 1.0, X)))


@each_forest
def test_more_columns_than_rows(cls):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 20_000))
    y = np.where(X[:, 7] > 0.0, 1.0, 0.0)
    model = cls(10, random_state=0, max_features="sqrt").fit(X, y)
    assert model.score(X, y) > 0.7
    assert model.feature_importances_.shape == (20_000,)


@each_forest
def test_one_row_and_one_column(cls):
    X, y = table(cls, 30)
    assert cls(4).fit(X[:1], y[:1]).predict(X[:1]) == y[0]
    assert cls(4, random_state=0).fit(X[:, :1], y).predict(X[:, :1]).shape == (30,)
