"""Every rung, forced to be the chosen one: script, bundle, words and predictions agree."""

from __future__ import annotations

import contextlib
import copy
import json
import runpy
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from workflow.tables import make_table

from groundup.bundle import load_bundle
from groundup.workflow import compare as compare_module
from groundup.workflow import stages
from groundup.workflow.display import Display
from groundup.workflow.ladder import ladder
from groundup.workflow.network_start import epochs
from groundup.workflow.outcome import Folder
from groundup.workflow.predict import predict_file
from groundup.workflow.record import new_record
from groundup.workflow.stages import RunState

N_ROWS = 150
NEW = ("naive_bayes", "support_vectors", "network")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """For each task, a run that has come as far as comparing models."""
    states = {}
    for task in ("binary", "multiclass", "regression"):
        folder = tmp_path_factory.mktemp(task)
        X, y = make_table(task, n=N_ROWS)
        X.assign(target=y).to_csv(folder / "data.csv", index=False)
        options = {"--target": "target", "--seed": 3, "--time": "1"}
        state = RunState(
            data=folder / "data.csv",
            asked_target="target",
            asked_task=None,
            test_file=None,
            seed=3,
            seconds=60.0,
            keep=(),
            drop=(),
            split_method=None,
            display=Display(Console(file=StringIO(), width=100)),
            record=new_record(folder / "data.csv", options),
        )
        for stage in ("read", "audit", "split", "prepare", "explore"):
            stages.STAGES[stage](state)
        states[task] = state
    return states


def forced(state, name, folder, monkeypatch) -> RunState:
    """Run the stages from comparing on, with the model of this name chosen and tuned a little."""
    state = copy.copy(state)
    state.record = copy.deepcopy(state.record)
    state.folder = Folder.create(folder, state.data)
    rungs = {rung.name: rung for rung in ladder(state.task, state.seed, N_ROWS)}
    pair = [rungs[one] for one in dict.fromkeys(("baseline", name))]
    monkeypatch.setattr(stages, "is_compiled", lambda *_: True)
    monkeypatch.setattr(compare_module, "ladder", lambda *_: pair)
    monkeypatch.setattr(compare_module, "_choose", lambda comparison: (pair[-1], "Forced."))
    tune = stages.tune
    monkeypatch.setattr(
        stages, "tune", lambda *given, **options: tune(*given, **{**options, "max_trials": 3})
    )
    monkeypatch.setattr("groundup.workflow.tune._WORTHWHILE", -1.0)  # so that tuned ones are tried
    with state.stopping_cleanly():
        for stage in ("compare", "tune", "diagnose", "explain", "test"):
            stages.STAGES[stage](state)
    state.folder.write_all(state)
    return state


# What the report says of the model's parts.
INSIDE = {
    "naive_bayes": "one average and one spread for each of",
    "support_vectors": "Its weights belong to rows, not to columns",
    "network": "No weight can be read by itself",
}

EACH = [
    *(("binary", rung.name) for rung in ladder("binary")),
    *(("multiclass", name) for name in NEW),
    *(("regression", rung.name) for rung in ladder("regression")),
]


@pytest.mark.parametrize(("task", "name"), EACH, ids=["-".join(pair) for pair in EACH])
def test_a_rung_that_is_chosen(prepared, task, name, tmp_path, monkeypatch):
    state = forced(prepared[task], name, tmp_path / "run", monkeypatch)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["chosen"] == name
    if name == "network":  # as many epochs as suit all training rows, not those of a fold
        assert record["chosen_params"]["max_iter"] == epochs(len(state.y_train))
    assert [f for f in record["findings"] if f["code"] in ("model-failed", "model-warning")] == []

    # The script gives the score to the last digit, and says nothing else.
    said, complained = StringIO(), StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        runpy.run_path(str(tmp_path / "run" / "train.py"))
    assert float(said.getvalue()) == record["test"]["score"]
    assert complained.getvalue() == ""

    # The bundle predicts what the run predicted, to the bit.
    frame = state.X_test
    bundle = load_bundle(tmp_path / "run" / "model")
    np.testing.assert_array_equal(bundle.predict(frame), state.pipeline.predict(frame))
    if task != "regression":
        np.testing.assert_array_equal(
            bundle.predict_proba(frame), state.pipeline.predict_proba(frame)
        )
    table = pd.read_csv(state.data)
    rows = table.iloc[frame.index - 2].drop(columns="target")
    rows.to_csv(tmp_path / "new.csv", index=False)
    predict_file(tmp_path / "run", tmp_path / "new.csv", out=tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    if task == "regression":
        np.testing.assert_allclose(found["prediction"], state.pipeline.predict(frame), rtol=1e-12)
    else:
        assert found["prediction"].astype(str).tolist() == list(map(str, bundle.predict(frame)))

    # The report has the model's part.
    report = (tmp_path / "run" / "report.html").read_text()
    assert record["chosen_title"] in report
    if name in NEW:
        assert record["inside"]["kind"] == name
        assert INSIDE[name] in report
    if name == "network":
        curve = record["diagnose"]["loss_curve"]
        assert len(curve["train"]) == curve["epochs"] > 1
        assert "How the neural network learned" in report


def test_probabilities_are_there_where_the_score_alone_was_asked_for(
    prepared, tmp_path, monkeypatch
):
    """Support vectors are compared without probabilities, and diagnosed with them."""
    state = forced(prepared["binary"], "support_vectors", tmp_path / "run", monkeypatch)
    prediction = state.comparison.scores["support_vectors"][0].prediction
    assert prediction.min() < 0 or prediction.max() > 1  # decision values
    calibration = state.record["diagnose"]["calibration"]
    assert 0 <= min(calibration["predicted"]) <= max(calibration["predicted"]) <= 1
    folds = state.comparison.folds[:2]
    assert sum(calibration["count"]) == sum(len(fold.y_validation) for fold in folds)
    probability = pd.read_csv(tmp_path / "run" / "predictions.csv").filter(like="probability")
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)


def test_more_rows_change_what_a_network_begins_with():
    small, large = (ladder("binary", n_rows=n)[-1].defaults for n in (100, 20_000))
    assert small["max_iter"] > large["max_iter"]
    assert small["batch_size"] < large["batch_size"]
    assert small["alpha"] / small["batch_size"] > large["alpha"] / large["batch_size"]
    rung = replace(ladder("binary")[-1], sized=None)
    assert rung.for_rows(5) is rung
