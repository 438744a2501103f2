"""Split: lock the test rows away before anything is learned from them.

The test score answers for rows that the model has never met, so the split decides which question
it answers. Four methods, in this order:

- **time**: where the rows form a series, the latest fifth is the test; rows of one time stay together;
- **group**: where many rows come from one individual, whole individuals go to one side;
- **stratified**, for classes: each side gets the same share of every class;
- **random**, for quantities.

In the last two, copies count as one: of each set of rows that are equal in every feature one is
dealt out, and the others follow it, so that no test row can be answered from memory. The same holds
for the folds within the training rows. It does not hold where more than half of the rows repeat
another: then the columns are so coarse that equal rows are coincidences, not copies, and new rows
will repeat old ones just as often.

Every split is a few lines of scikit-learn, and `Split.code` writes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from groundup.workflow.audit import Audit
from groundup.workflow.columns import percent
from groundup.workflow.findings import Finding
from groundup.workflow.python_source import literal
from groundup.workflow.table import DataError
from groundup.workflow.task import LEAST_ROWS

Method = Literal["time", "group", "stratified", "random"]

# Beyond this share of repeated rows, equal rows are taken for coincidences.
_MOST_COPIES = 0.5
# A row repeated more often than this, and in more than 1% of the rows, would unbalance any part.
_COPIES_OF_A_ROW = 10


@dataclass(frozen=True)
class Split:
    """Which rows train, which test, and the folds of the training rows.

    Parameters
    ----------
    train, test : int ndarrays
        Positions of the rows, ascending.
    method : {"time", "group", "stratified", "random"}
    why : str
    folds : list of (fit, validate) int ndarrays
        Positions within the training rows.
    column : str or None
        The column of times or of groups.
    copies : bool
        Whether rows equal in every feature are kept together.
    test_size : float
    findings : list of Finding
    """

    train: np.ndarray
    test: np.ndarray
    method: Method
    why: str
    folds: list[tuple[np.ndarray, np.ndarray]]
    column: str | None = None
    copies: bool = False
    most_copies: int | None = None
    test_size: float = 0.2
    classes: bool = False
    findings: list[Finding] = field(default_factory=list)

    def imports(self) -> list[str]:
        """Return the import lines that `code` needs."""
        if self.method == "time":
            return []
        lines = [f"from sklearn.model_selection import {self._splitter()}"]
        return ["import numpy as np", *lines] if self.copies else lines

    def code(self) -> str:
        """Return the lines of Python that make the same split.

        They expect ``X`` (DataFrame of the audit's features, with the rows that have a target),
        ``y``, ``SEED``, for groups ``data`` (X with its other columns), and the lines of `imports`;
        they leave ``X_train``, ``X_test``, ``y_train`` and ``y_test``.
        """
        n_splits = round(1 / self.test_size)
        if self.method == "time":
            return (
                f"when = X[{literal(self.column)}]  # the latest rows are the test rows\n"
                'cutoff = when.sort_values(na_position="first")'
                f".iloc[int({1 - self.test_size:g} * len(when))]\n"
                "X_train, X_test = X[~(when >= cutoff)], X[when >= cutoff]\n"
                "y_train, y_test = y[~(when >= cutoff)], y[when >= cutoff]\n"
            )
        splitter = f"{self._splitter()}(n_splits={n_splits}, shuffle=True, random_state=SEED)"
        if self.method == "group":
            return (
                f"splitter = {splitter}\n"
                f"groups = data[{literal(self.column)}]  # all rows of one group on the same side\n"
                "train, test = next(splitter.split(X, y, groups))\n"
                "X_train, X_test = X.iloc[train], X.iloc[test]\n"
                "y_train, y_test = y.iloc[train], y.iloc[test]\n"
            )
        if self.copies:
            frequent = (
                f"first = first[np.bincount(groups) <= {self.most_copies}]"
                "  # what repeats more often than that trains\n"
            )
            return (
                f"splitter = {splitter}\n"
                "# Rows equal in every column are dealt out as one, and stay together.\n"
                "groups = X.groupby(list(X.columns), dropna=False, sort=False).ngroup()\n"
                "first = np.unique(groups, return_index=True)[1]\n"
                + (frequent if self.most_copies else "")
                + "dealt = first[next(splitter.split(first, y.iloc[first]))[1]]\n"
                "test = np.isin(groups, groups.iloc[dealt])\n"
                "X_train, X_test = X[~test], X[test]\n"
                "y_train, y_test = y[~test], y[test]\n"
            )
        return (
            f"splitter = {splitter}\n"
            "train, test = next(splitter.split(X, y))\n"
            "X_train, X_test = X.iloc[train], X.iloc[test]\n"
            "y_train, y_test = y.iloc[train], y.iloc[test]\n"
        )

    def _splitter(self) -> str:
        if self.method == "group":
            return "StratifiedGroupKFold" if self.classes else "GroupKFold"
        return "StratifiedKFold" if self.method == "stratified" else "KFold"


def make_split(
    frame: pd.DataFrame,
    y: pd.Series,
    task: str,
    audit: Audit,
    *,
    seed: int,
    test_size: float = 0.2,
    n_folds: int = 5,
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
        Share of the rows to lock away; taken as 1 / k for the nearest whole k.
    n_folds : int, default=5

    Returns
    -------
    Split

    Raises
    ------
    DataError
        If there are fewer than 20 rows.

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
    >>> print(split.code())
    splitter = StratifiedKFold(n_splits=5, shuffle=True, random_state=SEED)
    train, test = next(splitter.split(X, y))
    X_train, X_test = X.iloc[train], X.iloc[test]
    y_train, y_test = y.iloc[train], y.iloc[test]
    <BLANKLINE>
    """
    n = len(frame)
    if n < LEAST_ROWS:
        raise DataError(f"{n} rows; at least {LEAST_ROWS} are needed to hold some back for a test")
    classes = task != "regression"
    X = frame[audit.features]
    findings: list[Finding] = []

    if audit.time_ordered and audit.time_column:
        split = _by_time(frame, y, audit.time_column, classes, test_size, n_folds)
        if split is not None:
            return split
        findings.append(_no_time_split(audit.time_column))
    if audit.groups:
        return _by_group(frame, y, audit.groups, classes, seed, test_size, n_folds, findings)
    return _at_random(X, y, classes, seed, test_size, n_folds, findings)


def _by_time(
    frame: pd.DataFrame,
    y: pd.Series,
    column: str,
    classes: bool,
    test_size: float,
    n_folds: int,
) -> Split | None:
    """Split at a moment; None where the later rows cannot test what the earlier ones teach."""
    when = frame[column]
    cutoff = when.sort_values(na_position="first").iloc[int((1 - test_size) * len(when))]
    later = (when >= cutoff).to_numpy()
    train, test = np.flatnonzero(~later), np.flatnonzero(later)
    if not 0.5 * test_size <= len(test) / len(when) <= 2 * test_size:
        return None  # a few times hold most of the rows
    if classes and set(y.iloc[test]) - set(y.iloc[train]):
        return None
    if classes and y.iloc[test].nunique() < 2:
        return None
    folds = _folds_in_time(when.iloc[train], n_folds)
    if classes:
        codes = y.iloc[train].to_numpy()
        folds = [
            (fit, validate)
            for fit, validate in folds
            if len(set(codes[fit])) > 1 and len(set(codes[validate])) > 1
        ]
    if len(folds) < 2:
        return None
    return Split(
        train,
        test,
        "time",
        f"the rows form a series in {column}: earlier rows train, the {percent(len(test), len(y))} "
        f"from {_moment(cutoff)} on test",
        folds,
        column=column,
        test_size=test_size,
        classes=classes,
    )


def _folds_in_time(when: pd.Series, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Fit on all that came before, validate on the next stretch; equal times stay together."""
    order = when.rank(method="min", na_option="top").to_numpy()  # (n,) 1 for the earliest
    edges = [
        np.partition(order, k)[k] for k in (len(order) * np.arange(1, n_folds + 1)) // (n_folds + 1)
    ]
    folds = []
    for start, end in zip(edges, [*edges[1:], np.inf], strict=True):
        fit = np.flatnonzero(order < start)
        validate = np.flatnonzero((order >= start) & (order < end))
        if len(fit) and len(validate):
            folds.append((fit, validate))
    return folds


def _by_group(
    frame: pd.DataFrame,
    y: pd.Series,
    column: str,
    classes: bool,
    seed: int,
    test_size: float,
    n_folds: int,
    findings: list[Finding],
) -> Split:
    groups = frame[column]
    split = _splitter("group", classes, round(1 / test_size), seed)
    with _rare_classes_are_known():
        train, test = next(split.split(frame, y, groups))
        inner = _splitter("group", classes, min(n_folds, groups.iloc[train].nunique()), seed)
        folds = list(inner.split(frame.iloc[train], y.iloc[train], groups.iloc[train]))
    return Split(
        train,
        test,
        "group",
        f"rows of one {column} are alike: {groups.iloc[train].nunique()} of them train, "
        f"{groups.iloc[test].nunique()} others test",
        folds,
        column=column,
        test_size=test_size,
        classes=classes,
        findings=findings,
    )


def _at_random(
    X: pd.DataFrame,
    y: pd.Series,
    classes: bool,
    seed: int,
    test_size: float,
    n_folds: int,
    findings: list[Finding],
) -> Split:
    method: Method = "stratified" if classes else "random"
    groups = X.groupby(list(X.columns), dropna=False, sort=False).ngroup().to_numpy()
    n_different = int(groups.max()) + 1
    repeated = len(X) - n_different
    copies = 0 < repeated <= _MOST_COPIES * len(X)
    why = "each side has the same share of every class" if classes else "the rows have no order"
    if copies:
        why += f"; {repeated} copies of other rows stay with them"
    else:
        groups = np.arange(len(X))
    if repeated and not copies:
        findings.append(_coincidences(repeated, len(X)))
    sizes = np.bincount(groups)
    most_copies = max(_COPIES_OF_A_ROW, len(X) // 100)
    if (sizes > most_copies).any():
        why += f", and what repeats more than {most_copies} times trains"
    else:
        most_copies = None
    with _rare_classes_are_known():
        splitter = _splitter(method, classes, round(1 / test_size), seed)
        test = _deal(groups, y, splitter, most_copies)[0]
        train = np.flatnonzero(~test)
        splitter = _splitter(method, classes, n_folds, seed)
        validations = _deal(groups[train], y.iloc[train], splitter, most_copies)
    folds = [(np.flatnonzero(~validate), np.flatnonzero(validate)) for validate in validations]
    if classes:
        findings += _absent_classes(y, train, np.flatnonzero(test))
    return Split(
        train,
        np.flatnonzero(test),
        method,
        why,
        folds,
        copies=copies,
        most_copies=most_copies,
        test_size=test_size,
        classes=classes,
        findings=findings,
    )


def _deal(
    groups: np.ndarray, y: pd.Series, splitter: Any, most_copies: int | None
) -> list[np.ndarray]:
    """Deal out one row of each group; the others follow it. Returns masks, one a part."""
    codes = pd.factorize(groups)[0]  # (n,) 0 .. G-1 in order of appearance
    first = np.unique(codes, return_index=True)[1]  # (G,)
    if most_copies:
        first = first[np.bincount(codes) <= most_copies]
    return [
        np.isin(codes, codes[first[dealt]]) for _, dealt in splitter.split(first, y.iloc[first])
    ]


def _splitter(method: Method, classes: bool, n_splits: int, seed: int) -> Any:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if method == "group":
        splitter = StratifiedGroupKFold if classes else GroupKFold
    else:
        splitter = StratifiedKFold if method == "stratified" else KFold
    return splitter(n_splits=n_splits, shuffle=True, random_state=seed)


@contextmanager
def _rare_classes_are_known() -> Iterator[None]:
    """Silence scikit-learn's warning: the audit has already said which classes are rare."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        yield


def _moment(cutoff: Any) -> str:
    if isinstance(cutoff, pd.Timestamp):
        return cutoff.isoformat(sep=" ").removesuffix(" 00:00:00")
    return f"{cutoff:g}"


def _no_time_split(column: str) -> Finding:
    return Finding(
        "no-time-split",
        "split",
        f"The rows are in the order of {column}, but the latest ones cannot serve as a test.",
        why="They hold too many or too few rows, or classes that never came before.",
        action="Split without regard to time; the score is too optimistic for times to come.",
        severity="warning",
        columns=(column,),
    )


def _coincidences(repeated: int, n: int) -> Finding:
    return Finding(
        "coinciding-rows",
        "split",
        f"{repeated} rows ({percent(repeated, n)}) equal another in every feature.",
        why="With so few different values, equal rows are different cases that look the same, and "
        "new rows will look like old ones just as often.",
        action="Split without keeping equal rows together.",
        evidence={"rows": repeated},
    )


def _absent_classes(y: pd.Series, train: np.ndarray, test: np.ndarray) -> list[Finding]:
    absent = {
        side: sorted(set(y) - set(y.iloc[rows]), key=str)
        for side, rows in (("training", train), ("test", test))
    }
    return [
        Finding(
            "class-absent",
            "split",
            f"No {side} row has the class {', '.join(map(str, labels))}.",
            why="The model cannot learn it."
            if side == "training"
            else "The test says nothing about it.",
            action="Kept as it is: the class has too few rows to be on both sides.",
            severity="warning",
            columns=(str(y.name),),
        )
        for side, labels in absent.items()
        if labels
    ]
