"""The outcome of a split: which rows train and which test, and the Python that says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from groundup.workflow.dealing import Dealer, Fold
from groundup.workflow.findings import Finding
from groundup.workflow.python_source import literal

Method = Literal["time", "group", "stratified", "random", "file"]


@dataclass(frozen=True)
class Split:
    """Which rows train, which test, and the folds of the training rows.

    Parameters
    ----------
    train, test : int ndarrays
        Positions of the rows, ascending.
    folds : list of (fit, validate) int ndarrays
        Positions within the training rows, ascending.
    method : {"time", "group", "stratified", "random", "file"}
        ``"file"``: the test rows come from a file of their own, and all rows train.
    why : str
    features : list of str
        The columns of ``X`` in `code`: the audit's features before it looked at the target.
    n_parts : int, default=5
        The test rows are one of this many parts.
    column : str or None
        The column of times or of groups.
    dealer : Dealer or None
        What dealt the rows out, unless it was time.
    findings : list of Finding
    """

    train: np.ndarray
    test: np.ndarray
    folds: list[Fold]
    method: Method
    why: str
    features: list[str]
    n_parts: int = 5
    column: str | None = None
    dealer: Dealer | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def keeps_copies_together(self) -> bool:
        """Whether rows equal in every feature stand on one side."""
        return (
            self.method in ("stratified", "random")
            and self.dealer is not None
            and self.dealer.keys is not None
        )

    def imports(self) -> dict[str, str]:
        """Return the names that `code` uses with their modules, for `import_lines`."""
        if self.dealer is None or self.method == "file":
            return {}
        names = {type(self.dealer.splitter(self.n_parts)).__name__: "sklearn.model_selection"}
        return names | {"np": "numpy"} if self.keeps_copies_together else names

    def code(self) -> str:
        """Return the lines of Python that make the same split.

        They expect ``X`` (DataFrame of the columns `features`, with the rows that have a target),
        ``y`` and ``SEED``, the lines of `imports`, and for groups ``data``, of which X is a part.
        They leave ``X_train``, ``X_test``, ``y_train`` and ``y_test``.
        """
        if self.method == "file":
            return "X_train, y_train = X, y\n"
        if self.method == "time":
            return (
                "# The latest rows are the test rows; rows of one time stay together.\n"
                f"when = X[{literal(self.column)}]\n"
                'cutoff = when.sort_values(na_position="first")'
                f".iloc[len(when) - len(when) // {self.n_parts}]\n"
                "test = (when >= cutoff).to_numpy()\n"
                "X_train, X_test = X[~test], X[test]\n"
                "y_train, y_test = y[~test], y[test]\n"
            )
        assert self.dealer is not None
        name = type(self.dealer.splitter(self.n_parts)).__name__
        lines = f"splitter = {name}(n_splits={self.n_parts}, shuffle=True, random_state=SEED)\n"
        if self.keeps_copies_together:
            lines += (
                "# Rows equal in every column are dealt out as one, and stay together.\n"
                "groups = X.groupby(list(X.columns), dropna=False, sort=False).ngroup()\n"
                "first = np.unique(groups, return_index=True)[1]\n"
            )
            if self.dealer.most:
                lines += (
                    "# What repeats more often than that trains.\n"
                    f"first = first[np.bincount(groups) <= {self.dealer.most}]\n"
                )
            return lines + (
                "dealt = first[next(splitter.split(first, y.iloc[first]))[1]]\n"
                "test = np.isin(groups, groups.iloc[dealt])\n"
                "X_train, X_test = X[~test], X[test]\n"
                "y_train, y_test = y[~test], y[test]\n"
            )
        if self.method == "group":
            lines += (
                "# All rows of one group stay on one side.\n"
                f"groups = data[{literal(self.column)}]\n"
                "train, test = next(splitter.split(X, y, groups))\n"
            )
        else:
            lines += "train, test = next(splitter.split(X, y))\n"
        return lines + (
            "X_train, X_test = X.iloc[train], X.iloc[test]\n"
            "y_train, y_test = y.iloc[train], y.iloc[test]\n"
        )
