"""What tuning may try, model by model: each space asks a trial for one parameter after the other.

A range is one in which good values were found on tables of all sizes, searched in steps of equal
ratio where what counts is the order of magnitude. What is not searched stays as the ladder has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

# Distances with p = 1 are no matrix product and take about ten times as long, so they are tried on
# small tables only: on large ones, a few such trials would use up all the time.
_MANHATTAN_ROWS = 3_000

# A tree of depth 5 has 32 leaves at most: the deepest that still fits on a page and in a head.
_DEEPEST_SMALL_TREE = 5

# A leaf of a forest's tree holds at least one row in 5,000: on a small table as few as there are,
# and on a large one the trees stay small enough to keep (100 trees of at most 10,000 nodes).
SMALLEST_LEAF = 0.0002


# The larger C, the longer the search for the support vectors takes: on many rows, a single trial
# with a large one would use up all the time.
_LARGE_C_ROWS = 2_000


def logistic(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}


def ridge(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {"alpha": trial.suggest_float("alpha", 1e-4, 1e5, log=True)}


def naive_bayes(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {"var_smoothing": trial.suggest_float("var_smoothing", 1e-6, 1e1, log=True)}


def neighbors(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    params = {
        "n_neighbors": trial.suggest_int("n_neighbors", 1, max(1, min(100, n_rows // 2)), log=True),
        "weights": trial.suggest_categorical("weights", ["uniform", "distance"]),
    }
    if n_rows <= _MANHATTAN_ROWS:
        params["p"] = trial.suggest_categorical("p", [1, 2])
    return params


def tree(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 1, _DEEPEST_SMALL_TREE),
        "min_samples_leaf": trial.suggest_int(
            "min_samples_leaf", 1, max(5, min(200, n_rows // 10)), log=True
        ),
    }


def forest(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "max_features": trial.suggest_categorical("max_features", ["sqrt", 0.3, 0.6, 1.0]),
        "min_samples_leaf": trial.suggest_float(
            "min_samples_leaf", SMALLEST_LEAF, 100 * SMALLEST_LEAF, log=True
        ),
    }


def boosting(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 63, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 80, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
    }


def support_vectors(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "C": trial.suggest_float("C", 1e-2, 1e2 if n_rows <= _LARGE_C_ROWS else 1e1, log=True),
        "gamma": trial.suggest_categorical("gamma", ["scale", 0.003, 0.01, 0.03, 0.1, 0.3]),
    }


def support_vectors_regression(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    # The target is scaled: epsilon counts standard deviations.
    return {
        **support_vectors(trial, n_rows),
        "epsilon": trial.suggest_float("epsilon", 1e-2, 0.5, log=True),
    }


def network(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    layers, units = trial.suggest_int("layers", 1, 2), trial.suggest_int("units", 16, 128, log=True)
    return {
        "hidden_layer_sizes": [units] * layers,
        "alpha": trial.suggest_float("alpha", 1e-3, 1e1, log=True),
        "learning_rate_init": trial.suggest_float("learning_rate_init", 3e-4, 1e-2, log=True),
    }
