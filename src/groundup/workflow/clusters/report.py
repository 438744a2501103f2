"""The report of a run without a target: what its pages say beside the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.workflow.clusters import report_charts as charts
from groundup.workflow.clusters import report_charts_evidence as weighed
from groundup.workflow.clusters import report_words
from groundup.workflow.report import date_words, rows_read
from groundup.workflow.report_charts import Chart
from groundup.workflow.report_columns import column_rows
from groundup.workflow.report_text import number, percent, plain
from groundup.workflow.report_words import file_words, is_used

_PAGES = {
    "answer": "clusters_answer.html",
    "stages": ["stages_table.html", "stage_prepare.html", "clusters_stages.html"],
    "closing": "clusters_closing.html",
}
_MOST_PICTURES = 8
_AGREEMENT = 0.05  # an adjusted Rand index below it is no agreement to speak of


def cluster_context(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates say beside the run itself.

    Parameters
    ----------
    run : mapping
        The content of ``run.json``; parts may be absent after a run that was stopped.
    """
    evidence, described = run.get("evidence") or {}, run.get("describe") or {}
    rows = column_rows(run.get("columns") or [], rows_read(run), rows_read(run))
    drawn = cluster_charts(run, rows)
    all_stages = report_words.stages(run)
    columns = run.get("columns") or []
    n_clusters = evidence.get("n_clusters") or 0
    left_out = described.get("left_out") or []
    return {
        "run": run,
        "title": _title(evidence),
        "pages": _PAGES,
        "charts": drawn,
        "maps": [name for name in drawn if name.startswith("map_")],
        "curves": [name for name in drawn if name.startswith("curve_")],
        "pictures": [name for name in drawn if name.startswith("picture_")],
        "stages": all_stages,
        "stage_of": {stage.id: stage for stage in all_stages},
        "findings": run.get("findings") or [],
        "cautions": report_words.cautions(run),
        "judgement": report_words.judgement(run),
        "audit_words": report_words.audit_words(columns),
        "file_words": file_words(run.get("data") or {}),
        "columns": rows,
        "leaks": False,
        "n_features": sum(map(is_used, columns)),
        "rows_used": rows_read(run),
        "prepared": sum(map(is_used, columns)),
        "n_clusters": n_clusters,
        "portraits": _portraits(run),
        "compared": [_compared(row) for row in described.get("compared") or []],
        "agreeing": [row for row in left_out if row["agreement"] >= _AGREEMENT],
        "disagreeing": [row["column"] for row in left_out if row["agreement"] < _AGREEMENT],
        "family_keys": [
            (family, colour)
            for family, colour in weighed.FAMILY_COLOURS.items()
            if family in (evidence.get("curves") or {})
        ],
        "cluster_keys": [(i + 1, charts.colour(i + 1)) for i in range(n_clusters)],
        "created": date_words(run.get("created")),
    }


def _title(evidence: Mapping[str, Any]) -> str:
    if not evidence:
        return "Report"
    if evidence.get("n_clusters"):
        return "Clusters"
    undecided = {"no grouping holds": "No grouping that holds", "cannot tell": "Too few rows"}
    return undecided.get(evidence.get("kind") or "", "No clusters")


def cluster_charts(run: Mapping[str, Any], columns: list[dict[str, Any]]) -> dict[str, Chart]:
    """Return every chart that the run has figures for, by the name the templates use."""
    from groundup.workflow import report_charts_data as data
    from groundup.workflow import report_charts_explore as explore

    evidence, described = run.get("evidence") or {}, run.get("describe") or {}
    portraits = described.get("clusters") or []
    found: dict[str, Chart | None] = {
        "sizes": charts.sizes(portraits, evidence.get("unassigned") or 0, rows_read(run)),
        "missing": data.missing_cells(columns),
        "correlations": explore.correlations((run.get("explore") or {}).get("correlations") or {}),
        "null": weighed.null_test(evidence.get("null") or {}),
        "dendrogram": weighed.dendrogram(described.get("dendrogram") or {}),
        "stability": weighed.stability(evidence.get("stability") or [], portraits),
        "seconds": data.stage_seconds(run.get("seconds") or {}),
    }
    for part in described.get("maps") or []:
        found[f"map_{part['kind']}"] = charts.row_map(part)
    for measure in weighed.MEASURES:
        found[f"curve_{measure}"] = weighed.curve(measure, evidence)
    common = [str(p["number"]) for p in portraits]
    for i, picture in enumerate((described.get("pictures") or [])[:_MOST_PICTURES]):
        found[f"picture_{i}"] = explore.picture(picture, "cluster", None, common)
    return {name: chart for name, chart in found.items() if chart is not None}


def _portraits(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the portraits with what the page draws beside them."""
    evidence = run.get("evidence") or {}
    stability = evidence.get("stability") or []
    found = []
    for portrait in (run.get("describe") or {}).get("clusters") or []:
        i = portrait["number"] - 1
        found.append(
            {
                **portrait,
                "colour": charts.colour(portrait["number"]),
                "stability": stability[i] if i < len(stability) else None,
            }
        )
    return found


def _compared(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write the values of a column in every cluster."""
    cells = []
    for value in row["values"]:
        shown = value["value"]
        if shown is None:
            cells.append("")
        elif "share" in value:
            cells.append(f"{plain(shown, 24)} ({percent(value['share'])})")
        else:
            cells.append(number(shown) if not isinstance(shown, str) else plain(shown, 24))
    return {"column": row["column"], "kind": row["kind"], "cells": cells}
