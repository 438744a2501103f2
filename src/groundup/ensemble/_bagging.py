r"""Bagging: fit the same kind of model on many bootstraps of the rows, and take the mean.

A model that follows its training rows closely changes with them.  Fit it on T bootstraps
(`_bootstrap`) and average,

    f(x) = 1/T sum_t f_t(x) ,

and what differs between the models cancels out, while what they agree on stays: the variance goes
down, the bias does not change.  It pays for models that vary much (deep trees, one neighbour), and
does nothing for stable ones (linear regression).  Each model may also see its own draw of the
columns.  A forest is bagged trees that draw new columns at every node (`_forest`); it is faster,
since it bins the rows once.

References
----------
.. [1] L. Breiman, "Bagging predictors", Machine Learning 24(2), 1996.
.. [2] T. K. Ho, "The random subspace method for constructing decision forests", IEEE Transactions
   on Pattern Analysis and Machine Intelligence 20(8), 1998.
"""

from __future__ import annotations

import math
import warnings
from contextlib import closing
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.ensemble._base import _set_random_states
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt
from sklearn.utils._tags import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from groundup._blocks import thread_count
from groundup._estimator import Estimator
from groundup.ensemble._bootstrap import Bootstrap, number_of_draws
from groundup.ensemble._in_order import in_order
from groundup.ensemble._out_of_bag import OutOfBag

MOST_SEEDS = np.iinfo(np.int32).max


class _Draws:
    """Which rows and columns each model sees; its seed says it all."""

    def __init__(self, bagging: Bagging, n: int, p: int, weight: np.ndarray | None):
        self.n, self.p, self.weight = n, p, weight
        self.bootstrap = Bootstrap(n, weight, bagging.max_samples) if bagging.bootstrap else None
        self.n_rows = number_of_draws(n, weight, bagging.max_samples)
        asked = bagging.max_features
        self.n_columns = asked if isinstance(asked, Integral) else max(1, int(asked * p))
        self.columns_again = bagging.bootstrap_features

    def rows(self, seed: int) -> np.ndarray:
        if self.bootstrap is not None:
            return self.bootstrap.rows(seed)
        if self.n_rows == self.n:
            return np.arange(self.n)
        chance = None if self.weight is None else self.weight / self.weight.sum()
        return np.random.RandomState(seed).choice(self.n, self.n_rows, replace=False, p=chance)

    def columns(self, seed: int) -> np.ndarray:
        if self.n_columns == self.p and not self.columns_again:
            return np.arange(self.p)
        rng = np.random.RandomState(seed ^ 1)
        return rng.choice(self.p, self.n_columns, replace=self.columns_again)


class Bagging(Estimator):
    """What both kinds of bagging share; not to be used by itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "max_features": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "bootstrap": ["boolean"],
        "bootstrap_features": ["boolean"],
        "oob_score": ["boolean"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    _default: ClassVar[type[Estimator]]

    def __init__(
        self,
        estimator=None,
        n_estimators=10,
        *,
        max_samples=None,
        max_features=1.0,
        bootstrap=True,
        bootstrap_features=False,
        oob_score=False,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.max_features = max_features
        self.bootstrap = bootstrap
        self.bootstrap_features = bootstrap_features
        self.oob_score = oob_score
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self._model()).input_tags.allow_nan
        return tags

    def _model(self) -> Any:
        return self._default() if self.estimator is None else self.estimator

    def _models_before(self) -> list:
        """Return the models that a warm start keeps."""
        return list(getattr(self, "estimators_", [])) if self.warm_start else []

    def _max_steps(self):
        return max(1, self.n_estimators - len(self._models_before()))

    def _check_parameters(self, X, y):
        name, p, n_before = type(self).__name__, X.shape[1], len(self._models_before())
        if isinstance(self.max_features, Integral) and self.max_features > p:
            raise ValueError(
                f"{name}(max_features={self.max_features}) is more than the {p} columns of X."
            )
        if self.oob_score and not self.bootstrap:
            raise ValueError(
                f"{name}(bootstrap=False, oob_score=True): only a bootstrap leaves rows out of the "
                "bag; set bootstrap=True or oob_score=False."
            )
        if n_before > self.n_estimators:
            raise ValueError(
                f"{name}(warm_start=True) has {n_before} models already, more than n_estimators="
                f"{self.n_estimators}; give at least {n_before}, or set warm_start=False."
            )

    def _steps(self, X, y, sample_weight):
        n, p = X.shape
        if sample_weight is not None and not 0.0 < sample_weight.sum() < math.inf:
            raise ValueError(
                f"The sample weights add up to {sample_weight.sum()}; at least one row needs a "
                "positive weight, and the sum must be finite."
            )
        draws = _Draws(self, n, p, sample_weight)
        possible = n if sample_weight is None else np.count_nonzero(sample_weight)
        if not self.bootstrap and draws.n_rows > possible:
            raise ValueError(
                f"{type(self).__name__}(bootstrap=False) draws without replacement, but "
                f"max_samples={self.max_samples} asks for {draws.n_rows} of {possible} rows."
            )
        seeds = check_random_state(self.random_state).randint(MOST_SEEDS, size=self.n_estimators)
        before = self._models_before()
        if before:
            seeds[: len(before)] = self._seeds[: len(before)]
        return self._bag(X, y, draws, seeds, before)

    def _bag(self, X, y, draws, seeds, before):
        template = self._model()
        weighs = has_fit_parameter(template, "sample_weight")
        out_of_bag = OutOfBag(len(X), self._n_values()) if self.oob_score else None

        def fitted(t):
            """Return model t, its columns and its answers for the rows out of its bag."""
            seed = int(seeds[t])
            rows, columns = draws.rows(seed), draws.columns(seed)
            counts = np.bincount(rows, minlength=len(X))
            if t < len(before):
                model = before[t]
            else:
                model = clone(template)
                _set_random_states(model, seed)
                if weighs:
                    model.fit(X[:, columns], y, sample_weight=counts.astype(np.float64))
                else:
                    model.fit(X[np.ix_(rows, columns)], y[rows])
            unseen = np.flatnonzero(counts == 0) if self.oob_score else []
            return model, columns, unseen, len(unseen) and self._answer(model, X[unseen], columns)

        models, columns_of = [], []
        with closing(in_order(fitted, range(len(seeds)), thread_count(self.n_jobs))) as newly:
            for model, columns, unseen, answers in newly:
                models.append(model)
                columns_of.append(columns)
                if len(unseen):
                    out_of_bag.add_rows(unseen, answers)
                if len(models) <= len(before) and len(models) < len(seeds):
                    continue
                state = {"estimators_": list(models), "estimators_features_": list(columns_of)}
                state |= {"estimator_": template, "_seeds": seeds, "_draws": draws}
                if out_of_bag is not None:
                    state |= self._judged(y, out_of_bag.mean())
                yield state
        if len(before) == len(seeds):
            warnings.warn(
                f"A warm start with n_estimators={len(seeds)}, which there are already, fits "
                "nothing.",
                stacklevel=2,
            )
        if out_of_bag is not None and not out_of_bag.n_trees.all():
            warnings.warn(
                f"{np.count_nonzero(out_of_bag.n_trees == 0)} of {len(y)} rows were drawn for "
                "every model, so they have no out-of-bag prediction and count as 0 in oob_score_. "
                "Fit more models.",
                stacklevel=2,
            )

    def _n_values(self) -> int:
        """Return the number of values in an answer."""
        return 1

    def _answer(self, model: Any, X: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return a model's answers: (n_samples, k)."""
        raise NotImplementedError

    def _judged(self, y: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
        """Return the out-of-bag attributes for the mean answers (n, k)."""
        raise NotImplementedError

    @property
    def estimators_samples_(self) -> list[np.ndarray]:
        """The rows that each model was fitted on."""
        check_is_fitted(self)
        return [self._draws.rows(int(seed)) for seed in self._seeds[: len(self.estimators_)]]

    def _mean(self, answer: Any, X: np.ndarray) -> np.ndarray:
        """Return the mean of ``answer(model, X, columns)`` over the models."""
        X = self._validated_for_prediction(X)
        pairs = list(zip(self.estimators_, self.estimators_features_, strict=True))
        total: Any = 0.0
        with closing(
            in_order(lambda pair: answer(pair[0], X, pair[1]), pairs, thread_count(self.n_jobs))
        ) as answers:
            for one in answers:
                total = total + one
        return total / len(pairs)
