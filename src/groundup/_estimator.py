"""The contract of every estimator: validate once, drain the steps, call back.

An algorithm is a generator that yields its state after every step, as a dictionary of fitted
attributes.  `Estimator.fit` turns that generator into scikit-learn's ``fit``:

    validate X, y, sample_weight and the parameters, once
    for state in self._steps(X, y, sample_weight):
        tell the callbacks, who may ask for a fitted estimator of this very step, or to stop
    set what the last step yielded as attributes

What is yielded are the algorithm's live arrays.  They are copied only when a callback asks for a
snapshot, so a fit that nobody watches pays nothing, and a watched one ends with the same bits.

References
----------
.. [1] The callback protocol of scikit-learn 1.9, ``sklearn.callback``.
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import assert_all_finite, compute_class_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from groundup._blocks import all_finite, thread_count

State = dict[str, Any]
Steps = Generator[State, None, None]
Result = TypeVar("Result")


class _InterruptedAfterAStep(KeyboardInterrupt):
    """Ctrl-C, where the estimator holds the last whole step."""


def unchanged_if_refused(method: Callable[..., Result]) -> Callable[..., Result]:
    """Return `method` such that the estimator's attributes are as they were if it raises.

    New columns or classes beside an old state would read what is not there.  What the method
    changes in place it has to copy first.
    """

    @functools.wraps(method)
    def learn(self, *args, **kwargs):
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except _InterruptedAfterAStep:
            raise
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return learn


class Estimator(CallbackSupportMixin, BaseEstimator):
    """Base of all estimators: owns ``fit``, and asks the algorithm for its steps.

    A concrete class declares ``_parameter_constraints``, writes `_steps`, and predicts.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    # The types that X may keep; the first one is what it becomes if it has none of them.
    _dtypes: ClassVar[tuple[type, ...]] = (np.float64,)

    @classmethod
    @functools.cache
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature anew at every fit: a third of one on 150 rows.
        return super()._get_param_names()

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from `X` (and `y`), step by step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; 1 for each by default.

        Returns
        -------
        self : estimator
            Holds the state of the last step.

        Raises
        ------
        ValueError
            If a parameter or the data are not what the estimator can learn from.
        KeyboardInterrupt
            After Ctrl-C, once the step under way is finished; that step's state is kept.
        """
        return self._fit(X, y, sample_weight)

    def _steps(self, X: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> Steps:
        """Yield the fitted attributes after every step; each state must be enough to predict.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), C-contiguous, read-only
            float64, or another of the class's ``_dtypes`` where it came as that.
        y : read-only ndarray or None
            For a classifier int64 codes of shape (n_samples,), indices into ``classes_``; for a
            regressor float64 of shape (n_samples,) or, where the estimator's tags allow several
            targets, (n_samples, n_targets).
        sample_weight : ndarray of shape (n_samples,), float64, read-only, or None
            Class weights are multiplied in.
        """
        raise NotImplementedError

    def _check_parameters(self, X: np.ndarray, y: Any) -> None:
        """Raise a ValueError for parameters that do not go together or do not suit the data."""

    def _max_steps(self) -> int | None:
        """Return the most steps that `_steps` may take, for progress bars; None if unknown."""
        return getattr(self, "max_iter", 1)

    @with_callbacks
    @unchanged_if_refused
    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        self._validate_params()
        thread_count(getattr(self, "n_jobs", None))  # n_jobs=0 is refused before any work
        X_given, y_given, weight_given = X, y, sample_weight
        X, y, sample_weight = self._validated(X, y, sample_weight)
        self._check_parameters(X, y)
        steps = self._steps(X, y, sample_weight)
        if not getattr(self, "_skl_callbacks", None):
            return self._drain(steps)
        metadata = {} if weight_given is None else {"sample_weight": weight_given}
        return self._drain_with_callbacks(steps, X_given, y_given, metadata)

    def _drain(self, steps: Steps) -> Self:
        n_steps = 0
        state: State = {}
        with closing(steps), _held_interrupt() as interrupted:
            for latest in steps:
                state = latest
                n_steps += 1
                if interrupted:
                    break
        return self._keep(state, n_steps, interrupted)

    def _drain_with_callbacks(self, steps: Steps, X: Any, y: Any, metadata: dict) -> Self:
        n_steps, max_steps = 0, self._max_steps()
        state: State = {}
        seen = {"estimator": self, "X": X, "y": y, "metadata": metadata}

        def snapshot() -> State:
            return {name: _copied(value) for name, value in state.items()}

        fit_context = self._init_callback_context(max_subtasks=max_steps)
        fit_context.call_on_fit_task_begin(**seen)
        with closing(steps), _held_interrupt() as interrupted:
            while n_steps != max_steps:
                step_context = fit_context.subcontext(task_name="step")
                step_context.call_on_fit_task_begin(**seen)
                try:
                    state = next(steps)
                except StopIteration:
                    # Only now is it known that there was no such step: it ends as an empty task.
                    step_context.call_on_fit_task_end(**seen)
                    break
                n_steps += 1
                stop = step_context.call_on_fit_task_end(**seen, reconstruction_attributes=snapshot)
                if stop or interrupted:
                    break
            else:
                next(steps, None)  # what stands behind the last step: a convergence warning
        self._keep(state, n_steps, interrupted)
        fit_context.call_on_fit_task_end(**seen, reconstruction_attributes=snapshot)
        return self

    def _keep(self, state: State, n_steps: int, interrupted: list) -> Self:
        for name, value in state.items():
            setattr(self, name, value)
        if interrupted:
            raise _InterruptedAfterAStep(
                f"{type(self).__name__}.fit was interrupted after step {n_steps}. "
                "The estimator holds that step and can predict."
            )
        return self

    def _validated(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Check all that ``fit`` was given; return read-only arrays in the kernels' layout."""
        tags = self.__sklearn_tags__()
        y = y if tags.target_tags.required else None
        layout: dict[str, Any] = {**_LAYOUT, "dtype": self._dtypes}
        if _is_plain(X, self._dtypes) and (
            not tags.target_tags.required or _is_plain_target(y, len(X))
        ):
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
        elif not tags.target_tags.required:
            X = validate_data(self, X, **layout)
        else:
            X, y = validate_data(
                self,
                X,
                y,
                multi_output=tags.target_tags.multi_output,
                y_numeric=not is_classifier(self),
                **layout,
            )
        self._check_values(X)
        if y is not None:
            y = self._encoded(y) if is_classifier(self) else np.ascontiguousarray(y, np.float64)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        if getattr(self, "class_weight", None) is not None:
            sample_weight = self._class_weighted(y, sample_weight)
        return read_only(X), read_only(y), read_only(sample_weight)

    def _validated_more(
        self, X: Any, y: Any, sample_weight: Any, *, first: bool, classes: Any = None
    ) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Check what ``partial_fit`` was given; return what `_validated` does for ``fit``.

        The `first` call says which columns and classes there are, later ones have to agree.
        """
        X, y = validate_data(
            self,
            X,
            y,
            reset=first,
            multi_output=self.__sklearn_tags__().target_tags.multi_output,
            y_numeric=not is_classifier(self),
            **{**_LAYOUT, "dtype": self._dtypes},
        )
        self._check_values(X)
        if is_classifier(self):
            _check_partial_fit_first_call(self, classes)
            y = self._codes_of_known(y)
        else:
            y = np.ascontiguousarray(y, np.float64)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        if getattr(self, "class_weight", None) is not None:
            sample_weight = self._class_weighted(y, sample_weight)
        self._check_parameters(X, y)
        return read_only(X), read_only(y), read_only(sample_weight)

    def _codes_of_known(self, y: np.ndarray) -> np.ndarray:
        """Return each target's index into ``classes_``, which ``partial_fit`` was given."""
        if y.dtype.kind not in "iu":
            check_classification_targets(y)
        codes = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        unknown = self.classes_[codes] != y
        if unknown.any():
            raise ValueError(
                f"y holds {y[unknown].tolist()[0]!r}, which is not among classes, "
                f"{self.classes_.tolist()}. Name all classes in the first call of partial_fit."
            )
        return codes.astype(np.int64, copy=False)

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        """Set ``classes_`` and return each target's index into them."""
        whole = y.ndim == 1 and y.dtype.kind in "iu"
        if not whole:
            check_classification_targets(y)
        self.classes_, codes = _distinct(y)
        if whole and 2 * len(self.classes_) > len(y):
            check_classification_targets(y)  # warns that this may be a regression
        return codes

    def _class_weighted(self, codes: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
        # w_i = sample_weight_i * class_weight[y_i]
        per_class = compute_class_weight(
            self.class_weight,
            classes=self.classes_,
            y=self.classes_[codes],
            sample_weight=sample_weight,
        )
        return per_class[codes] if sample_weight is None else per_class[codes] * sample_weight

    def __sklearn_is_fitted__(self) -> bool:
        # What a refused fit leaves behind does not count.
        return any(
            name.endswith("_") and not name.startswith("_") and name not in _SET_BY_VALIDATION
            for name in vars(self)
        )

    def _validated_for_prediction(self, X: Any) -> np.ndarray:
        """Return `X` as read-only and C-contiguous, of shape (n_samples, n_features_in_)."""
        check_is_fitted(self)
        if (
            not _is_plain(X, self._dtypes)
            or X.shape[1] != self.n_features_in_
            or hasattr(self, "feature_names_in_")
        ):
            X = validate_data(self, X, reset=False, **{**_LAYOUT, "dtype": self._dtypes})
        self._check_values(X)
        return read_only(X)

    def _seen(self) -> dict[str, Any]:
        """Return what is known of the last fit's columns and classes."""
        return {name: vars(self)[name] for name in _SET_BY_VALIDATION if name in vars(self)}

    def _require_as_seen(self, before: dict[str, Any]) -> None:
        """Raise a ValueError where a warm start would go on with other columns or classes."""
        now = self._seen()
        for name in sorted(before.keys() | now.keys()):
            if not np.array_equal(np.asarray(before.get(name)), np.asarray(now.get(name))):
                raise ValueError(
                    f"{type(self).__name__}(warm_start=True) was fitted to other data: {name} was "
                    f"{before.get(name)}, now it is {now.get(name)}. Set warm_start=False to begin "
                    "anew."
                )

    def _check_values(self, X: np.ndarray) -> None:
        """Raise a ValueError for infinity, and for NaN unless the tags say that it is allowed."""
        if not all_finite(X):
            assert_all_finite(
                X,
                allow_nan=self.__sklearn_tags__().input_tags.allow_nan,
                estimator_name=type(self).__name__,
                input_name="X",
            )


_SET_BY_VALIDATION = {"n_features_in_", "feature_names_in_", "classes_"}

# The kernels' layout; that the values are finite, the base class sees for itself, in parallel.
_LAYOUT: dict[str, Any] = {"order": "C", "ensure_all_finite": False}


def _copied(value: Any) -> Any:
    """Copy an array, or a list of arrays and other values."""
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def _is_plain(X: Any, dtypes: tuple[type, ...] = (np.float64,)) -> bool:
    """Tell whether `X` is already what ``validate_data`` would make of it.

    That function knows every kind of table and takes 100 to 200 microseconds to say that an array
    is an array: as long as a whole fit on 150 rows.
    """
    return (
        type(X) is np.ndarray
        and X.dtype in dtypes
        and X.ndim == 2
        and X.flags.c_contiguous
        and min(X.shape) >= 1
    )


def _is_plain_target(y: Any, n_samples: int) -> bool:
    return (
        type(y) is np.ndarray
        and y.shape == (n_samples,)
        and y.dtype.kind in "iuf"
        and bool(np.isfinite(y).all())
    )


def _distinct(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values of `y`, ascending, and each one's index among them (int64)."""
    if y.ndim == 1 and y.dtype.kind in "iu" and len(y):
        low, high = int(y.min()), int(y.max())
        if low > -(2**62) and high < 2**62 and high - low < len(y):
            # Whole numbers close together: counting them takes a tenth of sorting them.
            above_low = np.subtract(y, low, dtype=np.int64)
            present = np.bincount(above_low) > 0
            return y.dtype.type(low) + np.flatnonzero(present).astype(y.dtype), (
                np.cumsum(present) - 1
            )[above_low]
    values, codes = np.unique(y, return_inverse=True)
    return values, codes.astype(np.int64, copy=False)


def read_only(array: np.ndarray | None) -> Any:
    """Return a view of `array` that cannot be written to, as the kernels expect their inputs."""
    if array is None:
        return None
    view = array.view()
    view.flags.writeable = False
    return view


@contextmanager
def _held_interrupt() -> Iterator[list]:
    """Hold Ctrl-C back until the step under way is finished, so that no state is half updated.

    Yields a list that is empty until the first Ctrl-C.  A second one interrupts at once.
    """
    interrupted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.getsignal(signal.SIGINT)
    if (
        before is not signal.default_int_handler
    ):  # somebody else handles it: a test runner, a server
        yield interrupted
        return

    def hold(signal_number, frame):
        if interrupted:
            signal.default_int_handler(signal_number, frame)
        interrupted.append(signal_number)

    signal.signal(signal.SIGINT, hold)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
