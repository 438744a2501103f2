"""The metrics that models are compared by, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from groundup.workflow.metric import (
    area_under_roc,
    check_task,
    number_or_none,
    predict_for_metric,
    score_predictions,
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40).filter(
        lambda rows: len({positive for positive, _ in rows}) == 2
    )
)
def test_area_under_roc_is_scikit_learns_with_ties(rows):
    positive, score = map(np.array, zip(*rows, strict=True))
    assert area_under_roc(positive, score) == pytest.approx(
        roc_auc_score(positive, score), abs=1e-12
    )


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 2), min_size=2, max_size=40))
def test_r2_is_scikit_learns(rows):
    y, prediction = np.array(rows).T
    if np.sum((y - y.mean()) ** 2) < 1e-6:
        return
    ours = score_predictions(y, prediction, "regression", None)
    assert ours == pytest.approx(r2_score(y, prediction), rel=1e-9, abs=1e-9)


def test_accuracy_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, probability = rng.integers(0, 4, 100), rng.random((100, 4))
    ours = score_predictions(y, probability, "multiclass", np.arange(4))
    assert ours == accuracy_score(y, probability.argmax(axis=1))


def test_what_is_not_defined_is_none():
    assert score_predictions(np.zeros(5), np.zeros(5), "binary", np.arange(2)) is None
    assert score_predictions(np.ones(5), np.zeros(5), "regression", None) is None
    assert score_predictions(np.empty(0), np.empty((0, 3)), "multiclass", np.arange(3)) is None
    assert number_or_none(np.nan) is None
    assert number_or_none(np.inf) is None


def test_a_class_that_the_model_never_saw_gets_probability_zero():
    X = np.zeros((4, 1))
    model = DummyClassifier(strategy="prior").fit(X, [0, 0, 2, 2])
    prediction = predict_for_metric(model, X, "multiclass", np.arange(4))
    assert prediction[0].tolist() == [0.5, 0, 0.5, 0]


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="'ranking'"):
        check_task("ranking")
