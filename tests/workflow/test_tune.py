"""Tuning: never worse, the same trials from the same seed, and resumable."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.compare import compare
from groundup.workflow.ladder import ladder
from groundup.workflow.tune import tune


def comparison(task, name, n=300, **table):
    """Compare one model with the baseline, so that it is the one to be tuned."""
    X, y = make_table(task, n=n, **table)
    rungs = [rung for rung in ladder(task) if rung.name in ("baseline", name)]
    return compare(make_preparation(), X, y, make_folds(X, y, task, 3), task, rungs=rungs)


def shown(tuning):
    return [(trial["params"], trial["validation"]) for trial in tuning.trials]


def test_a_bad_start_is_improved():
    compared = comparison("regression", "ridge")
    compared.chosen = replace(compared.chosen, defaults={"alpha": 20_000.0})
    compared.scores["ridge"] = [
        replace(score, validation=score.validation - 0.5) for score in compared.scores["ridge"]
    ]
    tuning = tune(compared, seconds=60, max_trials=12)
    json.dumps(tuning.as_dict(), allow_nan=False)
    assert tuning.after > tuning.before + 0.3
    assert set(tuning.params) == {"alpha"}
    assert tuning.all_params["alpha"] == tuning.params["alpha"] < 20_000
    assert tuning.after == pytest.approx(np.mean([s.validation for s in tuning.scores]))
    assert len(tuning.scores[0].prediction) == len(compared.folds[0].y_validation)
    assert f"{tuning.after:.4f}" in tuning.words


def test_the_first_trial_is_the_model_as_it_was_compared():
    compared = comparison("binary", "neighbors")
    tuning = tune(compared, seconds=60, max_trials=1)
    first = tuning.trials[0]
    assert first["params"] == {"n_neighbors": 10, "weights": "uniform", "p": 2}
    assert first["validation"] == compared.validation("neighbors").mean()


@pytest.mark.parametrize(("task", "name"), [("binary", "logistic"), ("regression", "ridge")])
def test_what_is_kept_is_never_worse(task, name):
    for seed in range(3):
        compared = comparison(task, name, n=120, seed=seed)
        tuning = tune(compared, seconds=60, max_trials=5, seed=seed)
        assert tuning.after >= tuning.before
        assert (tuning.params == {}) == (tuning.after == tuning.before)


def test_a_gain_within_the_noise_is_not_taken():
    compared = comparison("regression", "ridge")
    tuning = tune(compared, seconds=60, max_trials=8)
    best = max(trial["validation"] for trial in tuning.trials)
    assert tuning.before < best < tuning.before + 0.001
    assert tuning.params == {}
    assert tuning.scores is compared.scores["ridge"]
    assert "was kept as it was" in tuning.words


def test_a_model_that_loses_to_the_baseline_untuned_gets_a_second_chance():
    """Nearly as many columns as rows: the penalty that Ridge starts from is far too small."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 100)))
    y = X.to_numpy() @ rng.normal(size=100) / 10 + 2 * rng.normal(size=120)
    y += 0.9 * X.to_numpy()[:, :20].sum(axis=1) / np.sqrt(20)
    rungs = ladder("regression")[:2]
    compared = compare(
        StandardScaler(), X, y, make_folds(X, y, "regression"), "regression", rungs=rungs
    )
    assert compared.chosen.name == "baseline"
    tuning = tune(compared, seconds=60, max_trials=25)
    assert tuning.model == "ridge"
    assert tuning.params["alpha"] > 10
    assert tuning.all_params == tuning.params
    assert compared.as_dict()["chosen"] == "ridge"
    assert "tuned, Ridge regression does" in compared.chosen_why


def test_equal_seeds_give_equal_trials():
    compared = comparison("regression", "ridge")
    one, other = (tune(compared, seconds=60, max_trials=13, seed=5) for _ in range(2))
    assert shown(one) == shown(other)
    assert shown(one) != shown(tune(compared, seconds=60, max_trials=3, seed=6))


def test_a_stopped_search_goes_on_as_if_it_had_not_stopped(tmp_path):
    compared = comparison("regression", "ridge")
    whole = tune(compared, seconds=60, max_trials=13)
    tune(compared, seconds=60, max_trials=11, storage=tmp_path / "trials.log")
    resumed = tune(compared, seconds=60, max_trials=13, storage=tmp_path / "trials.log")
    assert shown(resumed) == shown(whole)
    assert len(resumed.trials) == 13
    again = tune(compared, seconds=60, max_trials=13, storage=tmp_path / "trials.log")
    assert shown(again) == shown(whole)


def test_a_trial_that_was_cut_off_is_run_again(tmp_path):
    compared = comparison("regression", "ridge")
    whole = tune(compared, seconds=60, max_trials=4)
    calls = []

    def cut_off(done, total, text):
        calls.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(compared, seconds=60, max_trials=4, storage=tmp_path / "trials.log", progress=cut_off)
    journal = (tmp_path / "trials.log").read_text().splitlines(keepends=True)
    finished = [n for n, line in enumerate(journal) if '"state": 1' in line or '"state":1' in line]
    del journal[finished[-1]]  # as a killed process leaves it: begun, and never finished
    (tmp_path / "trials.log").write_text("".join(journal))
    resumed = tune(compared, seconds=60, max_trials=4, storage=tmp_path / "trials.log")
    assert shown(resumed) == shown(whole)


def test_trials_of_other_data_are_not_reused(tmp_path):
    storage = tmp_path / "trials.log"
    tune(comparison("regression", "ridge"), seconds=60, max_trials=2, storage=storage)
    other = comparison("regression", "ridge", seed=1)
    tuning = tune(other, seconds=60, max_trials=1, storage=storage)
    assert len(tuning.trials) == 1
    assert tuning.trials[0]["validation"] == other.validation("ridge").mean()


def test_no_time_and_nothing_to_tune():
    compared = comparison("binary", "logistic")
    tuning = tune(compared, seconds=0)
    assert tuning.params == {}
    assert tuning.trials == []
    assert "no time" in tuning.words
    compared = comparison("binary", "none but the baseline")
    tuning = tune(compared, seconds=60)
    assert "no parameters to tune" in tuning.words
    assert tuning.scores is compared.scores["baseline"]


def test_little_time_is_enough_for_one_trial():
    assert len(tune(comparison("binary", "logistic"), seconds=1e-9).trials) == 1


def test_parameters_that_cannot_be_fitted_are_a_bad_trial():
    compared = comparison("binary", "logistic")
    wrong_once = []

    def space(trial, n_rows):
        value = trial.suggest_float("C", 0.1, 10.0)
        if trial.number == 1:
            wrong_once.append(value)
            return {"C": -1.0}
        return {"C": value}

    compared.chosen = replace(compared.chosen, space=space)
    tuning = tune(compared, seconds=60, max_trials=4)
    assert len(wrong_once) == 1
    assert [trial["number"] for trial in tuning.trials] == [0, 2, 3]
    assert any("C" in finding.message for finding in tuning.findings)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        tune(comparison("binary", "logistic"), storage=tmp_path / "nowhere" / "trials.log")


def test_a_path_with_strange_characters(tmp_path):
    folder = tmp_path / "50% off? #1 ü"
    folder.mkdir()
    tune(comparison("binary", "logistic"), seconds=60, max_trials=1, storage=folder / "trials.log")
    assert (folder / "trials.log").stat().st_size > 0
