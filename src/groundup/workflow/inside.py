"""What the final model is made of, in figures: support vectors, weights, averages.

Only for models whose parts are too many to be listed: their number says how the model works.
"""

from __future__ import annotations

from typing import Any

from groundup.workflow.candidate import innermost


def inside(name: str, model: Any, n_rows: int) -> dict[str, Any] | None:
    """Count what the model is made of.

    Parameters
    ----------
    name : str
        Of its rung.
    model : fitted estimator
    n_rows : int
        How many rows it was fitted to.

    Returns
    -------
    part : dict or None
        The part ``"inside"`` of ``run.json``, for support vectors, naive Bayes and a network:
        ``"kind"``, the name of the rung, and figures.
    """
    model = innermost(model)
    if name == "support_vectors":
        n = len(model.support_)
        return {"kind": name, "support_vectors": n, "rows": n_rows, "share": n / n_rows}
    if name == "naive_bayes":
        classes, columns = model.theta_.shape
        return {"kind": name, "classes": int(classes), "columns": int(columns)}
    if name == "network":
        weights = sum(w.size for w in (*model.coefs_, *model.intercepts_))
        layers = [int(model.coefs_[0].shape[0]), *(int(w.shape[1]) for w in model.coefs_)]
        part = {"kind": name, "layers": layers, "weights": int(weights)}
        return {**part, "epochs": int(model.n_iter_)}
    return None
