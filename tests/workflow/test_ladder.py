"""The ladder of models: every rung can be built, fitted, and tuned over its space."""

from __future__ import annotations

import warnings

import numpy as np
import optuna
import pytest
from sklearn.exceptions import ConvergenceWarning

from groundup.workflow.candidate import innermost
from groundup.workflow.ladder import LADDER, ladder
from groundup.workflow.metric import METRICS

TASKS = list(METRICS)


@pytest.mark.parametrize("task", TASKS)
def test_the_baseline_comes_first_and_names_are_unique(task):
    names = [candidate.name for candidate in ladder(task)]
    assert names[0] == "baseline"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("candidate", "task"),
    [(candidate.for_rows(48), task) for candidate in LADDER for task in candidate.tasks],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_rung_fits_with_its_defaults_and_over_its_space(candidate, task):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = X[:, 0] if task == "regression" else np.digitize(X[:, 0], [0.0])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    spaces = [{}] + [
        candidate.space(study.ask(), 48) for _ in range(8) if candidate.space is not None
    ]
    for params in spaces:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = candidate.build(params).fit(X[:48], y[:48])
        assert len(model.predict(X[48:])) == 12
        for name, value in {**candidate.defaults, **params}.items():
            assert innermost(model).get_params()[name] == value


@pytest.mark.parametrize("n_rows", [2, 16, 1000, 100_000])
def test_neighbours_are_never_more_than_the_rows(n_rows):
    space = next(c.space for c in ladder("regression") if c.name == "neighbors")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert all(1 <= space(study.ask(), n_rows)["n_neighbors"] <= n_rows for _ in range(20))
