"""What every public estimator must do, whatever its algorithm."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from public_estimators import public_estimators
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_classification, make_regression
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

CLASSES = public_estimators()
each_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)

# A check of scikit-learn's that an estimator does not pass, and why.
_ONE_STEP_A_ROW = {
    "check_sample_weight_equivalence_on_dense_data": (
        "stochastic descent: a weight scales a row's step, a repeated row takes two steps"
    )
}
_DRAWN_BY_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": (
        "bootstrap: a weight changes a row's chance, a repeated row also how many rows are drawn"
    )
}
_TIES_BY_ROUNDING = {
    "check_sample_weight_equivalence_on_dense_data": (
        "weights that are no whole numbers: rounding decides between splits that are worth the "
        "same, and from there on the rounds differ (as scikit-learn's do)"
    )
}
_SEEDED_BY_ORDER = {
    "check_sample_weight_equivalence_on_dense_data": (
        "seeding: a weight and a repeated row have the same chance, but one draw falls on other "
        "rows in another order, and k-means ends where its start leads (as scikit-learn's does)"
    )
}
_SOLVED_TO_TOL = {
    "check_sample_weight_equivalence_on_dense_data": (
        "the dual is solved until it violates its conditions by at most tol: the check compares "
        "seven digits of two solutions that agree to three (as scikit-learn's do)"
    )
}
_ROWS_IN_RANDOM_ORDER = {
    "check_sample_weight_equivalence_on_dense_data": (
        "descent in the dual takes the rows in random order and stops within tol of the minimum: a "
        "weight and a repeated row lead to the same minimum, but not to the same last digits"
    )
}
_ONE_STEP_A_BATCH = {
    "check_sample_weight_equivalence_on_dense_data": (
        "stochastic descent: a weight scales a row's part of a step, a repeated row has parts in "
        "several steps"
    )
}
_WHOLE_NUMBERS = dict.fromkeys(
    (
        "check_sample_weight_equivalence_on_dense_data",
        "check_classifiers_one_label_sample_weights",
    ),
    "the check's values are fractions, which are no categories and refused as such",
)
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "AdaBoostClassifier": _TIES_BY_ROUNDING,
    "CategoricalNB": _WHOLE_NUMBERS,
    "KMeans": _SEEDED_BY_ORDER,
    "LinearSVC": _ROWS_IN_RANDOM_ORDER,
    "LinearSVR": _ROWS_IN_RANDOM_ORDER,
    "MiniBatchKMeans": _SEEDED_BY_ORDER,
    "OneClassSVM": _SOLVED_TO_TOL,
    "NetworkClassifier": _ONE_STEP_A_BATCH,
    "NetworkRegressor": _ONE_STEP_A_BATCH,
    "RandomForestClassifier": _DRAWN_BY_WEIGHT,
    "RandomForestRegressor": _DRAWN_BY_WEIGHT,
    "SGDClassifier": _ONE_STEP_A_ROW,
    "SGDRegressor": _ONE_STEP_A_ROW,
    "SVC": _SOLVED_TO_TOL,
    "SVR": _SOLVED_TO_TOL,
}

# Estimators that scikit-learn has no class for.
WITHOUT_TWIN = {"NetworkClassifier", "NetworkRegressor"}

# Parameters that scikit-learn's class of the same name does not have.
OWN_PARAMETERS: dict[str, tuple[str, ...]] = {
    "DecisionTreeClassifier": ("max_bins",),
    "DecisionTreeRegressor": ("max_bins",),
    "ExtraTreesClassifier": ("max_bins",),
    "ExtraTreesRegressor": ("max_bins",),
    "MLPClassifier": ("steps",),
    "MLPRegressor": ("steps",),
    "RandomForestClassifier": ("max_bins",),
    "RandomForestRegressor": ("max_bins",),
}

# Parameters whose default is another one than scikit-learn's, and why.
OTHER_DEFAULTS: dict[str, dict[str, str]] = {
    "SVC": {
        "probability": "False: 'deprecated', the same there, warns of its removal; here "
        "it is supported"
    },
}

# Lighter than the default where many rows are fitted five times: a tenth of it shows the same.
LIGHTER: dict[str, dict[str, int]] = {
    "ExtraTreesClassifier": {"n_estimators": 10},
    "ExtraTreesRegressor": {"n_estimators": 10},
    "NetworkClassifier": {"max_epochs": 2},
    "NetworkRegressor": {"max_epochs": 2},
    "RandomForestClassifier": {"n_estimators": 10},
    "RandomForestRegressor": {"n_estimators": 10},
    "MLPClassifier": {"max_iter": 20},
    "MLPRegressor": {"max_iter": 20},
    "TSNE": {"max_iter": 250},
}
# What scikit-learn's checks, of ten to some hundred rows, have to be given.
SMALLER: dict[str, dict[str, int]] = {"TSNE": {"max_iter": 250, "perplexity": 2}}
# Where scikit-learn has the class of the same name, if not in the package of the same name.
TWIN_PACKAGES = {"TSNE": "manifold"}
# The most rows of a fit in these checks, where the default is too many for a test.
MOST_ROWS = {"TSNE": 3_000}

# Estimators in which float32 stays float32: its digits are others than those of float64.
KEEPS_FLOAT32 = {"MLPClassifier", "MLPRegressor"}

# Estimators for which infinity is a value like any other, only larger; their own tests show it.
TAKES_INFINITY = {"HDBSCAN", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}


def _seeded(cls, **parameters):
    """Make an estimator whose randomness, if it has any, is fixed."""
    if "random_state" in inspect.signature(cls).parameters:
        parameters.setdefault("random_state", 0)
    if "max_epochs" in inspect.signature(cls).parameters:
        parameters.setdefault("max_epochs", 50)  # of 200: what is checked shows in a quarter
    return cls(**parameters)


def _data(cls, n_samples=400, n_features=7, seed=0):
    if is_classifier(cls()):
        X, y = make_classification(
            n_samples, n_features, n_informative=5, n_classes=3, random_state=seed
        )
        return _as_it_takes_them(X, cls().__sklearn_tags__().input_tags), y
    return make_regression(n_samples, n_features, noise=10.0, random_state=seed)


def _as_it_takes_them(X, tags):
    """Shift the rows to where an estimator of counts or categories can learn from them."""
    if tags.categorical:
        return np.round(X - X.min())
    return X - X.min() if tags.positive_only else X


def _fitted_values(estimator) -> dict[str, np.ndarray]:
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and isinstance(value, np.ndarray) and value.dtype != object
    }


def _answers(estimator, X) -> list[np.ndarray]:
    """Everything that the fitted estimator says of `X`."""
    methods = ("predict", "predict_proba", "decision_function", "transform", "kneighbors")
    answers = []
    for method in methods:
        if hasattr(estimator, method):
            answer = getattr(estimator, method)(X)
            answers.extend(answer if isinstance(answer, tuple) else [answer])
    return answers


def _assert_same_bits(first, second, X):
    one, two = _fitted_values(first), _fitted_values(second)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    for a, b in zip(_answers(first, X), _answers(second, X), strict=True):
        np.testing.assert_array_equal(a, b)


class Watcher:
    """A callback that asks for a fitted estimator at every step, and may stop the fit."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.fitted = []
        self.begun = self.ended = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended += 1
        if context.task_name != "step" or fitted_estimator is None:
            return False
        self.fitted.append(fitted_estimator)
        return len(self.fitted) == self.stop_after


@parametrize_with_checks(
    [_seeded(cls, **SMALLER.get(cls.__name__, {})) for cls in CLASSES],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_scikit_learn_check(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@each_class
def test_watching_changes_no_bit(cls):
    X, y = _data(cls)
    watcher = Watcher()
    watched = _seeded(cls).set_callbacks(watcher).fit(X, y)
    _assert_same_bits(watched, _seeded(cls).fit(X, y), X)
    assert watcher.begun == watcher.ended
    assert len(watcher.fitted) >= 1


@each_class
def test_every_step_can_predict_and_stays_what_it_was(cls):
    X, y = _data(cls)
    watcher = Watcher()
    final = _seeded(cls).set_callbacks(watcher).fit(X, y)
    answers = [_answers(step, X) for step in watcher.fitted]
    assert all(np.isfinite(a).all() for step in answers for a in step if a.dtype.kind == "f")
    for last, now in zip(answers[-1], _answers(final, X), strict=True):
        np.testing.assert_array_equal(last, now)


@each_class
def test_a_callback_can_stop_the_fit(cls):
    X, y = _data(cls)
    watcher = Watcher(stop_after=1)
    stopped = _seeded(cls).set_callbacks(watcher).fit(X, y)
    assert len(watcher.fitted) == 1
    for first, now in zip(_answers(watcher.fitted[0], X), _answers(stopped, X), strict=True):
        np.testing.assert_array_equal(first, now)


@each_class
@pytest.mark.parametrize("n_samples", [150, 20_000])
def test_one_thread_equals_two_to_the_bit(cls, n_samples):
    X, y = _data(cls, min(n_samples, MOST_ROWS.get(cls.__name__, n_samples)))
    lighter = LIGHTER.get(cls.__name__, {}) if n_samples > 1_000 else {}
    with threadpool_limits(1):
        one = _seeded(cls, **lighter).fit(X, y)
        answers_one = _answers(one, X[:500])
    two = _seeded(cls, **lighter).fit(X, y)
    for a, b in zip(answers_one, _answers(two, X[:500]), strict=True):
        np.testing.assert_array_equal(a, b)
    _assert_same_bits(one, two, X[:500])
    if "n_jobs" in inspect.signature(cls).parameters:
        for n_jobs in (1, 2, -1):
            _assert_same_bits(one, _seeded(cls, n_jobs=n_jobs, **lighter).fit(X, y), X[:500])


@each_class
def test_same_seed_same_bits_and_clone_starts_afresh(cls):
    X, y = _data(cls)
    first = _seeded(cls).fit(X, y)
    _assert_same_bits(first, clone(first).fit(X, y), X)


@each_class
@pytest.mark.parametrize(
    "through",
    [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_fitted_estimator_survives(cls, through):
    X, y = _data(cls)
    fitted = _seeded(cls).fit(X, y)
    _assert_same_bits(fitted, through(fitted), X)


@each_class
def test_feature_names_are_kept_and_checked(cls):
    X, y = _data(cls)
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(X.shape[1])])
    fitted = _seeded(cls).fit(frame, y)
    assert fitted.n_features_in_ == X.shape[1]
    assert list(fitted.feature_names_in_) == list(frame.columns)
    _assert_same_bits(fitted, fitted, frame)
    if _answers(fitted, frame):
        with pytest.raises(ValueError, match="feature names"):
            _answers(fitted, frame[frame.columns[::-1]])
    fitted.fit(X, y)
    assert not hasattr(fitted, "feature_names_in_")


@each_class
def test_set_output_gives_a_frame(cls):
    if not hasattr(cls, "fit_transform"):
        assert not hasattr(cls, "set_output")
        return
    X, y = _data(cls)
    estimator = _seeded(cls).set_output(transform="pandas")
    assert isinstance(estimator.fit_transform(X, y), pd.DataFrame)
    if hasattr(cls, "transform"):
        assert isinstance(estimator.transform(X), pd.DataFrame)


@each_class
def test_progress_bar_and_scoring_monitor(cls, capsys):
    if not (is_classifier(cls()) or is_regressor(cls())):
        pytest.skip("has no score to monitor")
    X, y = _data(cls)
    monitor = ScoringMonitor(scoring="accuracy" if is_classifier(cls()) else "r2")
    fitted = _seeded(cls).set_callbacks(ProgressBar(), monitor).fit(X, y)
    scores = [row for row in monitor.get_logs().data if row["task_name"] == "step"]
    assert scores[-1][next(iter(scores[-1].keys() & {"accuracy", "r2"}))] == pytest.approx(
        fitted.score(X, y)
    )
    assert cls.__name__ in capsys.readouterr().out


@each_class
def test_inputs_are_left_alone(cls):
    X, y = _data(cls)
    X_before, y_before = X.copy(), y.copy()
    _answers(_seeded(cls).fit(X, y), X)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)
    assert X.flags.writeable


@each_class
@pytest.mark.parametrize("layout", ["fortran", "float32", "strided", "list"])
def test_the_layout_of_the_input_does_not_matter(cls, layout):
    if layout == "float32" and cls.__name__ in KEEPS_FLOAT32:
        pytest.skip("float32 stays float32")
    X, y = _data(cls, n_samples=120)
    X = X.astype(np.float32).astype(np.float64)
    forms = {
        "fortran": np.asfortranarray,
        "float32": lambda A: A.astype(np.float32),
        "strided": lambda A: np.repeat(A, 2, axis=0)[::2],
        "list": np.ndarray.tolist,
    }
    _assert_same_bits(_seeded(cls).fit(X, y), _seeded(cls).fit(forms[layout](X), y), X)


@each_class
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(cls, bad):
    if np.isnan(bad) and cls().__sklearn_tags__().input_tags.allow_nan:
        pytest.skip("takes missing values")
    if cls.__name__ in TAKES_INFINITY:
        pytest.skip("takes infinite values")
    X, y = _data(cls, n_samples=20_000)
    X[-1, -1] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        _seeded(cls).fit(X, y)


@each_class
def test_parameters_are_those_of_scikit_learn(cls):
    if cls.__name__ in WITHOUT_TWIN:
        pytest.skip("scikit-learn has no such class")
    module = TWIN_PACKAGES.get(cls.__name__, cls.__module__.split(".")[1])
    twin = getattr(__import__(f"sklearn.{module}", fromlist=[cls.__name__]), cls.__name__)
    ours = {k: p.default for k, p in inspect.signature(cls).parameters.items()}
    theirs = {k: p.default for k, p in inspect.signature(twin).parameters.items()}
    own = {name: ours.pop(name) for name in OWN_PARAMETERS.get(cls.__name__, ())}
    for name in OTHER_DEFAULTS.get(cls.__name__, ()):
        assert ours.pop(name) != theirs.pop(name)
    assert ours == theirs
    assert own.keys().isdisjoint(theirs)


@each_class
def test_docstring_has_parameters_attributes_source_and_example(cls):
    text = inspect.getdoc(cls)
    for section in ("Parameters\n---", "Attributes\n---", "References\n---", "Examples\n---"):
        assert section in text, f"{cls.__name__} has no section {section.splitlines()[0]}"
    for name in inspect.signature(cls).parameters:
        assert f"\n{name} : " in text, f"{cls.__name__} does not document {name}"
