"""Comparing models on the same folds, and the rule of choice."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow import compare as compare_module
from groundup.workflow.compare import compare
from groundup.workflow.ladder import Candidate, final_pipeline, ladder

SCORING = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}


@pytest.mark.parametrize("task", list(SCORING))
def test_scores_are_those_of_cross_val_score(task):
    X, y = make_table(task)
    folds = make_folds(X, y, task)
    comparison = compare(make_preparation(), X, y, folds, task)
    for rung in comparison.rungs:
        pipeline = final_pipeline(make_preparation(), rung)
        expected = cross_val_score(pipeline, X, y, cv=folds, scoring=SCORING[task])
        np.testing.assert_allclose(comparison.validation(rung.name), expected, atol=1e-12)
    part = comparison.as_dict()
    json.dumps(part, allow_nan=False)
    assert part["metric"] == SCORING[task]
    assert [model["name"] for model in part["models"]] == [rung.name for rung in ladder(task)]
    best = max(part["models"], key=lambda model: model["validation"])
    assert best["title"] in part["chosen_why"]
    assert part["chosen_title"] in part["chosen_why"]
    assert part["chosen"] not in ("baseline", "tree", "neighbors")  # these are far behind
    assert all(model["seconds"] > 0 for model in part["models"])


def test_two_runs_agree_to_the_bit():
    X, y = make_table("binary")
    folds = make_folds(X, y, "binary")
    one, other = (compare(make_preparation(), X, y, folds, "binary").as_dict() for _ in range(2))
    for a, b in zip(one["models"], other["models"], strict=True):
        assert a["folds"] == b["folds"]


def test_the_simpler_model_is_chosen_within_one_standard_error():
    X, y = make_table("regression", signal=0.0)
    comparison = compare(make_preparation(), X, y, make_folds(X, y, "regression"), "regression")
    assert comparison.chosen.name == "baseline"
    assert "baseline" in comparison.chosen_why.lower()


@pytest.mark.parametrize(
    ("gain", "chosen"),
    [
        ([0.02, -0.01, 0.01, -0.01, 0.01], "ridge"),  # the mean is below its standard error
        ([0.02, 0.02, 0.03, 0.02, 0.01], "neighbors"),  # and here it is far above
    ],
)
def test_a_gain_is_measured_by_its_standard_error(gain, chosen):
    X, y = make_table("regression")
    comparison = compare(make_preparation(), X, y, make_folds(X, y, "regression"), "regression")
    comparison.scores = {
        "ridge": comparison.scores["ridge"],
        "neighbors": [
            replace(score, validation=score.validation + plus)
            for score, plus in zip(comparison.scores["ridge"], gain, strict=True)
        ],
    }
    rung, why = compare_module._choose(comparison)
    assert rung.name == chosen
    assert ("may be luck" in why) == (chosen == "ridge")


def test_equal_models_are_settled_by_simplicity():
    X, y = make_table("regression")
    baseline, ridge, *_ = ladder("regression")
    twin = replace(ridge, name="twin", title="Twin")
    comparison = compare(
        make_preparation(),
        X,
        y,
        make_folds(X, y, "regression"),
        "regression",
        rungs=[baseline, ridge, twin],
    )
    assert comparison.chosen.name == "ridge"


def test_a_model_that_fails_is_reported_and_the_run_goes_on():
    X, y = make_table("binary")
    baseline, logistic, *_ = ladder("binary")
    broken = Candidate(
        "broken", "Broken model", "Fails.", ("binary",), logistic.estimator, {"C": "no number"}
    )
    absent = Candidate(
        "absent", "Absent model", "Is not there.", ("binary",), "sklearn.svm:Nothing"
    )
    comparison = compare(
        make_preparation(),
        X,
        y,
        make_folds(X, y, "binary"),
        "binary",
        rungs=[baseline, broken, absent, logistic],
    )
    models = {model["name"]: model for model in comparison.as_dict()["models"]}
    assert models["broken"]["validation"] is None
    assert "C" in models["broken"]["failed"]
    assert "Nothing" in models["absent"]["failed"]
    assert comparison.chosen.name == "logistic"
    assert [f.code for f in comparison.findings] == ["model-failed", "model-failed"]
    with pytest.raises(ValueError, match="No model could be fitted"):
        compare(make_preparation(), X, y, make_folds(X, y, "binary"), "binary", rungs=[broken])


def test_a_class_that_some_folds_lack_is_survived():
    X, y = make_table("multiclass", n=200)
    y = y.copy()
    y[:2] = "rare"
    folds = [(np.arange(40, 200), np.arange(40)), (np.arange(160), np.arange(160, 200))]
    comparison = compare(make_preparation(), X, y, folds, "multiclass")
    assert comparison.labels.tolist() == ["high", "low", "middle", "rare"]
    assert comparison.scores["logistic"][0].prediction.shape == (40, 4)
    assert np.all(comparison.scores["logistic"][0].prediction[:, 3] == 0)


def test_a_fold_with_one_class_is_left_out_and_said_so():
    X, y = make_table("binary")
    folds = make_folds(X, y, "binary")
    only_yes = np.flatnonzero(y == "yes")[:30]
    bad = (np.setdiff1d(np.arange(len(y)), only_yes), only_yes)
    comparison = compare(make_preparation(), X, y, [bad, *folds[:2]], "binary")
    assert len(comparison.folds) == 2
    assert comparison.findings[0].code == "unusable-fold"
    with pytest.raises(ValueError, match="None of the 1 folds"):
        compare(make_preparation(), X, y, [bad], "binary")


def test_time_that_has_run_out_leaves_two_folds_for_all_models(monkeypatch):
    monkeypatch.setattr(compare_module, "_GRACE_SECONDS", 0.0)
    X, y = make_table("binary")
    comparison = compare(
        make_preparation(),
        X,
        y,
        make_folds(X, y, "binary"),
        "binary",
        deadline=time.monotonic() - 1e6,
    )
    assert {len(scores) for scores in comparison.scores.values()} == {2}
    assert comparison.findings[0].code == "out-of-time"


def test_the_time_to_compile_does_not_count(monkeypatch):
    """A first fold that takes ten seconds more than the others leaves the folds their time."""
    monkeypatch.setattr(compare_module, "_GRACE_SECONDS", 0.0)
    clock = [0.0]
    monkeypatch.setattr(compare_module.time, "monotonic", lambda: clock[0])
    X, y = make_table("binary")
    folds = make_folds(X, y, "binary")
    rungs = ladder("binary")[:2]

    def work(done, total, text):
        clock[0] += 6.0 if done <= len(rungs) else 1.0

    for deadline, n_folds in ((15.0, 5), (3.0, 2)):
        clock[0] = 0.0
        comparison = compare(
            make_preparation(), X, y, folds, "binary",
            deadline=deadline, progress=work, rungs=rungs,
        )  # fmt: skip
        assert len(comparison.scores["logistic"]) == n_folds


def test_a_rest_that_is_done_soon_is_not_cut_off():
    X, y = make_table("binary")
    folds = make_folds(X, y, "binary")
    rungs = ladder("binary")[:2]
    late = time.monotonic() - 1
    comparison = compare(make_preparation(), X, y, folds, "binary", deadline=late, rungs=rungs)
    assert len(comparison.scores["logistic"]) == 5


def test_a_large_table_is_compared_on_a_sample(monkeypatch):
    monkeypatch.setattr(compare_module, "_ROWS", 200)
    X, y = make_table("binary", n=1000)
    comparison = compare(make_preparation(), X, y, make_folds(X, y, "binary"), "binary")
    assert comparison.rows_used == 200
    assert sum(len(fold.y_validation) for fold in comparison.folds) == 200
    assert comparison.findings[0].code == "compared-on-sample"
    assert "200 of the 1,000" in comparison.findings[0].message


def test_a_wide_table_is_compared_on_fewer_rows(monkeypatch):
    monkeypatch.setattr(compare_module, "_CELLS", 20_000)
    X, y = make_table("binary", n=4000)
    comparison = compare(make_preparation(), X, y, make_folds(X, y, "binary"), "binary")
    assert comparison.rows_used == 20_000 // 8


def test_progress_counts_every_fit():
    X, y = make_table("binary")
    seen = []
    compare(
        make_preparation(),
        X,
        y,
        make_folds(X, y, "binary"),
        "binary",
        progress=lambda done, total, text: seen.append((done, total, text)),
    )
    total = 5 * len(ladder("binary"))
    assert [done for done, _, _ in seen] == list(range(1, total + 1))
    assert seen[0][1:] == (total, f"{ladder('binary')[0].title}, fold 1 of 5")
