"""Split: lock the test rows away before anything is learned from them.

The test score answers for rows that the model has never met, so the split decides which question
it answers. Four methods, the first that fits:

- **time**: where the rows form a series, the latest fifth is the test;
- **group**: where many rows come from one individual, whole individuals go to one side;
- **stratified**, for classes: each side gets the same share of every class;
- **random**, for quantities.

In the last two, copies of a row stay on one side; see `dealing`. The folds within the training rows
are made in the same way. Every split is a few lines of scikit-learn, and `Split.code` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd

from groundup.workflow.audit import Audit
from groundup.workflow.columns import counted, listed, percent
from groundup.workflow.dealing import Copies, Dealer, Fold, copies, folds_in_time
from groundup.workflow.findings import Finding
from groundup.workflow.partition import Method, Split
from groundup.workflow.table import DataError
from groundup.workflow.task import LEAST_ROWS, Task


def make_split(
    frame: pd.DataFrame,
    y: pd.Series,
    task: Task,
    audit: Audit,
    *,
    seed: int,
    test_size: float = 0.2,
    n_folds: int = 5,
    method: Method | None = None,
) -> Split:
    """Split the rows into training and test rows, and the training rows into folds.

    Parameters
    ----------
    frame : DataFrame of shape (n, d)
        The rows that have a target (``table.frame.iloc[audit.rows]``), with all columns.
    y : Series of shape (n,)
        Their target.
    task : {"binary", "multiclass", "regression"}
    audit : Audit
        From `audit_table`: its features, groups and time order.
    seed : int
    test_size : float, default=0.2
        Share of the rows to lock away; taken as 1 / k for the nearest whole k of 2 or more.
    n_folds : int, default=5
        Fewer are made where a class of two has not a row for each.
    method : {"time", "group", "stratified", "random", "file"}, default=None
        By default what the audit's findings call for; with ``"file"`` all rows train, and the folds
        are what they call for.

    Returns
    -------
    Split

    Raises
    ------
    DataError
        If there are fewer than 20 rows, one of two classes has fewer rows than
        1 / `test_size`, or the `method`
        asked for needs a column of times or groups that the audit did not find.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from types import SimpleNamespace as Table
    >>> from groundup.workflow.audit import audit_table
    >>> frame = pd.DataFrame({"size": np.random.default_rng(0).normal(size=50),
    ...                       "sold": ["no", "yes"] * 25})
    >>> columns = [Table(name="size", kind="number"), Table(name="sold", kind="text")]
    >>> audit = audit_table(Table(frame=frame, columns=columns), "sold", "binary")
    >>> split = make_split(frame, frame["sold"], "binary", audit, seed=0)
    >>> split.method, len(split.train), len(split.test)
    ('stratified', 40, 10)
    >>> print(split.code(), end="")
    splitter = StratifiedKFold(n_splits=5, shuffle=True, random_state=SEED)
    train, test = next(splitter.split(X, y))
    X_train, X_test = X.iloc[train], X.iloc[test]
    y_train, y_test = y.iloc[train], y.iloc[test]
    """
    n_parts = max(2, round(1 / test_size))
    _check(y, task, audit, method, n_parts)
    rows = _Rows(
        frame,
        y,
        task,
        audit,
        seed,
        n_parts,
        n_folds,
        hold_back=method != "file",
    )
    chosen = None if method == "file" else method
    findings: list[Finding] = []
    split = None
    if chosen == "time" or (chosen is None and audit.time_ordered):
        split = rows.by_time()
        if split is None:
            findings.append(_cannot_test(audit.time_column, "the latest rows"))
    if split is None and (chosen == "group" or (chosen is None and audit.groups)):
        split = rows.by_group()
        if split is None:
            findings.append(_cannot_test(audit.groups, "whole groups"))
    if split is None and chosen == "random":
        split = rows.that_can_score(rows.at_random(stratified=False))
    if split is None:
        split = rows.at_random(stratified=True)
    if method == "file":
        why = f"the test rows come from a file of their own; folds: {split.why}"
        split = replace(split, method="file", why=why)
    return replace(split, findings=[*findings, *split.findings])


def _check(y: pd.Series, task: str, audit: Audit, method: str | None, n_parts: int) -> None:
    if method is not None and method not in get_args(Method):
        raise DataError(f"there is no split {method!r}; there are {listed(get_args(Method))}")
    if len(y) < LEAST_ROWS:
        raise DataError(
            f"{counted(len(y), 'row')}; at least {LEAST_ROWS} are needed to hold some back for a "
            "test"
        )
    if method == "time" and not audit.time_column:
        raise DataError("a split by time needs a column of times, and none was found")
    if method == "group" and not audit.groups:
        raise DataError("a split by group needs a column of groups, and none was found")
    counts = y.value_counts()
    # So that each part gets one.
    if task == "binary" and counts.iloc[-1] < n_parts:
        raise DataError(
            f"{y.name} is {counts.index[-1]} in {counted(int(counts.iloc[-1]), 'row')} alone; at "
            f"least {n_parts} are needed to learn it and to test it"
        )


@dataclass(frozen=True)
class _Rows:
    """The rows to be split, with all that the methods need."""

    frame: pd.DataFrame
    y: pd.Series
    task: str
    audit: Audit
    seed: int
    n_parts: int
    n_folds: int
    hold_back: bool

    def by_time(self) -> Split | None:
        """Split at a moment; None where later rows cannot test what earlier ones teach."""
        when, n = self.frame[self.audit.time_column], len(self.y)
        cutoff = when.sort_values(na_position="first").iloc[n - n // self.n_parts]
        later = (when >= cutoff).to_numpy() & self.hold_back
        train, test = np.flatnonzero(~later), np.flatnonzero(later)
        # A few times may hold most of the rows.
        if self.hold_back and not 0.5 <= len(test) * self.n_parts / n <= 2:
            return None
        why = f"the rows form a series in {when.name}"
        if self.hold_back:
            held_back = f"those from {_moment(cutoff)} on ({percent(len(test), n)})"
            why += f": earlier ones train, {held_back} test"
        return self.that_can_score(
            Split(
                train,
                test,
                folds_in_time(when.iloc[train], self.n_folds),
                "time",
                why,
                self.audit.features,
                self.n_parts,
                column=self.audit.time_column,
            )
        )

    def by_group(self) -> Split | None:
        """Split by individuals; None where those held back cannot test."""
        groups = pd.factorize(self.frame[self.audit.groups], use_na_sentinel=False)[0]
        dealer = Dealer("group", self.y, self.task != "regression", self.seed, groups)
        try:
            train, test = self._hold_back(dealer)
            folds = dealer.of(train).parts(self.n_folds)
        except ValueError:  # fewer groups, or rows of every class, than parts
            return None
        why = f"rows of one {self.audit.groups} are alike"
        if self.hold_back:
            n_train, n_test = len(set(groups[train])), len(set(groups[test]))
            why += f": {n_train} of them train, {n_test} others test"
        return self.that_can_score(
            Split(
                train,
                test,
                folds,
                "group",
                why,
                self.audit.features,
                self.n_parts,
                column=self.audit.groups,
                dealer=dealer,
            )
        )

    def at_random(self, *, stratified: bool) -> Split:
        """Split by chance, copies kept together."""
        classes = self.task != "regression"
        equal = copies(self.frame[self.audit.features])
        findings = []
        dealer = Dealer("random", self.y, classes, self.seed)
        if equal.coincide:
            findings.append(_coincidences(equal, len(self.y)))
        elif equal.repeated:
            together = replace(dealer, keys=equal.keys, most=equal.most)
            counts = self.y.iloc[together.dealt()].value_counts()
            if self.task != "binary" or counts.reindex(self.y.unique()).min() >= self.n_parts:
                dealer = together
            else:
                findings.append(_coincidences(equal, len(self.y)))

        counts = self.y.iloc[dealer.dealt()].value_counts()
        # scikit-learn asks that one class, at least, has a row for each part; of two, both have.
        enough = self.task == "binary" or counts.iloc[0] >= 2 * max(self.n_parts, self.n_folds)
        if classes and stratified and enough:
            dealer = replace(dealer, method="stratified")
            why = "each side has the same share of every class"
        else:
            too_few = classes and stratified
            why = "the classes have too few rows to share out" if too_few else "by chance"
        if dealer.keys is not None:
            why += f"; {counted(equal.repeated, 'copy', 'copies')} of other rows stay with them"
        if dealer.most:
            why += f", and what repeats more than {dealer.most} times trains"

        train, test = self._hold_back(dealer)
        within = dealer.of(train)
        n_folds = self.n_folds
        if self.task == "binary":
            counts = within.y.iloc[within.dealt()].value_counts()
            n_folds = max(2, min(n_folds, int(counts.iloc[-1])))
        if classes and self.hold_back:
            findings += _absent_classes(self.y, {"training": train, "test": test})
        return Split(
            train,
            test,
            within.parts(n_folds),
            dealer.method,
            why,
            self.audit.features,
            self.n_parts,
            dealer=dealer,
            findings=findings,
        )

    def _hold_back(self, dealer: Dealer) -> Fold:
        """Return the training and the test rows."""
        if self.hold_back:
            return dealer.parts(self.n_parts)[0]
        return np.arange(len(self.y)), np.arange(0)

    def that_can_score(self, split: Split) -> Split | None:
        """Return the split if its test rows and two folds, at least, have what a score needs."""
        if self.task == "regression":
            return split if len(split.folds) >= 2 else None
        y_train, y_test = self.y.iloc[split.train], self.y.iloc[split.test]
        folds = [
            (fit, validate)
            for fit, validate in split.folds
            if _can_score(y_train.iloc[fit], y_train.iloc[validate])
        ]
        if len(folds) < 2 or (self.hold_back and not _can_score(y_train, y_test)):
            return None
        return replace(split, folds=folds)


def _can_score(y_fit: pd.Series, y_validate: pd.Series) -> bool:
    """Whether there are two classes to learn, and to tell apart, and hardly one that is new."""
    return (
        y_fit.nunique() >= 2
        and y_validate.nunique() >= 2
        and y_validate.isin(y_fit.unique()).mean() >= 0.95
    )


def _moment(cutoff: Any) -> str:
    if isinstance(cutoff, pd.Timestamp):
        return cutoff.isoformat(sep=" ").removesuffix(" 00:00:00")
    return f"{cutoff:g}"


def _cannot_test(column: str | None, held_back: str) -> Finding:
    return Finding(
        "split-not-possible",
        "split",
        f"The rows hang together by {column}, but {held_back} cannot serve as a test.",
        why="They hold too many or too few rows, one class alone, or classes that never came "
        "before.",
        action=f"Split without regard to {column}; the score is probably too optimistic.",
        severity="warning",
        columns=(str(column),),
    )


def _coincidences(equal: Copies, n: int) -> Finding:
    return Finding(
        "coinciding-rows",
        "split",
        f"{counted(equal.repeated, 'row')} ({percent(equal.repeated, n)}) equal another in every "
        "feature.",
        why="With so few different rows, equal ones are different cases that look the same, and "
        "new rows will look like old ones just as often.",
        action="Split without keeping equal rows together.",
        evidence={"rows": equal.repeated},
    )


def _absent_classes(y: pd.Series, sides: dict[str, np.ndarray]) -> list[Finding]:
    every: Iterable[Any] = y.unique()
    findings = []
    for side, rows in sides.items():
        absent = sorted(set(every) - set(y.iloc[rows].unique()), key=str)
        if absent:
            findings.append(
                Finding(
                    "class-absent",
                    "split",
                    f"No {side} row has the class {listed(absent)}.",
                    why="The model cannot learn it."
                    if side == "training"
                    else "The test says nothing about it.",
                    action="Left so: the class has too few rows to be on both sides.",
                    severity="warning",
                    columns=(str(y.name),),
                )
            )
    return findings
