"""The ladder: the models that are compared, from the simplest to the most flexible.

Each rung is one row of `LADDER`: a name, a title, the idea in one sentence, the estimator with the
parameters it starts from, and the space that tuning searches. A model joins the comparison by being
put here; the order is the order of simplicity, by which ties are settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from groundup.workflow import search_spaces as spaces
from groundup.workflow.candidate import Candidate
from groundup.workflow.costs import support_vectors_seconds
from groundup.workflow.network_start import HIDDEN, network_seconds, network_start

_CLASSIFICATION = ("binary", "multiclass")
_REGRESSION = ("regression",)

_NETWORK = {
    "hidden_layer_sizes": list(HIDDEN),
    "learning_rate_init": 0.002,
    "random_state": 0,
}


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
        space=spaces.logistic,
    ),
    Candidate(
        name="ridge",
        title="Ridge regression",
        idea="Adds up the columns, each with its own weight, and keeps the weights small "
        "so that none of them follows the noise.",
        tasks=_REGRESSION,
        estimator="groundup.linear_model:Ridge",
        space=spaces.ridge,
    ),
    # A large share of the widest column's variance is added to all of them: the columns made of
    # categories would otherwise claim a certainty that the next rows do not bear out (ROC AUC from
    # 0.80 to 0.96 on a table of words, from 0.52 to 0.81 on one of many categories).
    Candidate(
        name="naive_bayes",
        title="Naive Bayes",
        idea="Asks each column by itself how usual its value is in each class, and multiplies the "
        "answers, as if the columns had nothing to do with one another.",
        tasks=_CLASSIFICATION,
        estimator="groundup.naive_bayes:GaussianNB",
        defaults={"var_smoothing": 0.1},
        space=spaces.naive_bayes,
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
        space=spaces.tree,
    ),
    Candidate(
        name="tree",
        title="Decision tree",
        idea="Asks a few questions, each about one column, and answers with the average of the "
        "rows that gave the same answers.",
        tasks=_REGRESSION,
        estimator="groundup.tree:DecisionTreeRegressor",
        defaults={"max_depth": 4, "min_samples_leaf": 5},
        space=spaces.tree,
    ),
    Candidate(
        name="neighbors",
        title="Nearest neighbours",
        idea="Looks up the rows that are most alike and lets them vote.",
        tasks=("binary",),
        estimator="groundup.neighbors:KNeighborsClassifier",
        # Five votes tell six probabilities apart: ten rank rows better (ROC AUC +0.03 on average).
        defaults={"n_neighbors": 10},
        space=spaces.neighbors,
    ),
    Candidate(
        name="neighbors",
        title="Nearest neighbours",
        idea="Looks up the rows that are most alike and lets them vote.",
        tasks=("multiclass",),
        estimator="groundup.neighbors:KNeighborsClassifier",
        space=spaces.neighbors,
    ),
    Candidate(
        name="neighbors",
        title="Nearest neighbours",
        idea="Looks up the rows that are most alike and averages their answers.",
        tasks=_REGRESSION,
        estimator="groundup.neighbors:KNeighborsRegressor",
        space=spaces.neighbors,
    ),
    Candidate(
        name="forest",
        title="Random forest",
        idea="Grows a hundred large trees, each on a random draw of the rows and asking about a "
        "random choice of columns, and averages their answers, so that their mistakes cancel out.",
        tasks=_CLASSIFICATION,
        estimator="groundup.ensemble:RandomForestClassifier",
        defaults={"min_samples_leaf": spaces.SMALLEST_LEAF, "random_state": 0},
        space=spaces.forest,
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
            "min_samples_leaf": spaces.SMALLEST_LEAF,
            "random_state": 0,
        },
        space=spaces.forest,
    ),
    Candidate(
        name="boosting",
        title="Gradient boosting",
        idea="Adds up a hundred small trees, each grown to correct a part of what the ones before "
        "it still get wrong.",
        tasks=_CLASSIFICATION,
        estimator="groundup.ensemble:HistGradientBoostingClassifier",
        defaults={"early_stopping": False, "l2_regularization": 1e-3, "random_state": 0},
        space=spaces.boosting,
    ),
    Candidate(
        name="boosting",
        title="Gradient boosting",
        idea="Adds up a hundred small trees, each grown to correct a part of what the ones before "
        "it still get wrong.",
        tasks=_REGRESSION,
        estimator="groundup.ensemble:HistGradientBoostingRegressor",
        defaults={"early_stopping": False, "l2_regularization": 1e-3, "random_state": 0},
        space=spaces.boosting,
    ),
    # Ranks and votes need no probabilities, which take five further fits: only the final model, and
    # the diagnosis of it, has them. Working sets of 8 MB are as fast as those of 200.
    Candidate(
        name="support_vectors",
        title="Support vectors",
        idea="Draws the boundary between the classes that keeps the widest distance from the rows "
        "on both sides; only the rows beside it, the support vectors, have a say.",
        tasks=_CLASSIFICATION,
        estimator="groundup.svm:SVC",
        defaults={"probability": True, "cache_size": 8, "random_state": 0},
        space=spaces.support_vectors,
        for_a_score={"probability": False},
        cost=support_vectors_seconds,
        cost_grows="with the square of the rows",
    ),
    Candidate(
        name="support_vectors",
        title="Support vectors",
        idea="Lays a tube, as smooth as it can, around as many rows as it can; only the rows on "
        "its wall and outside, the support vectors, have a say in its course.",
        tasks=_REGRESSION,
        estimator="groundup.svm:SVR",
        defaults={"cache_size": 8},
        space=spaces.support_vectors_regression,
        scales_target=True,
        cost=support_vectors_seconds,
        cost_grows="with the square of the rows",
    ),
    Candidate(
        name="network",
        title="Neural network",
        idea="Mixes the columns into some dozens of new ones, bends each, and mixes those into the "
        "answer; all weights of the mixtures are corrected a little after every few rows.",
        tasks=_CLASSIFICATION,
        estimator="groundup.neural_network:MLPClassifier",
        defaults=_NETWORK,
        sized=network_start,
        space=spaces.network,
        start={"layers": len(HIDDEN), "units": HIDDEN[0]},
        ignored=("ConvergenceWarning",),
        cost=network_seconds,
        cost_grows="with the rows times the columns",
    ),
    Candidate(
        name="network",
        title="Neural network",
        idea="Mixes the columns into some dozens of new ones, bends each, and mixes those into the "
        "answer; all weights of the mixtures are corrected a little after every few rows.",
        tasks=_REGRESSION,
        estimator="groundup.neural_network:MLPRegressor",
        defaults=_NETWORK,
        sized=network_start,
        space=spaces.network,
        start={"layers": len(HIDDEN), "units": HIDDEN[0]},
        scales_target=True,
        ignored=("ConvergenceWarning",),
        cost=network_seconds,
        cost_grows="with the rows times the columns",
    ),
]


def ladder(task: str, seed: int = 0, n_rows: int = 1_000) -> list[Candidate]:
    """Return the rungs for a task, the baseline first, then from simple to flexible.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    seed : int, default=0
        The ``random_state`` of the models that draw at random.
    n_rows : int, default=1_000
        The rows that a model is fitted to: some begin with parameters that suit their number.

    Examples
    --------
    >>> [candidate.name for candidate in ladder("binary")]  # doctest: +NORMALIZE_WHITESPACE
    ['baseline', 'logistic', 'naive_bayes', 'tree', 'neighbors', 'forest', 'boosting',
     'support_vectors', 'network']
    """
    rungs = [candidate.for_rows(n_rows) for candidate in LADDER if task in candidate.tasks]
    return [
        replace(rung, defaults={**rung.defaults, "random_state": seed})
        if "random_state" in rung.defaults
        else rung
        for rung in rungs
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
