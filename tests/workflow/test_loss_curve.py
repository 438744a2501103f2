"""The network's loss after every epoch, against a network that nobody watched."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, r2_score
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow import loss_curve as module
from groundup.workflow.compare import compare
from groundup.workflow.ladder import ladder
from groundup.workflow.loss_curve import loss_curve
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


def test_what_the_two_lines_show_is_said_in_words():
    epochs = np.arange(1, 41)
    falls = np.exp(-epochs / 4.0)
    settled = module._words(falls, 0.3 + falls)
    assert "has settled" in settled
    rises = np.concatenate([falls[:10] + 0.3, np.linspace(falls[9] + 0.3, 0.9, 30)])
    words = module._words(falls, rises)
    assert "lowest after epoch 10" in words
    assert "overfitting" in words
    slow = np.linspace(1.0, 0.5, 40)
    assert "underfitting" in module._words(slow, slow + 0.1)
    for one in (np.array([0.5]), np.array([0.5, 0.4])):
        assert "The loss ends at" in module._words(one, one)
