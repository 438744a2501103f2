"""The network's loss after every epoch, against a network that nobody watched."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import SHARED_DATA, needs_shared_data
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import Pipeline
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow import loss_curve as module
from groundup.workflow.audit import audit_table
from groundup.workflow.compare import compare
from groundup.workflow.ladder import ladder
from groundup.workflow.loss_curve import loss_curve
from groundup.workflow.prepare import build_preparation
from groundup.workflow.read import read_table
from groundup.workflow.tune import tune


def compared(task, **params):
    X, y = make_table(task, n=150)
    rungs = [rung for rung in ladder(task) if rung.name in ("baseline", "network")]
    rungs[1] = replace(rungs[1], defaults={**rungs[1].defaults, "max_iter": 12, **params})
    folds = make_folds(X, y, task)
    return compare(make_preparation(), X, y, folds, task, rungs=rungs)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_ends_at_the_loss_of_the_network_that_nobody_watched(task):
    comparison = compared(task)
    curve = loss_curve(comparison, tune(comparison, seconds=0))
    json.dumps(curve, allow_nan=False)
    assert curve["epochs"] == len(curve["train"]) == len(curve["validation"]) == 12
    assert curve["train"][-1] < curve["train"][0]
    assert curve["words"]
    if task == "regression":
        assert 0.3 < curve["alone"] < 3
    else:
        share = np.bincount(comparison.folds[0].y_train) / len(comparison.folds[0].y_train)
        expected = -np.log(share[comparison.folds[0].y_validation]).mean()
        assert curve["alone"] == pytest.approx(expected)
    fold, rung = comparison.folds[0], comparison.rungs[1]
    network = rung.build().fit(fold.X_train, fold.y_train)
    known, new = (fold.X_train, fold.y_train), (fold.X_validation, fold.y_validation)
    for (X, y), found in ((known, curve["train"]), (new, curve["validation"])):
        if task == "regression":
            error = (y - network.predict(X)) / fold.y_train.std()
            assert found[-1] == pytest.approx(np.mean(error**2), rel=1e-6)
        else:
            assert found[-1] == pytest.approx(log_loss(y, network.predict_proba(X)), rel=1e-6)
    if task == "regression":
        unexplained = 1 - r2_score(fold.y_train, network.predict(fold.X_train))
        assert curve["train"][-1] == pytest.approx(unexplained, rel=1e-6)


def test_the_chosen_network_is_watched_with_its_tuned_parameters():
    comparison = compared("binary")
    tuning = tune(comparison, seconds=0)
    tuning.params = {"max_iter": 5}
    comparison.chosen = comparison.rungs[0]
    assert not loss_curve(comparison, tuning)["is_chosen"]
    assert loss_curve(comparison, tuning)["epochs"] == 12
    comparison.chosen = comparison.rungs[1]
    assert loss_curve(comparison, tuning)["is_chosen"]
    assert loss_curve(comparison, tuning)["epochs"] == 5


def test_without_a_network_there_is_no_curve():
    comparison = compared("binary")
    tuning = tune(comparison, seconds=0)
    del comparison.scores["network"]
    assert loss_curve(comparison, tuning) is None
    comparison.rungs = comparison.rungs[:1]
    assert loss_curve(comparison, tuning) is None


EPOCHS = np.arange(60)
FALLS = np.exp(-EPOCHS / 6.0)


def words_of(train, new, alone=0.693, rows=300, zigzag=0.0):
    """The words on made-up lines: rows differ, but have the given mean after each epoch."""
    rng = np.random.default_rng(0)
    new = new + zigzag * rng.normal(size=len(new))
    of_rows = rng.normal(size=(rows, 1))
    of_new = (new + 0.5 * (of_rows - of_rows.mean()) * new.mean()).T  # (epochs, rows)
    words = module._words(np.asarray(train), of_new, np.full(rows, alone))
    assert len(words) < 500  # the report shows that many characters
    assert f"ends at {train[-1]:.3f}" in words
    assert f"without any column it would be {alone:.3f}" in words
    return words


def test_lines_that_fall_and_settle():
    words = words_of(0.1 + 0.5 * FALLS, 0.12 + 0.5 * FALLS)
    assert "It has settled, and what was learned holds" in words
    assert "fitting" not in words


def test_a_clear_rise_on_new_rows_is_overfitting():
    new = np.concatenate([0.2 + 0.5 * FALLS[:30], np.linspace(0.21, 0.5, 30)])
    words = words_of(0.05 + 0.5 * FALLS, new)
    assert "lowest around epoch 2" in words
    assert "rose since" in words
    assert "(overfitting)" in words
    new[30:] = np.linspace(0.21, 0.9, 30)
    assert "no better than without columns" in words_of(0.05 + 0.5 * FALLS, new)


def test_a_wide_gap_is_overfitting_though_nothing_rises():
    words = words_of(0.02 + 0.5 * FALLS, 0.4 + 0.3 * FALLS)
    assert "56% of what it learned" in words  # (0.4 - 0.02) / (0.693 - 0.02)
    assert "though more epochs did no harm" in words


def test_much_left_to_learn_and_still_falling_is_underfitting():
    slow = np.linspace(0.69, 0.4, 60)
    assert "(underfitting)" in words_of(slow, slow + 0.02)
    assert "(underfitting)" not in words_of(slow, slow + 0.02, alone=4.0)  # little is left
    assert "holds" in words_of(slow / 10, slow / 10 + 0.01)


def test_nothing_that_holds_is_not_called_settled():
    # as on a table of 100 rows with 30 columns: the training loss falls, new rows stay a coin's
    words = words_of(np.linspace(0.7, 0.565, 60), np.full(60, 0.683), rows=20, zigzag=0.005)
    assert "not shown to have learned anything that holds" in words
    assert "20 new rows leave much to luck" in words
    by_heart = words_of(np.linspace(0.7, 0.05, 60), np.full(60, 0.69))
    assert "what it learned, it learned by heart" in by_heart


def test_a_zigzag_over_flat_training_rows_is_no_underfitting():
    # the loss on other months zigzags between 0.04 and 0.08, the training loss is flat at 0.006
    train = 0.006 + np.exp(-EPOCHS / 2.0)
    words = words_of(train, 0.055 + np.exp(-EPOCHS / 2.0), alone=1.0, zigzag=0.012)
    assert "fitting" not in words
    assert "what was learned holds" in words


def test_a_rise_within_noise_is_no_overfitting():
    # 0.088 at the end against 0.085 at its lowest, on 55 rows
    new = np.concatenate([0.085 + FALLS, np.linspace(0.085, 0.088, 40)])
    words = words_of(np.concatenate([0.02 + FALLS, np.full(40, 0.02)]), new, alone=1.05, rows=55)
    assert "fitting" not in words
    assert "what was learned holds" in words


def test_few_epochs_or_rows_are_too_few_to_tell():
    for one in (np.array([0.5]), np.array([0.5, 0.4])):
        assert "too few to read more" in words_of(one, one)
    assert "The loss ends at" in module._words(np.array([0.5]), np.array([[0.5]]), np.array([0.7]))


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "target", "task", "never"),
    [
        ("ischemic_stroke.csv", "stroke", "binary", "what was learned holds"),
        ("air_quality_uci.csv", "C6H6(GT)", "regression", "underfitting"),
        ("penguins_raw.csv", "Species", "multiclass", "overfitting"),
    ],
)
def test_tables_whose_lines_were_misread(name, target, task, never):
    table = read_table(SHARED_DATA / name)
    frame = table.frame[table.frame[target].notna()]
    audit = audit_table(table, target, task)
    preparation = Pipeline(build_preparation(frame, audit, seed=0).steps())
    X, y = frame[audit.features], frame[target]
    first = make_folds(X, y, task)[:1]
    rungs = [rung for rung in ladder(task) if rung.name in ("baseline", "network")]
    comparison = compare(preparation, X, y, first, task, rungs=rungs)
    words = loss_curve(comparison, tune(comparison, seconds=0))["words"]
    assert never not in words, words
