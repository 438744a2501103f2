"""New rows, assigned to the clusters of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.workflow.clusters.assign import Assigner
from groundup.workflow.clusters.blank import missing_cells, missing_notes
from groundup.workflow.table import DataError

if TYPE_CHECKING:
    import pandas as pd

    from groundup.bundle import Bundle


def assigned(bundle: Bundle, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the columns ``cluster``, ``sure``, ``distance``, ``outlier``, ``note`` of new rows.

    Parameters
    ----------
    bundle : Bundle
        Of the task "clustering".
    rows : DataFrame of shape (n, >= n_features)

    Raises
    ------
    DataError
        The notes in the bundle do not fit its model.
    """
    try:
        assigner = Assigner.from_notes(bundle.pipeline[-1], bundle.score or {})
    except (TypeError, ValueError) as error:
        raise DataError(f"cannot use the model {str(bundle.folder)!r}: {error}") from None
    if len(rows) == 0:
        empty = np.empty(0)
        return {"cluster": empty, "sure": empty, "distance": empty, "outlier": empty, "note": []}
    names = [column.name for column in bundle.schema]
    X = bundle.pipeline[:-1].transform(rows[names])
    missing = missing_cells(bundle.pipeline, rows[names])
    found = assigner.assign(np.ascontiguousarray(X, dtype=np.float64), missing == len(names))
    return {
        "cluster": found.cluster,
        "sure": found.sure,
        "distance": found.distance,
        "outlier": found.outlier,
        "note": missing_notes(missing, len(names)),
    }
