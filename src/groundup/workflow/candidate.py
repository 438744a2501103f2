"""A rung of the ladder: a model with its idea, what it starts from, and what it costs."""

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

# Rows, columns of the prepared table, and classes (0 for regression), to seconds.
Cost = Callable[[int, int, int], float]


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
    sized : callable or None, default=None
        ``sized(n_rows) -> parameters``: what it starts from besides, by the number of rows that it
        is fitted to.
    space : callable or None, default=None
        ``space(trial, n_rows) -> parameters``: what tuning may try. None: there is nothing to tune.
    start : mapping, default={}
        What `space` has to be told for it to propose the defaults, where it names them otherwise.
    for_a_score : mapping, default={}
        Parameters that override all others where a model is fitted for its score alone: they spare
        time, and leave the score as it is.
    scales_target : bool, default=False
        Whether the target is brought to mean 0 and standard deviation 1 before the model sees it,
        and its predictions back (regression only).
    ignored : tuple of str, default=()
        Names of the warnings that say nothing new about this model.
    cost : callable or None, default=None
        ``cost(rows, columns, classes) -> seconds``, about: what a fit takes on one processor. Given
        for a model that takes much longer than the others on some tables; it is left out there.
    cost_grows : str, default=""
        What its time grows with, for a reader: ``"with the square of the rows"``.

    Examples
    --------
    >>> candidate = Candidate("bayes", "Naive Bayes", "Multiplies.", ("binary",),
    ...                       "sklearn.naive_bayes:GaussianNB", {"var_smoothing": 0.1})
    >>> candidate.class_name
    'GaussianNB'
    >>> candidate.build()
    GaussianNB(var_smoothing=0.1)
    """

    name: str
    title: str
    idea: str
    tasks: tuple[str, ...]
    estimator: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    sized: Callable[[int], dict[str, Any]] | None = None
    space: Space | None = None
    start: Mapping[str, Any] = field(default_factory=dict)
    for_a_score: Mapping[str, Any] = field(default_factory=dict)
    scales_target: bool = False
    ignored: tuple[str, ...] = ()
    cost: Cost | None = None
    cost_grows: str = ""

    def for_rows(self, n_rows: int) -> Candidate:
        """Return the candidate with what it starts from on a table of so many rows."""
        if self.sized is None:
            return self
        return replace(self, defaults={**self.defaults, **self.sized(n_rows)})

    @property
    def module_name(self) -> str:
        """The module to import the class from."""
        return self.estimator.partition(":")[0]

    @property
    def class_name(self) -> str:
        """The name of the estimator's class."""
        return self.estimator.partition(":")[2]

    def build(self, params: Mapping[str, Any] | None = None, *, for_a_score: bool = False) -> Any:
        """Return a new, unfitted estimator with the defaults, overridden by `params`.

        Parameters
        ----------
        params : mapping, optional
        for_a_score : bool, default=False
            Whether only its score is asked for.
        """
        model = self.inner(params, for_a_score=for_a_score)
        if self.scales_target:
            from sklearn.compose import TransformedTargetRegressor
            from sklearn.preprocessing import StandardScaler

            model = TransformedTargetRegressor(model, transformer=StandardScaler())
        return model

    def inner(self, params: Mapping[str, Any] | None = None, *, for_a_score: bool = False) -> Any:
        """Return the estimator itself, without what scales its target."""
        estimator_class = getattr(import_module(self.module_name), self.class_name)
        spared = self.for_a_score if for_a_score else {}
        return estimator_class(**{**self.defaults, **(params or {}), **spared})

    def worth_telling(self, warnings: list[str]) -> list[str]:
        """Return the warnings of its fits, each ``"Category: text"``, without the ignored ones."""
        return [text for text in warnings if text.partition(":")[0] not in self.ignored]


def innermost(model: Any) -> Any:
    """Return the fitted model inside what scales its target, or the model as it is."""
    return getattr(model, "regressor_", model)
