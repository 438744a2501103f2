"""What the final model is made of: counted on models whose parts are known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from groundup.workflow.inside import inside
from groundup.workflow.ladder import ladder


def fitted(name, task, X, y):
    rung = next(rung for rung in ladder(task, n_rows=len(X)) if rung.name == name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rung.build().fit(X, y)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_support_vectors_are_counted(task):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X[:, 0] if task == "regression" else (X[:, 0] > 0).astype(int)
    model = fitted("support_vectors", task, X, y)
    part = inside("support_vectors", model, len(X))
    assert 0 < part["support_vectors"] < 80
    assert part["share"] == part["support_vectors"] / 80
    inner = getattr(model, "regressor_", model)
    assert part["support_vectors"] == len(inner.support_vectors_)


@pytest.mark.parametrize(("task", "answers"), [("binary", 1), ("regression", 1)])
def test_weights_are_counted(task, answers):
    X = np.random.default_rng(0).normal(size=(40, 5))
    y = X[:, 0] if task == "regression" else (X[:, 0] > 0).astype(int)
    part = inside("network", fitted("network", task, X, y), len(X))
    assert part["layers"] == [5, 64, 64, answers]
    assert part["weights"] == (5 + 1) * 64 + (64 + 1) * 64 + (64 + 1) * answers
    assert part["epochs"] >= 1


def test_averages_are_counted_and_other_models_are_not():
    X = np.random.default_rng(0).normal(size=(40, 5))
    y = np.arange(40) % 3
    part = inside("naive_bayes", fitted("naive_bayes", "multiclass", X, y), 40)
    assert part == {"kind": "naive_bayes", "classes": 3, "columns": 5}
    assert inside("forest", object(), 40) is None
