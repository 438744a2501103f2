"""Folds that are prepared once, and the standard error of a difference between models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.folds import (
    PreparedFold,
    corrected_standard_error,
    encode_target,
    fit_and_score,
    prepare_fold,
    sample_rows,
    usable_folds,
    warnings_as_findings,
)
from groundup.workflow.ladder import final_pipeline, ladder


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_prepared_fold_gives_the_pipelines_very_predictions(task):
    X, y = make_table(task)
    _, codes = encode_target(y, task)
    split = make_folds(X, codes, task)[0]
    fold = prepare_fold(make_preparation(), X, codes, split)
    candidate = ladder(task)[1]
    shared = candidate.build().fit(fold.X_train, fold.y_train)
    whole = final_pipeline(make_preparation(), candidate).fit(X.iloc[split[0]], y[split[0]])
    method = "predict" if task == "regression" else "predict_proba"
    np.testing.assert_array_equal(
        getattr(shared, method)(fold.X_validation), getattr(whole, method)(X.iloc[split[1]])
    )


def test_nothing_of_the_validation_rows_enters_the_preparation():
    X, y = make_table("regression")
    split = make_folds(X, y, "regression")[0]
    changed = X.copy()
    changed.iloc[split[1], changed.columns.get_indexer(["strong", "weak", "noise"])] = 1e9
    one = prepare_fold(make_preparation(), X, y, split)
    other = prepare_fold(make_preparation(), changed, y, split)
    np.testing.assert_array_equal(one.X_train, other.X_train)


def test_fit_and_score_scores_both_sides():
    X, y = make_table("binary")
    labels, codes = encode_target(y, "binary")
    fold = prepare_fold(make_preparation(), X, codes, make_folds(X, codes, "binary")[0])
    score = fit_and_score(LogisticRegression(), fold, "binary", np.arange(2))
    model = LogisticRegression().fit(fold.X_train, fold.y_train)
    validation = roc_auc_score(fold.y_validation, model.predict_proba(fold.X_validation)[:, 1])
    train = roc_auc_score(fold.y_train, model.predict_proba(fold.X_train)[:, 1])
    assert score.validation == pytest.approx(validation, abs=1e-12)
    assert score.train == pytest.approx(train, abs=1e-12)
    assert labels.tolist() == ["no", "yes"]


def test_warnings_are_caught_and_become_one_finding():
    X, y = make_table("binary")
    _, codes = encode_target(y, "binary")
    fold = prepare_fold(make_preparation(), X, codes, make_folds(X, codes, "binary")[0])
    score = fit_and_score(LogisticRegression(max_iter=1), fold, "binary", np.arange(2))
    assert len(score.warnings) == 1
    assert score.warnings[0].startswith("ConvergenceWarning: ")
    (finding,) = warnings_as_findings("compare", "Logistic regression", score.warnings * 3)
    assert finding.evidence == {"count": 3}
    assert "3 times" in finding.message


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=300), st.integers(1, 100), st.integers(0, 5)
)
def test_a_sample_keeps_the_shares_of_the_classes(codes, limit, seed):
    y = np.array(codes)
    rows = sample_rows(y, limit, seed)
    assert len(rows) == min(limit, len(y))
    assert np.all(np.diff(rows) > 0)
    share = min(1.0, limit / len(y))
    counts = np.bincount(y, minlength=4), np.bincount(y[rows], minlength=4)
    assert np.all(np.abs(counts[1] - share * counts[0]) <= 1)


def test_a_sample_keeps_the_range_of_a_number():
    y = np.random.default_rng(0).exponential(size=10_000)
    sampled = y[sample_rows(y, 100, seed=1)]
    np.testing.assert_allclose(
        np.quantile(sampled, [0.1, 0.5, 0.9]), np.quantile(y, [0.1, 0.5, 0.9]), rtol=0.05
    )
    assert sample_rows(y, 100, seed=1).tolist() == sample_rows(y, 100, seed=1).tolist()
    assert sample_rows(y, 100, seed=1).tolist() != sample_rows(y, 100, seed=2).tolist()


def test_folds_that_cannot_be_scored_are_left_out():
    y = np.array([0, 0, 0, 0, 1, 1])
    good = (np.array([0, 1, 4]), np.array([2, 5]))
    one_class_to_learn = (np.array([0, 1]), np.array([2, 5]))
    one_class_to_score = (np.array([0, 4]), np.array([1, 2]))
    kept = usable_folds([good, one_class_to_learn, one_class_to_score], y, "binary")
    assert len(kept) == 1
    assert kept[0][0].tolist() == [0, 1, 4]
    assert len(usable_folds([one_class_to_score], y, "multiclass")) == 1
    assert len(usable_folds([one_class_to_learn], y * 1.0, "regression")) == 1


def test_the_standard_error_counts_the_rows_that_folds_share():
    fold = PreparedFold(None, np.empty((80, 1)), np.zeros(80), None, np.zeros(20), None, None)
    differences = np.array([0.01, 0.02, 0.03, 0.02, 0.02])
    naive = differences.std(ddof=1) / np.sqrt(5)
    ours = corrected_standard_error(differences, [fold] * 5)
    assert ours == pytest.approx(naive * np.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert corrected_standard_error(differences[:1], [fold]) == 0


def test_the_standard_error_is_that_of_new_tables():
    """Over many tables, the corrected error is near the true spread; s / sqrt(k) is below it."""
    rng = np.random.default_rng(0)
    means, corrected, naive = [], [], []
    n, k = 100, 5
    for _ in range(300):
        x = rng.normal(size=n)
        y = x + rng.normal(size=n)
        differences, folds = [], []
        for validation in np.array_split(rng.permutation(n), k):
            train = np.setdiff1d(np.arange(n), validation)
            slope = x[train] @ y[train] / (x[train] @ x[train])
            one = np.mean((y[validation] - slope * x[validation]) ** 2)
            other = np.mean((y[validation] - y[train].mean()) ** 2)
            differences.append(other - one)
            folds.append(PreparedFold(None, None, train, None, validation, None, None))
        means.append(np.mean(differences))
        corrected.append(corrected_standard_error(np.array(differences), folds))
        naive.append(np.std(differences, ddof=1) / np.sqrt(k))
    truth = np.std(means)
    assert np.median(naive) < truth < 1.6 * np.median(corrected)
    assert np.median(corrected) > 0.9 * truth
