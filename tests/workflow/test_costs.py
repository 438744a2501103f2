"""Models that would take too long are left out, by a rule that never looks at a clock."""

from __future__ import annotations

import pytest
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.compare import compare
from groundup.workflow.costs import support_vectors_seconds, why_too_slow
from groundup.workflow.ladder import ladder
from groundup.workflow.network_start import network_seconds, network_start


def rung(name, task="binary"):
    return next(rung for rung in ladder(task) if rung.name == name)


def test_twice_the_rows_take_four_times_as_long():
    assert support_vectors_seconds(2_000, 10, 0) == 4 * support_vectors_seconds(1_000, 10, 0)
    assert support_vectors_seconds(1_000, 10, 5) > support_vectors_seconds(1_000, 10, 2)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_support_vectors_take_part_where_the_rows_allow(task):
    classes = 0 if task == "regression" else 2
    machine = rung("support_vectors", task)
    assert why_too_slow(machine, 1_000, 20, classes, 5, seconds=20.0) is None
    assert "--time" in why_too_slow(machine, 100_000, 20, classes, 5, seconds=20.0)
    assert why_too_slow(machine, 100_000, 20, classes, 5, seconds=None) is None
    assert why_too_slow(rung("boosting", task), 10**9, 20, classes, 5, seconds=1.0) is None


@pytest.mark.parametrize("rows", [9_000, 30_000, 1_000_000])
def test_with_the_time_that_is_named_the_model_takes_part(rows):
    machine = rung("support_vectors")
    words = why_too_slow(machine, rows, 20, 2, 5, seconds=1.0)
    named = float(words.split("--time ")[1].split(" ")[0])
    assert why_too_slow(machine, rows, 20, 2, 5, seconds=named) is None
    assert why_too_slow(machine, rows, 20, 2, 5, seconds=0.8 * named) is not None


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_network_takes_part_unless_the_table_is_wide(task):
    classes = 0 if task == "regression" else 2
    network = rung("network", task)
    for rows in (200, 5_000, 80_000):
        assert why_too_slow(network, rows, 20, classes, 5, seconds=10.0) is None
    words = why_too_slow(network, 800, 5_000, classes, 5, seconds=20.0)
    assert "rows times the columns: 5 fits to 800 rows of 5,000 prepared columns" in words
    assert why_too_slow(network, 800, 5_000, classes, 5, seconds=130.0) is None


def test_the_cost_of_a_network_grows_with_the_columns_and_hardly_with_the_rows():
    assert network_seconds(1_000, 5_000, 2) > 30 * network_seconds(1_000, 50, 2)
    assert network_seconds(90_000, 20, 2) < 1.1 * network_seconds(15_000, 20, 2)
    assert network_seconds(1_000, 20, 26) > network_seconds(1_000, 20, 2)


@pytest.mark.parametrize("rows", [1, 5, 100, 3_000, 15_000, 15_001, 10**7])
def test_a_network_has_a_start_for_any_number_of_rows(rows):
    start = network_start(rows)
    assert 2 <= start["max_iter"] <= 100
    assert 1 <= start["batch_size"] <= min(64, rows)
    assert start["alpha"] > 0


def test_what_is_left_out_is_said_and_the_others_are_compared():
    X, y = make_table("binary", n=200)
    rungs = [rung("baseline"), rung("logistic"), rung("support_vectors")]
    comparison = compare(
        make_preparation(), X, y, make_folds(X, y, "binary"), "binary", seconds=1e-3, rungs=rungs
    )
    assert set(comparison.scores) == {"baseline", "logistic"}
    models = {model["name"]: model for model in comparison.as_dict()["models"]}
    assert "square of the rows" in models["support_vectors"]["left_out"]
    assert models["support_vectors"]["failed"] is None
    assert models["support_vectors"]["validation"] is None
    assert models["logistic"]["left_out"] is None
    (finding,) = comparison.findings
    assert finding.code == "model-left-out"
    assert finding.severity == "info"
