"""How well each column alone predicts the target, on the training rows.

One column that predicts almost everything is either the heart of the matter or a leak that its
values do not prove (see `leaks`). Only somebody who knows how the data came about can tell, so such
a column is named in a warning, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from groundup.workflow.column_words import has_word, word_set
from groundup.workflow.columns import Columns, thinned
from groundup.workflow.findings import Finding

# One column alone: from here on the score asks for an explanation.
_SUSPICIOUS = {"binary": 0.98, "multiclass": 0.98, "regression": 0.95}
_SCORE_WORDS = {"binary": "ROC AUC", "multiclass": "accuracy", "regression": "R²"}
# ... and from here on, if the name is that of something known only once it is over.
_SUSPICIOUS_BY_NAME = {"binary": 0.75, "multiclass": 0.80, "regression": 0.60}
_KNOWN_AFTERWARDS = word_set(
    "duration elapsed secs seconds outcome result closed ended finished resolved final "
    "discharge cancelled cancellation refund"
)


def suspicions(
    columns: Columns,
    y: pd.Series,
    task: str,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    texts: Sequence[str] = (),
) -> tuple[list[Finding], dict[str, float]]:
    """Score each column alone, and name those that are suspiciously strong.

    Parameters
    ----------
    columns, y, task
        As in `leaks`.
    folds : sequence of (fit, validate) position arrays
    texts : sequence of str, default=()
        Columns of running text, which are not scored.

    Returns
    -------
    findings : list of Finding
    scores : dict of str to float
        For each column the cross-validated score of a small model on it alone.
    """
    scores = {
        name: one_column_score(columns.frame[name], columns.kinds[name], y, task, folds)
        for name in columns.named()
        if name not in texts
    }
    findings = []
    for name, score in scores.items():
        by_name = has_word(name, _KNOWN_AFTERWARDS)
        if score < (_SUSPICIOUS_BY_NAME if by_name else _SUSPICIOUS)[task]:
            continue
        because = ", and its name is that of something known only afterwards" if by_name else ""
        findings.append(
            Finding(
                "leak-suspected",
                "audit",
                f"{name} alone predicts {y.name} with {_SCORE_WORDS[task]} {score:.3f}{because}.",
                why="If it is not known at the time of prediction, the score promises too much.",
                action="Kept, since strength alone proves nothing; ask when its value is known, "
                "and leave it out if that is after the outcome.",
                severity="warning",
                columns=(name,),
                evidence={"score": score, "measure": _SCORE_WORDS[task]},
            )
        )
    return findings, scores


def one_column_score(
    x: pd.Series,
    kind: str,
    y: pd.Series,
    task: str,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
) -> float:
    """Score a small model on one column by cross-validation over the last three folds.

    Numbers and dates go to a decision tree of depth 6; for texts the prediction is the average of
    the target over the rows with the same text. ROC AUC, accuracy or R² according to the task.
    """
    from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if task == "regression":
        target = y.to_numpy(dtype=np.float64)
        n_classes = 0
    else:
        target, classes = pd.factorize(y, sort=True)
        n_classes = len(classes)
    if kind == "text":
        codes = pd.factorize(x, use_na_sentinel=False)[0]
    else:
        values = x.astype("datetime64[us]").astype(np.int64) if kind == "date" else x
        column = values.to_numpy(dtype=np.float64, na_value=np.nan)[:, None]  # (n, 1)
        if kind == "date":
            column[x.isna().to_numpy()] = np.nan

    scores = []
    for fit, validate in list(folds)[-3:]:
        fit, validate = thinned(fit), thinned(validate)
        leaf = max(5, len(fit) // 100)
        if kind == "text":
            predicted = _same_text_average(codes, target, n_classes, fit, validate)
        elif task == "regression":
            tree = DecisionTreeRegressor(max_depth=6, min_samples_leaf=leaf, random_state=0)
            predicted = tree.fit(column[fit], target[fit]).predict(column[validate])
        else:
            tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=leaf, random_state=0)
            tree.fit(column[fit], target[fit])
            predicted = np.zeros((len(validate), n_classes))
            predicted[:, tree.classes_] = tree.predict_proba(column[validate])
        if task == "regression":
            scores.append(r2_score(target[validate], predicted))
        elif task == "multiclass":
            scores.append(accuracy_score(target[validate], predicted.argmax(axis=1)))
        elif len(np.unique(target[validate])) == 2:
            scores.append(roc_auc_score(target[validate], predicted[:, 1]))
    return float(np.mean(scores)) if scores else 0.5


def _same_text_average(
    codes: np.ndarray, target: np.ndarray, n_classes: int, fit: np.ndarray, validate: np.ndarray
) -> np.ndarray:
    """Average target (or class shares) of the fitted rows with the same text, drawn to the mean."""
    n_codes = codes.max() + 1
    outcomes = np.eye(n_classes)[target] if n_classes else target[:, None]  # (n, k)
    rows = np.bincount(codes[fit], minlength=n_codes)
    sums = np.column_stack(
        [np.bincount(codes[fit], weights=column, minlength=n_codes) for column in outcomes[fit].T]
    )
    mean = outcomes[fit].mean(axis=0)
    # Five rows' worth of the overall mean: a text seen once says little.
    averages = (sums + 5 * mean) / (rows + 5)[:, None]
    averages = averages[codes[validate]]
    return averages if n_classes else averages[:, 0]
