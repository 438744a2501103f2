"""The ladder: the models that are compared, from the simplest to the most flexible.

Each rung is one row of `LADDER`: a name, a title, the idea in one sentence, the estimator with the
parameters it starts from, and the space that tuning searches. A model joins the comparison by being
appended here; the order is the order of simplicity, by which ties are settled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

# The space is written the way Optuna reads it: ask the trial for each parameter in turn. The second
# argument is the number of rows of the smallest training fold, as neighbours cannot outnumber them.
Space = Callable[["BaseTrial", int], dict[str, Any]]


@dataclass(frozen=True)
class Candidate:
    """A rung of the ladder: a model that enters the comparison.

    Parameters
    ----------
    name : str
        Short name, unique within a task: ``"linear"``.
    title : str
        The name that a reader sees: ``"Ridge regression"``.
    idea : str
        How the model thinks, in one sentence.
    tasks : tuple of {"binary", "multiclass", "regression"}
        The tasks that it can do.
    estimator : str
        Where its class is: ``"package.module:Class"``. It is imported when first needed.
    defaults : mapping, default={}
        The parameters that it starts from, where they differ from the class's own.
    space : callable or None, default=None
        ``space(trial, n_rows) -> parameters``: what tuning may try. None: there is nothing to tune.

    Examples
    --------
    >>> candidate = ladder("regression")[0]
    >>> candidate.name, candidate.class_name
    ('baseline', 'DummyRegressor')
    >>> candidate.build()
    DummyRegressor()
    """

    name: str
    title: str
    idea: str
    tasks: tuple[str, ...]
    estimator: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    space: Space | None = None

    @property
    def module_name(self) -> str:
        """The module to import the class from."""
        return self.estimator.partition(":")[0]

    @property
    def class_name(self) -> str:
        """The name of the estimator's class."""
        return self.estimator.partition(":")[2]

    def build(self, params: Mapping[str, Any] | None = None) -> Any:
        """Return a new, unfitted estimator with the defaults, overridden by `params`."""
        estimator_class = getattr(import_module(self.module_name), self.class_name)
        return estimator_class(**{**self.defaults, **(params or {})})


# Distances with p = 1 are no matrix product and take about ten times as long, so they are tried on
# small tables only: on large ones, a few such trials would use up all the time.
_MANHATTAN_ROWS = 3_000

# A tree of depth 5 has 32 leaves at most: the deepest that still fits on a page and in a head.
_DEEPEST_SMALL_TREE = 5

# A leaf of a forest's tree holds at least one row in 5,000: on a small table as few as there are,
# and on a large one the trees stay small enough to keep (100 trees of at most 10,000 nodes).
_SMALLEST_LEAF = 0.0002


def _logistic_space(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}


def _ridge_space(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {"alpha": trial.suggest_float("alpha", 1e-4, 1e5, log=True)}


def _neighbors_space(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    params = {
        "n_neighbors": trial.suggest_int("n_neighbors", 1, max(1, min(100, n_rows // 2)), log=True),
        "weights": trial.suggest_categorical("weights", ["uniform", "distance"]),
    }
    if n_rows <= _MANHATTAN_ROWS:
        params["p"] = trial.suggest_categorical("p", [1, 2])
    return params


def _tree_space(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 1, _DEEPEST_SMALL_TREE),
        "min_samples_leaf": trial.suggest_int(
            "min_samples_leaf", 1, max(5, min(200, n_rows // 10)), log=True
        ),
    }


def _forest_space(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "max_features": trial.suggest_categorical("max_features", ["sqrt", 0.3, 0.6, 1.0]),
        "min_samples_leaf": trial.suggest_float(
            "min_samples_leaf", _SMALLEST_LEAF, 100 * _SMALLEST_LEAF, log=True
        ),
    }


def _boosting_space(trial: BaseTrial, n_rows: int) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 63, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 80, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
    }


_CLASSIFICATION = ("binary", "multiclass")
_REGRESSION = ("regression",)

LADDER: list[Candidate] = [
    Candidate(
        name="baseline",
        title="Baseline (the classes' shares)",
        idea="Looks at no column and always answers with the shares of the classes: "
        "a model that cannot beat it has learned nothing.",
        tasks=_CLASSIFICATION,
        estimator="sklearn.dummy:DummyClassifier",
        defaults={"strategy": "prior"},
    ),
    Candidate(
        name="baseline",
        title="Baseline (the average)",
        idea="Looks at no column and always answers with the average: "
        "a model that cannot beat it has learned nothing.",
        tasks=_REGRESSION,
        estimator="sklearn.dummy:DummyRegressor",
        defaults={"strategy": "mean"},
    ),
    Candidate(
        name="logistic",
        title="Logistic regression",
        idea="Adds up the columns, each with its own weight, and turns the sum into a probability.",
        tasks=_CLASSIFICATION,
        estimator="groundup.linear_model:LogisticRegression",
        defaults={"max_iter": 1000},
        space=_logistic_space,
    ),
    Candidate(
        name="ridge",
        title="Ridge regression",
        idea="Adds up the columns, each with its own weight, and keeps the weights small "
        "so that none of them follows the noise.",
        tasks=_REGRESSION,
        estimator="groundup.linear_model:Ridge",
        space=_ridge_space,
    ),
    # A small tree can be read whole, neighbours only be looked up: so it stands before them.
    Candidate(
        name="tree",
        title="Decision tree",
        idea="Asks a few questions, each about one column, and answers with what is usual among "
        "the rows that gave the same answers.",
        tasks=_CLASSIFICATION,
        estimator="groundup.tree:DecisionTreeClassifier",
        defaults={"max_depth": 4, "min_samples_leaf": 5},
        space=_tree_space,
    ),
    Candidate(
        name="tree",
        title="Decision tree",
        idea="Asks a few questions, each about one column, and answers with the average of the "
        "rows that gave the same answers.",
        tasks=_REGRESSION,
        estimator="groundup.tree:DecisionTreeRegressor",
        defaults={"max_depth": 4, "min_samples_leaf": 5},
        space=_tree_space,
    ),
    Candidate(
        name="neighbors",
        title="Nearest neighbours",
        idea="Looks up the rows that are most alike and lets them vote.",
        tasks=("binary",),
        estimator="groundup.neighbors:KNeighborsClassifier",
        # Five votes tell six probabilities apart: ten rank rows better (ROC AUC +0.03 on average).
        defaults={"n_neighbors": 10},
        space=_neighbors_space,
    ),
    Candidate(
        name="neighbors",
        title="Nearest neighbours",
        idea="Looks up the rows that are most alike and lets them vote.",
        tasks=("multiclass",),
        estimator="groundup.neighbors:KNeighborsClassifier",
        space=_neighbors_space,
    ),
    Candidate(
        name="neighbors",
        title="Nearest neighbours",
        idea="Looks up the rows that are most alike and averages their answers.",
        tasks=_REGRESSION,
        estimator="groundup.neighbors:KNeighborsRegressor",
        space=_neighbors_space,
    ),
    Candidate(
        name="forest",
        title="Random forest",
        idea="Grows a hundred large trees, each on a random draw of the rows and asking about a "
        "random choice of columns, and averages their answers, so that their mistakes cancel out.",
        tasks=_CLASSIFICATION,
        estimator="groundup.ensemble:RandomForestClassifier",
        defaults={"min_samples_leaf": _SMALLEST_LEAF, "random_state": 0},
        space=_forest_space,
    ),
    Candidate(
        name="forest",
        title="Random forest",
        idea="Grows a hundred large trees, each on a random draw of the rows and asking about a "
        "random choice of columns, and averages their answers, so that their mistakes cancel out.",
        tasks=_REGRESSION,
        estimator="groundup.ensemble:RandomForestRegressor",
        defaults={
            "max_features": 0.3,
            "min_samples_leaf": _SMALLEST_LEAF,
            "random_state": 0,
        },
        space=_forest_space,
    ),
    Candidate(
        name="boosting",
        title="Gradient boosting",
        idea="Adds up a hundred small trees, each grown to correct a part of what the ones before "
        "it still get wrong.",
        tasks=_CLASSIFICATION,
        estimator="groundup.ensemble:HistGradientBoostingClassifier",
        defaults={"early_stopping": False, "l2_regularization": 1e-3, "random_state": 0},
        space=_boosting_space,
    ),
    Candidate(
        name="boosting",
        title="Gradient boosting",
        idea="Adds up a hundred small trees, each grown to correct a part of what the ones before "
        "it still get wrong.",
        tasks=_REGRESSION,
        estimator="groundup.ensemble:HistGradientBoostingRegressor",
        defaults={"early_stopping": False, "l2_regularization": 1e-3, "random_state": 0},
        space=_boosting_space,
    ),
]


def ladder(task: str, seed: int = 0) -> list[Candidate]:
    """Return the rungs for a task, the baseline first, then from simple to flexible.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    seed : int, default=0
        The ``random_state`` of the models that draw at random.

    Examples
    --------
    >>> [candidate.name for candidate in ladder("binary")]
    ['baseline', 'logistic', 'tree', 'neighbors', 'forest', 'boosting']
    """
    return [
        replace(candidate, defaults={**candidate.defaults, "random_state": seed})
        if "random_state" in candidate.defaults
        else candidate
        for candidate in LADDER
        if task in candidate.tasks
    ]


def final_pipeline(
    preparation: Any, candidate: Candidate, params: Mapping[str, Any] | None = None
) -> Any:
    """Return the unfitted pipeline of a model: the steps of the preparation, then ``"model"``.

    Parameters
    ----------
    preparation : unfitted Pipeline or other transformer
    candidate : Candidate
    params : mapping, optional
        Parameters that override the candidate's defaults.
    """
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline

    preparation = clone(preparation)
    steps = preparation.steps if isinstance(preparation, Pipeline) else [("prepare", preparation)]
    return Pipeline([*steps, ("model", candidate.build(params))])
