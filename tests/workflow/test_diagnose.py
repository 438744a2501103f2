"""The diagnosis: its verdicts on tables made for them, and its figures against scikit-learn."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.compare import compare
from groundup.workflow.diagnose import (
    diagnose,
    learning_curve,
    probability_scores,
    worthless_probabilities,
)
from groundup.workflow.ladder import final_pipeline, ladder
from groundup.workflow.tune import tune
from groundup.workflow.words import diagnose_line


def diagnosed(task, names=None, preparation=None, table=None, **params):
    X, y = table if table is not None else make_table(task)
    rungs = [rung for rung in ladder(task) if names is None or rung.name in names]
    rungs = [
        replace(rung, defaults={**rung.defaults, **params.get(rung.name, {})}) for rung in rungs
    ]
    folds = make_folds(X, y, task)
    comparison = compare(preparation or make_preparation(), X, y, folds, task, rungs=rungs)
    if names is not None:
        comparison.chosen = next(rung for rung in rungs if rung.name == names[-1])
    part = diagnose(comparison, tune(comparison, seconds=0), X)
    json.dumps(part, allow_nan=False)
    return part, X, y, folds, comparison


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_figures_are_of_rows_that_the_model_was_not_fitted_on(task):
    part, X, y, folds, comparison = diagnosed(task, ["baseline", ladder(task)[1].name])
    pipeline = final_pipeline(make_preparation(), comparison.chosen)
    expected = cross_val_predict(pipeline, X, y, cv=folds)
    assert part["validation"] == pytest.approx(comparison.validation(comparison.chosen.name).mean())
    if task == "regression":
        residuals = part["residuals"]
        assert len(residuals["actual"]) == len(X)
        worst = np.argsort(-np.abs(y - expected))[:10]
        assert [one["line"] for one in part["worst"]] == X.index[worst].tolist()
        assert part["worst"][0]["predicted"] == pytest.approx(expected[worst[0]])
        assert part["confusion"] is None
    else:
        assert part["confusion"]["matrix"] == confusion_matrix(y, expected).tolist()
        assert all(one["actual"] != one["predicted"] for one in part["worst"])
        by_line = dict(zip(X.index, y, strict=True))
        assert all(by_line[one["line"]] == one["actual"] for one in part["worst"])
        probability = cross_val_predict(pipeline, X, y, cv=folds, method="predict_proba")
        of_truth = probability[np.arange(len(y)), np.searchsorted(np.unique(y), y)]
        found = [one["probability"] for one in part["worst"]]
        np.testing.assert_allclose(found, np.sort(of_truth)[:10], atol=1e-9)
        assert part["residuals"] is None


def test_calibration_is_scikit_learns():
    part, X, y, folds, comparison = diagnosed("binary", ["baseline", "logistic"])
    pipeline = final_pipeline(make_preparation(), comparison.chosen)
    probability = cross_val_predict(pipeline, X, y, cv=folds, method="predict_proba")[:, 1]
    observed, predicted = calibration_curve(y == "yes", probability, n_bins=10, strategy="quantile")
    found = part["calibration"]
    assert found["of"] == "yes"
    assert sum(found["count"]) == len(X)
    np.testing.assert_allclose(found["predicted"], predicted, atol=1e-9)
    np.testing.assert_allclose(found["observed"], observed, atol=1e-9)


def noise_table(task, n=200):
    X, y = make_table(task, n=n, signal=0.0)
    return X, y


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_signal(task):
    name = ladder(task)[1].name
    part, *_ = diagnosed(task, ["baseline", name], table=noise_table(task))
    assert part["verdict"] == "no signal"
    part, *_ = diagnosed(task, ["baseline"], table=noise_table(task))
    assert part["verdict"] == "no signal"
    assert "No model was shown to beat the baseline" in part["words"]


def test_overfitting():
    """Half as many columns as rows, hardly a penalty: the noise is learned by heart."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 60)))
    y = X[0].to_numpy() * 2 + rng.normal(size=150)
    part, *_ = diagnosed(
        "regression", ["baseline", "ridge"], StandardScaler(), (X, y), ridge={"alpha": 1e-3}
    )
    assert part["verdict"] == "overfitting"
    assert part["train"] > part["validation"] + 0.2
    assert "more rows would help" in part["words"]


def test_a_forest_that_knows_its_own_rows_is_not_called_overfitting():
    part, *_ = diagnosed("regression", ["baseline", "forest"], table=make_table("regression", 300))
    assert part["train"] > part["validation"] + 0.05
    assert part["verdict"] == "no verdict"
    assert "knows its own rows nearly by heart" in part["words"]
    assert "alanced" not in part["words"]
    found, rule = diagnose_line(part)
    assert found == f"validation {part['validation']:.3f}; a forest's training score says nothing."
    assert rule == ""


def test_underfitting():
    """A straight line through a parabola and a slope: it learns the slope alone."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 2)))
    y = 0.5 * X[0].to_numpy() + 2 * X[1].to_numpy() ** 2
    part, *_ = diagnosed("regression", ["baseline", "ridge"], StandardScaler(), (X, y))
    assert part["verdict"] == "underfitting"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_balanced(task):
    part, *_ = diagnosed(task, ["baseline", ladder(task)[1].name])
    assert part["verdict"] == "balanced"
    assert f"{part['train']:.3f}" in part["words"]


def test_the_learning_curve_ends_at_the_score_of_all_rows():
    part, *_, comparison = diagnosed("binary", ["baseline", "logistic"])
    curve = part["learning_curve"]
    assert curve["sizes"] == [32, 80, 160, 240, 320]
    assert curve["validation"][-1] == pytest.approx(comparison.validation("logistic")[:3].mean())
    assert curve["validation"][0] < curve["validation"][-1]
    assert curve["train"][0] > curve["train"][-1]


def test_the_learning_curve_of_a_tiny_table_begins_where_it_can():
    X, y = make_table("regression", n=24)
    rungs = [rung for rung in ladder("regression") if rung.name in ("baseline", "neighbors")]
    rungs[1] = replace(rungs[1], defaults={"n_neighbors": 18})
    comparison = compare(
        make_preparation(), X, y, make_folds(X, y, "regression"), "regression", rungs=rungs
    )
    comparison.chosen = rungs[1]
    curve = learning_curve(comparison, tune(comparison, seconds=0))
    assert curve["sizes"] == [19]
    assert len(curve["validation"]) == 1


def test_errors_that_grow_with_the_prediction_are_seen():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.uniform(1, 10, 500)})
    y = X["x"].to_numpy() * (1 + 0.3 * rng.normal(size=500))
    part, *_ = diagnosed("regression", ["baseline", "ridge"], StandardScaler(), (X, y))
    assert "grow with the predicted value" in part["residuals"]["words"]


def test_a_small_table_gets_cautious_words():
    part, *_ = diagnosed("binary", ["baseline", "logistic"], table=make_table("binary", n=120))
    if part["verdict"] == "balanced":
        assert "What was learned holds" not in part["words"]
    assert diagnosed("binary", ["baseline", "logistic"])[0]["words"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probability_scores_are_scikit_learns(n_classes):
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, 80)
    probability = rng.dirichlet(np.ones(n_classes), 80)
    alone = np.tile(np.bincount(y) / 80, (80, 1))
    found = probability_scores(y, probability, alone)
    assert found["log_loss"] == pytest.approx(log_loss(y, probability))
    assert found["log_loss_alone"] == pytest.approx(log_loss(y, alone))
    if n_classes == 2:
        assert found["brier"] == pytest.approx(brier_score_loss(y, probability[:, 1]))
        assert found["brier_alone"] == pytest.approx(brier_score_loss(y, alone[:, 1]))


def test_probabilities_worse_than_the_shares_alone_are_warned_of():
    """One noisy column, thirty times over: naive Bayes takes it for thirty witnesses."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    column = y + 2.0 * rng.normal(size=300)
    X = pd.DataFrame({f"c{j}": column + 0.01 * rng.normal(size=300) for j in range(30)})
    labels = np.array(["no", "yes"])[y]
    part, *_ = diagnosed("binary", ["baseline", "naive_bayes"], StandardScaler(), (X, labels))
    assert part["probabilities"]["log_loss"] > part["probabilities"]["log_loss_alone"]
    (found,) = worthless_probabilities(part, "naive_bayes", "Naive Bayes")
    assert found.severity == "warning"
    assert "Do not read this model's probabilities" in found.message
    assert "independent witnesses" in found.why
    assert f"{part['probabilities']['log_loss']:.3f}" in found.why
    assert not worthless_probabilities(part, "baseline", "Baseline")
    good, *_ = diagnosed("binary", ["baseline", "logistic"])
    assert not worthless_probabilities(good, "logistic", "Logistic regression")
    numbers, *_ = diagnosed("regression", ["baseline", "ridge"])
    assert not worthless_probabilities(numbers, "ridge", "Ridge")
