"""The base class: what a fit does around the steps, shown on the smallest of algorithms."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from groundup._estimator import Estimator


class Halving(RegressorMixin, Estimator):
    """Each step halves the distance between ``level_`` and the mean of the targets."""

    def __init__(self, max_iter=10, at_step=None):
        self.max_iter = max_iter
        self.at_step = at_step

    def _steps(self, X, y, sample_weight):
        assert not X.flags.writeable
        assert not y.flags.writeable
        level = np.zeros(1)
        target = np.average(y, weights=sample_weight)
        for step in range(self.max_iter):
            level += (target - level) / 2
            if self.at_step is not None:
                self.at_step(step)
            yield {"level_": level, "n_iter_": step + 1}
        warnings.warn("ran out of steps", UserWarning, stacklevel=2)

    def predict(self, X):
        return np.full(len(self._validated_for_prediction(X)), self.level_[0])


class Weighing(ClassifierMixin, Estimator):
    """Keeps the weights that it was handed."""

    def __init__(self, class_weight=None):
        self.class_weight = class_weight

    def _steps(self, X, y, sample_weight):
        yield {"weights_": sample_weight, "codes_": y}


X, Y = np.arange(12.0).reshape(6, 2), np.full(6, 8.0)


def test_the_last_step_is_what_is_fitted():
    with pytest.warns(UserWarning, match="ran out"):
        model = Halving(max_iter=3).fit(X, Y)
    assert model.level_[0] == 7.0
    assert model.n_iter_ == 3


def test_what_stands_behind_the_last_step_runs_also_when_watched():
    class Silent:
        setup = teardown = lambda self, estimator, context: None
        on_fit_task_begin = on_fit_task_end = lambda self, estimator, context: None

    with pytest.warns(UserWarning, match="ran out"):
        Halving(max_iter=3).set_callbacks(Silent()).fit(X, Y)


def test_ctrl_c_keeps_the_last_finished_step_and_says_so():
    def interrupt(step):
        if step == 1:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        model = Halving(at_step=interrupt)
        with pytest.raises(KeyboardInterrupt, match="after step 2.*can predict"):
            model.fit(X, Y)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.level_[0] == 6.0
    assert model.predict(X).tolist() == [6.0] * 6


def test_a_second_ctrl_c_does_not_wait():
    def interrupt_twice(step):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second Ctrl-C was held back")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Halving(at_step=interrupt_twice).fit(X, Y)
    finally:
        signal.signal(signal.SIGINT, before)


def test_steps_of_a_pipeline_are_seen():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="r2")
    model = make_pipeline(StandardScaler(), Halving(max_iter=4).set_callbacks(monitor))
    with pytest.warns(UserWarning, match="ran out"):
        model.fit(X, Y)
    assert len([row for row in monitor.get_logs().data if row["task_name"] == "step"]) == 4


def test_class_weights_are_multiplied_into_sample_weights():
    y = np.array(["a", "b", "a", "a", "b", "a"])
    model = Weighing(class_weight={"a": 1.0, "b": 3.0}).fit(X, y, np.full(6, 2.0))
    assert model.weights_.tolist() == [2, 6, 2, 2, 6, 2]
    assert model.codes_.tolist() == [0, 1, 0, 0, 1, 0]
    assert Weighing().fit(X, y).weights_ is None


def test_bad_input_is_refused_before_any_step():
    model = Halving(at_step=lambda step: pytest.fail("a step was taken"))
    for bad_X, bad_y in [
        (X * np.nan, Y),
        (X, Y * np.inf),
        (X, Y[:-1]),
        (X[:0], Y[:0]),
        (X[:, :0], Y),
        (X[0], Y),
        (X, None),
    ]:
        with pytest.raises(ValueError, match=r"\w"):
            model.fit(bad_X, bad_y)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model.fit(X, Y, [-1, 1, 1, 1, 1, 1])
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_prediction_counts_the_features():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Halving().fit(X, Y)
    with pytest.raises(ValueError, match="3 features, but Halving is expecting 2"):
        model.predict(np.zeros((2, 3)))


@pytest.mark.parametrize("module", ["groundup", "groundup.cli"])
def test_importing_loads_neither_numba_nor_pandas(module):
    code = (
        f"import {module}, sys; heavy = {{'numba', 'pandas', 'sklearn', 'duckdb', 'altair'}};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
