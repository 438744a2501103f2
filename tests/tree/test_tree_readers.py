"""What others read off a tree: scikit-learn's plots and texts, shap, partial dependence."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn.tree
from oracles.same_tree import assert_same_tree
from sklearn.datasets import load_diabetes, load_iris
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.tree import export_graphviz, export_text
from sklearn.tree._tree import Tree as SklearnTree

from groundup.tree import DecisionTreeClassifier, DecisionTreeRegressor


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32).astype(np.float64), y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X.astype(np.float32).astype(np.float64), y


def both(X, y, **parameters):
    """Return our tree and scikit-learn's; of one column there are no ties between columns."""
    if len(np.unique(y)) < 10:
        ours, theirs = DecisionTreeClassifier, sklearn.tree.DecisionTreeClassifier
    else:
        ours, theirs = DecisionTreeRegressor, sklearn.tree.DecisionTreeRegressor
    return (
        ours(max_bins=None, **parameters).fit(X, y),
        theirs(random_state=0, **parameters).fit(X, y),
    )


def test_tree_is_scikit_learns_own_object(diabetes):
    X, y = diabetes
    ours, theirs = both(X[:, [2]], y, max_depth=4)
    assert type(ours.tree_) is SklearnTree
    assert ours.tree_ is ours.tree_
    assert_same_tree(ours.tree_, theirs.tree_)
    state, expected = ours.tree_.__getstate__(), theirs.tree_.__getstate__()
    assert state.keys() == expected.keys()
    assert state["nodes"].dtype == expected["nodes"].dtype
    assert state["values"].shape == expected["values"].shape
    X32 = X[:, [2]].astype(np.float32)
    np.testing.assert_array_equal(ours.tree_.apply(X32), ours.apply(X[:, [2]]))
    np.testing.assert_allclose(
        ours.tree_.compute_feature_importances(), ours.feature_importances_, rtol=1e-12
    )


def test_a_refit_makes_a_new_tree(diabetes):
    X, y = diabetes
    model = DecisionTreeRegressor(max_depth=1).fit(X, y)
    assert model.tree_.node_count == 3
    model.predict(X)
    model.set_params(max_depth=2).fit(X, y)
    assert model.tree_.node_count == 7
    assert len(np.unique(model.predict(X))) == 4


def test_what_is_saved_is_small(diabetes):
    X, y = diabetes
    model = DecisionTreeRegressor().fit(X, y)
    before = len(pickle.dumps(model))
    model.predict(X)
    assert model.tree_.node_count > 100
    assert len(pickle.dumps(model)) == before


@pytest.mark.parametrize("table", ["iris", "diabetes"])
def test_export_text_and_graphviz_are_scikit_learns(table, request):
    X, y = request.getfixturevalue(table)
    ours, theirs = both(X[:, [2]], y, max_depth=3)
    for options in ({}, {"feature_names": ["size"], "show_weights": True, "decimals": 3}):
        assert export_text(ours, **options) == export_text(theirs, **options)
    assert export_graphviz(ours) == export_graphviz(theirs)


@pytest.mark.parametrize("table", ["iris", "diabetes"])
def test_plot_tree_draws_what_it_draws_of_scikit_learns(table, request):
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="plot_tree draws with matplotlib")
    X, y = request.getfixturevalue(table)
    texts = []
    for model in both(X[:, [2]], y, max_depth=3):
        figure, axes = pyplot.subplots()
        drawn = sklearn.tree.plot_tree(model, filled=True, ax=axes)
        texts.append([box.get_text() for box in drawn])
        pyplot.close(figure)
    assert texts[0] == texts[1]
    assert len(texts[0]) > 5


def test_plot_tree_finds_all_that_it_reads(iris):
    # Where there is no matplotlib: the attributes that plot_tree and its colours need.
    X, y = iris
    model = DecisionTreeClassifier(max_depth=2).fit(X, y)
    tree = model.tree_
    assert tree.n_outputs == 1
    assert tree.n_features == 4
    assert tree.n_classes.tolist() == [3]
    assert tree.value.shape == (tree.node_count, 1, 3)
    np.testing.assert_allclose(tree.value.sum(axis=2), 1.0)
    assert np.all(tree.n_node_samples[tree.children_left == -1] > 0)
    assert tree.impurity.shape == tree.weighted_n_node_samples.shape == (tree.node_count,)
    assert isinstance(model, sklearn.tree.DecisionTreeClassifier)
    assert isinstance(DecisionTreeRegressor(), sklearn.tree.DecisionTreeRegressor)
    assert not isinstance(model, sklearn.tree.DecisionTreeRegressor)


@pytest.mark.parametrize("table", ["iris", "diabetes"])
@pytest.mark.parametrize(
    "parameters", [{"max_depth": 4}, {"max_leaf_nodes": 12}, {"ccp_alpha": 0.01}]
)
def test_shap_values_add_up_to_the_prediction(table, parameters, request):
    shap = pytest.importorskip("shap")
    X, y = request.getfixturevalue(table)
    ours = both(X, y, **parameters)[0]
    explainer = shap.TreeExplainer(ours)
    values = explainer.shap_values(X[:40])  # (n, p) or (n, p, k)
    answer = ours.predict_proba(X[:40]) if y.max() < 10 else ours.predict(X[:40])
    np.testing.assert_allclose(
        values.sum(axis=1) + explainer.expected_value, answer, rtol=1e-6, atol=1e-6
    )


def test_shap_values_are_those_of_scikit_learns_tree(diabetes):
    shap = pytest.importorskip("shap")
    X, y = diabetes
    X = X[:, 2:5]
    ours, theirs = both(X, y, min_samples_leaf=20)
    assert_same_tree(ours.tree_, theirs.tree_)
    np.testing.assert_allclose(
        shap.TreeExplainer(ours).shap_values(X), shap.TreeExplainer(theirs).shap_values(X)
    )


@pytest.mark.parametrize("method", ["auto", "recursion", "brute"])
def test_partial_dependence(method, diabetes):
    X, y = diabetes
    X = X[:, 2:5]
    ours, theirs = both(X, y, min_samples_leaf=20)
    results = [partial_dependence(m, X, [0, 2], method=method).average for m in (ours, theirs)]
    np.testing.assert_allclose(*results)


def test_permutation_importance_and_importances(iris):
    X, y = iris
    model = DecisionTreeClassifier(max_depth=2).fit(X, y)
    importances = model.feature_importances_
    assert importances.sum() == pytest.approx(1.0)
    assert importances[:2].tolist() == [0.0, 0.0]
    permuted = permutation_importance(model, X, y, random_state=0).importances_mean
    assert permuted[:2].tolist() == [0.0, 0.0]
    assert permuted[2:].max() > 0.2
    stump = DecisionTreeClassifier().fit(X[:50], y[:50])  # one class: nothing is split
    assert stump.feature_importances_.tolist() == [0.0] * 4
