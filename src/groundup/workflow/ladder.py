"""The ladder: the models that are compared, from the simplest to the most flexible.

Each rung is one row of `LADDER`: a name, a title, the idea in one sentence, the estimator with the
parameters it starts from, and the space that tuning searches. A model joins the comparison by being
appended here; the order is the order of simplicity, by which ties are settled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
]


def ladder(task: str) -> list[Candidate]:
    """Return the rungs for a task, the baseline first, then from simple to flexible.

    Examples
    --------
    >>> [candidate.name for candidate in ladder("binary")]
    ['baseline', 'logistic', 'neighbors']
    """
    return [candidate for candidate in LADDER if task in candidate.tasks]


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
