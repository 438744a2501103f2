"""What the boosting classifier and the boosting regressor share; the idea stands in `_boosting`."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import (
    _check_monotonic_cst,
    _check_sample_weight,
    _check_y,
    check_is_fitted,
    validate_data,
)

from groundup._blocks import thread_count
from groundup._estimator import Estimator, Steps, read_only
from groundup.ensemble._boosting import Rounds, boost
from groundup.ensemble._boosting_growing import BoostGrowth, TreeGrower
from groundup.ensemble._boosting_view import ReadByScikitLearn
from groundup.ensemble._categories import as_table, find_categories
from groundup.ensemble._constraints import interaction_groups
from groundup.ensemble._early_stopping import Evaluation, Sample, hold_out, rows_to_score
from groundup.ensemble._losses import Loss
from groundup.tree._binning import Binning, bin_columns
from groundup.tree._traversal import add_values, pack

MIN_HESSIAN = 1e-3  # of a leaf, as in scikit-learn and LightGBM
AUTO_STOPPING_ABOVE = 10_000  # rows
ONE_THREAD_BELOW = 100_000  # values: on a small table threads wait more than they work
LAYOUT: dict[str, Any] = {"dtype": np.float64, "order": "C", "ensure_all_finite": False}


class HistGradientBoosting(ReadByScikitLearn, Estimator):
    """Base of the two estimators: parameters, validation, the loop's steps, raw predictions."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_leaf_nodes": [Interval(Integral, 2, None, closed="left"), None],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "l2_regularization": [Interval(Real, 0, None, closed="left")],
        "max_features": [Interval(RealNotInt, 0, 1, closed="right")],
        "monotonic_cst": ["array-like", dict, None],
        "interaction_cst": [list, tuple, StrOptions({"pairwise", "no_interactions"}), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_bins": [Interval(Integral, 2, 255, closed="both")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "warm_start": ["boolean"],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "scoring": [str, callable, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ):
        """Boost trees on `X` and `y`, one step a round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows; NaN is missing, infinity is an extreme value.
        y : array-like of shape (n_samples,)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; a row of weight 0 counts as absent.
        X_val : array-like of shape (n_val, n_features), default=None
            Rows for early stopping, instead of some held out from `X`.
        y_val : array-like of shape (n_val,), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter or the data are not what the estimator can learn from.
        KeyboardInterrupt
            After Ctrl-C, once the round under way is finished; the rounds so far are kept.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(
                "X_val and y_val go together; "
                f"{'X_val' if X_val is None else 'y_val'} was not provided."
            )
        if X_val is not None and self.early_stopping is False:
            raise ValueError(
                "X_val and y_val serve early stopping, but early_stopping is False; "
                "set early_stopping to 'auto' or True."
            )
        self._validation_given = None if X_val is None else (X_val, y_val, sample_weight_val)
        try:
            return self._fit(X, y, sample_weight)
        finally:
            del self._validation_given

    def _loss_of(self, y: np.ndarray) -> Loss:
        """Return the loss, or raise a ValueError if it cannot be computed for these targets."""
        raise NotImplementedError

    # ------------------------------------------------------------------ what goes in

    def _validated(self, X, y, sample_weight):
        X_given, before = X, self._seen()
        known_before = getattr(getattr(self, "_categories", None), "known", None)
        self._categories = None
        by_dtype = isinstance(self.categorical_features, str)
        if self.categorical_features is not None and (hasattr(X, "columns") or not by_dtype):
            found = find_categories(X, self.categorical_features, self.max_bins, sample_weight)
            if found is not None:
                self._categories, X = found
        X, y, sample_weight = super()._validated(X, y, sample_weight)
        if self._categories is not None:
            validate_data(self, as_table(X_given), skip_check_array=True)  # the columns' names
        if self._goes_on():
            self._require_as_seen(before)
            if known_before != (None if self._categories is None else self._categories.known):
                raise ValueError(
                    f"{type(self).__name__}(warm_start=True) was fitted to other categories; set "
                    "warm_start=False to begin anew."
                )
        return X, y, sample_weight

    def _validated_for_prediction(self, X):
        check_is_fitted(self)
        return self._rows(X)

    def _rows(self, X: Any) -> np.ndarray:
        """Return rows that are not for training as read-only C-contiguous float64."""
        if self._categories is None:
            return read_only(validate_data(self, X, reset=False, **LAYOUT))
        X = as_table(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return read_only(self._categories.encode(X))

    def _check_values(self, X):
        """Accept every value: NaN is missing, and infinity is larger than all others."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_parameters(self, X, y):
        loss = self._loss_of(y)
        interaction_groups(self.interaction_cst, X.shape[1])
        monotonic = self._monotonic()
        if self.monotonic_cst is not None and loss.n_trees > 1:
            raise ValueError(
                "monotonic constraints are not supported for multiclass classification: "
                "each class has trees of its own, and a probability depends on all of them."
            )
        if self._categories is not None and monotonic[self._categories.is_categorical].any():
            raise ValueError(
                "Categorical features cannot have monotonic constraints: they have no order."
            )
        if not self._goes_on():
            return
        if self.max_iter < self.n_iter_:
            raise ValueError(
                f"max_iter={self.max_iter} must be larger than or equal to "
                f"n_iter_={self.n_iter_} when warm_start==True; raise it, or set "
                "warm_start=False to begin anew."
            )

    # ------------------------------------------------------------------ the steps

    def _goes_on(self) -> bool:
        """Tell whether this fit adds to the rounds of the last one."""
        return bool(self.warm_start) and getattr(self, "n_iter_", 0) > 0

    def _max_steps(self):
        return self.max_iter - (self.n_iter_ if self._goes_on() else 0)

    def _steps(self, X, y, sample_weight) -> Steps:
        n_threads = thread_count() if X.size >= ONE_THREAD_BELOW else 1
        loss, goes_on = self._loss_of(y), self._goes_on()
        if not goes_on:
            # A warm start goes on with the same held-out rows and the same choices of columns.
            seeds = check_random_state(self.random_state)
            self._split_seed = seeds.randint(np.iinfo(np.uint32).max, dtype="u8")
            self._growth_seed = int(seeds.randint(np.iinfo(np.uint32).max, dtype="u8"))
        sample = Sample(X, np.asarray(y, dtype=np.float64), sample_weight).counting()
        stops = self._stops_early(len(sample.y))
        train, validation = self._split(sample) if stops else (None, None)

        is_categorical = None if self._categories is None else self._categories.is_categorical
        binning = bin_columns(sample.X, self.max_bins, is_categorical, n_threads)
        codes = binning.codes(sample.X, n_threads)
        y, weight = sample.y, sample.weight
        if train is not None:
            codes, y = np.take(codes, train, axis=0), y[train]
            weight = None if weight is None else weight[train]
        grower = self._grower(codes, binning, n_threads)

        if goes_on:
            start, rounds = self._baseline_prediction, self._rounds
            raw = self._raw(sample.X if train is None else sample.X[train], start, rounds)
            raw = np.ascontiguousarray(raw.T)  # (n_trees, n)
        else:
            start, rounds = loss.start(y, weight)[np.newaxis], Rounds()  # (1, n_trees)
            raw = np.repeat(start.T, len(y), axis=1)
        evaluation = Evaluation(
            loss,
            validation,
            None if validation is None else self._raw(validation.X, start, rounds),
            {name: getattr(self, name) for name in Evaluation.CURVES} if goes_on else None,
        )
        if stops and self.scoring == "loss":
            evaluation.score_losses()
        elif stops:
            classes = y if is_classifier(self) else None
            some = rows_to_score(len(y), classes, self._split_seed)
            scored = sample.take(some if train is None else train[some])
            evaluation.score_with(check_scoring(self, self.scoring), scored, some)

        state = {
            "_baseline_prediction": start,
            "_weighted": sample_weight is not None,
            "do_early_stopping_": stops,
            "is_categorical_": is_categorical,
            "n_trees_per_iteration_": loss.n_trees,
        }
        if goes_on and stops and evaluation.should_stop(self.n_iter_no_change, self.tol):
            return  # the last fit had ended already
        numbers = range(len(rounds.trees), self.max_iter)
        for trees, train_loss in boost(
            grower,
            loss,
            y,
            weight,
            raw,
            numbers,
            self._growth_seed,
            self.learning_rate,
            None if self.monotonic_cst is None else self._monotonic(),
            n_threads,
        ):
            if not trees and goes_on:
                continue  # what was true before the first of these rounds is known
            rounds = Rounds((*rounds.trees, trees)) if trees else rounds
            state |= {"_rounds": rounds, "n_iter_": len(rounds.trees)}
            state |= evaluation.after(
                trees, train_loss, raw, functools.partial(self._so_far, state)
            )
            if trees:
                yield dict(state)
                if stops and evaluation.should_stop(self.n_iter_no_change, self.tol):
                    return

    def _stops_early(self, n_samples: int) -> bool:
        if self.early_stopping == "auto":
            return self._validation_given is not None or n_samples > AUTO_STOPPING_ABOVE
        return bool(self.early_stopping)

    def _split(self, sample: Sample) -> tuple[np.ndarray | None, Sample | None]:
        """Return the training rows' numbers, None for all, and the validation rows."""
        if self._validation_given is not None:
            return None, self._validation_sample(*self._validation_given)
        if self.validation_fraction is None:
            return None, None
        classes = sample.y if is_classifier(self) else None
        train, held_out = hold_out(
            len(sample.y), self.validation_fraction, classes, self._split_seed
        )
        return train, sample.take(held_out)

    def _validation_sample(self, X: Any, y: Any, weight: Any) -> Sample:
        X = self._rows(X)
        y = _check_y(y, estimator=self, y_numeric=not is_classifier(self))
        check_consistent_length(X, y)
        if is_classifier(self):
            codes = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
            if unseen := set(np.unique(y[self.classes_[codes] != y]).tolist()):
                raise ValueError(f"y_val has classes that y does not have: {unseen}.")
            y = codes
        y = np.asarray(y, dtype=np.float64)
        self._loss_of(y)
        if weight is not None:
            weight = _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
        return Sample(X, y, weight).counting()

    def _grower(self, codes: np.ndarray, binning: Binning, n_threads: int) -> TreeGrower:
        growth = BoostGrowth(
            max_leaf_nodes=-1 if self.max_leaf_nodes is None else int(self.max_leaf_nodes),
            max_depth=-1 if self.max_depth is None else int(self.max_depth),
            min_samples_leaf=int(self.min_samples_leaf),
            min_hessian=MIN_HESSIAN,
            l2=float(self.l2_regularization),
            max_features=float(self.max_features),
            learning_rate=float(self.learning_rate),
        )
        groups = interaction_groups(self.interaction_cst, codes.shape[1])
        return TreeGrower(codes, binning, growth, self._monotonic(), groups, n_threads)

    def _monotonic(self) -> np.ndarray:
        return _check_monotonic_cst(self, self.monotonic_cst).astype(np.int8)

    def _so_far(self, state: dict[str, Any], known: tuple[np.ndarray, np.ndarray]) -> Any:
        """Return an estimator of the rounds so far, which knows some rows' raw predictions."""
        model = copy.copy(self)
        # The rows are plain arrays, their categories numbered already.
        for name, value in {**state, "_categories": None, "_known": known}.items():
            setattr(model, name, value)
        if hasattr(model, "feature_names_in_"):
            del model.feature_names_in_
        return model

    # ------------------------------------------------------------------ what comes out

    def _raw(self, X: np.ndarray, start: np.ndarray, rounds: Rounds) -> np.ndarray:
        """Return the raw predictions, (n, n_trees), after some rounds."""
        raw = np.repeat(start, len(X), axis=0)
        if rounds.trees:
            add_values(rounds.packed, read_only(X), raw, thread_count(), start.shape[1])
        return raw

    def _raw_predict(self, X: Any) -> np.ndarray:
        """Return the raw predictions, (n, n_trees)."""
        check_is_fitted(self)
        known = getattr(self, "_known", None)
        if known is not None and X is known[0]:
            return known[1]
        X = self._validated_for_prediction(X)
        return self._raw(X, self._baseline_prediction, self._rounds)

    def _staged_raw_predict(self, X: Any) -> Iterator[np.ndarray]:
        """Yield the raw predictions, (n, n_trees), after each round."""
        X = self._validated_for_prediction(X)
        raw = self._raw(X, self._baseline_prediction, Rounds())
        for trees in self._rounds.trees:
            add_values(pack(trees), X, raw, thread_count(), len(trees))
            yield raw.copy()
