"""The report of a run: one HTML page that holds all it needs and asks the network for nothing.

The page is a pure function of ``run.json``. It is written for somebody who has never trained a
model: first the answer, then what to beware of, then the ten stages in their order, each with the
reason for it, what was found, and a picture.

What keeps text of the data from becoming markup, from the inside out:

1. every template escapes by default (Jinja's autoescape), and JSON inside a ``<script>`` has its
   ``<``, ``>`` and ``&`` written as escapes;
2. names of the data are never Vega field paths or expressions (see `report_charts`);
3. the page's own policy allows no script but the two whose SHA-256 it names, and no request at all.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from groundup.workflow import report_text, report_words
from groundup.workflow.metric import METRIC_WORDS
from groundup.workflow.report_charts import CLASS_COLOURS, GREY, METRIC_AXIS, Chart
from groundup.workflow.report_columns import column_rows
from groundup.workflow.report_glossary import GLOSSARY
from groundup.workflow.report_script import chart_script
from groundup.workflow.report_tree import TreeDrawing, tree_drawing

_FEW_CLASSES = 12
_PAGES = {
    "answer": "answer.html",
    "stages": ["stages_data.html", "stages_model.html"],
    "closing": "closing.html",
}


def render_report(run: Mapping[str, Any]) -> str:
    """Return the report of a run as one self-contained HTML page.

    Parameters
    ----------
    run : mapping
        The content of ``run.json``. Parts that are absent, as after a run that was stopped, are
        said to be absent.

    Returns
    -------
    str
        The page, under 2 MB. It can be encoded as UTF-8 whatever the data held.
    """
    script, draw = chart_script(), _template_file("report.js")
    context, glossary = _context, GLOSSARY
    if run.get("task") == "clustering":
        from groundup.workflow.clusters.report import cluster_context
        from groundup.workflow.clusters.report_glossary import CLUSTER_GLOSSARY

        context, glossary = cluster_context, GLOSSARY | CLUSTER_GLOSSARY
    used: list[str] = []
    page = (
        _environment()
        .get_template("report.html")
        .render(
            **context(run),
            used=used,
            glossary=glossary,
            glossary_used=lambda: sorted({glossary[key] for key in used}),
            css=_safe(_template_file("report.css")),
            chart_script=_safe(script),
            draw_script=_safe(draw),
            policy=_policy(script, draw),
        )
    )
    return page.encode("utf-8", "replace").decode()


def write_report(run: Mapping[str, Any], path: str | Path) -> None:
    """Write the report whole or not at all: to a temporary file beside it, then renamed.

    Parameters
    ----------
    run : mapping
        The content of ``run.json``.
    path : path
        The file to write, such as ``report.html``.

    Raises
    ------
    OSError
        If the file cannot be written; what stood there before is still there.
    """
    path = Path(path)
    page = render_report(run).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)  # the file that the user knows of
        raise
    finally:
        temporary.unlink(missing_ok=True)


def charts(run: Mapping[str, Any], columns: Sequence[dict[str, Any]]) -> dict[str, Chart]:
    """Return every chart that the run has figures for, by the name the templates use.

    Parameters
    ----------
    run : mapping
        The content of ``run.json``.
    columns : sequence of dict
        What `column_rows` made of its columns.
    """
    from groundup.workflow import report_charts_data as data
    from groundup.workflow import report_charts_diagnosis as diagnosis
    from groundup.workflow import report_charts_explore as explore
    from groundup.workflow import report_charts_models as models

    metric, target = run.get("metric") or "", run.get("target") or "target"
    part = {key: run.get(key) or {} for key in ("rows", "split", "explore", "tune", "diagnose")}
    test, diagnose = run.get("test") or {}, part["diagnose"]
    of_test = test.get("confusion") or {}
    # with many classes a second large matrix would say little that the first one does not
    few_classes = len(of_test.get("labels") or []) <= _FEW_CLASSES
    about_target = part["explore"].get("target") or {}
    found: dict[str, Chart | None] = {
        "result": models.result(metric, test, diagnose.get("validation")),
        "missing": data.missing_cells(columns),
        "split": data.split_parts(part["split"]),
        "target": data.target_classes(about_target.get("counts") or [])
        or data.target_histogram(about_target.get("histogram") or {}, target),
        "associations": explore.associations(part["explore"].get("associations") or []),
        "correlations": explore.correlations(part["explore"].get("correlations") or {}),
        "models": models.models(metric, run.get("models") or [], run.get("chosen")),
        "trials": models.trials(metric, part["tune"]),
        "learning_curve": diagnosis.learning_curve(metric, diagnose.get("learning_curve") or {}),
        "loss_curve": diagnosis.loss_curve(diagnose.get("loss_curve") or {}),
        "confusion": diagnosis.confusion(diagnose.get("confusion") or {}, "What is taken for what"),
        "calibration": diagnosis.calibration(diagnose.get("calibration") or {}),
        "residuals": diagnosis.residuals(diagnose.get("residuals") or {}, target),
        "importances": models.importances(
            metric, (run.get("explain") or {}).get("importances") or []
        ),
        "test_confusion": diagnosis.confusion(of_test if few_classes else {}, "The test rows"),
        "seconds": data.stage_seconds(run.get("seconds") or {}),
    }
    for i, picture in enumerate((part["explore"].get("pictures") or [])[:8]):
        found[f"picture_{i}"] = explore.picture(
            picture, target, run.get("positive"), explore.common_classes(about_target)
        )
    return {name: chart for name, chart in found.items() if chart is not None}


def _context(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates say beside the run itself."""
    explored = run.get("explore") or {}
    rows = column_rows(
        run.get("columns") or [],
        rows_read(run),
        (run.get("split") or {}).get("train"),
        explored.get("target"),
    )
    drawn = charts(run, rows)
    all_stages = report_words.stages(run)
    columns = run.get("columns") or []
    scored = [m for m in run.get("models") or [] if m.get("validation") is not None]
    associations = explored.get("associations") or []
    return {
        "run": run,
        "pages": _PAGES,
        "charts": drawn,
        "tree": _tree(run),
        "pictures": [name for name in drawn if name.startswith("picture_")],
        "stages": all_stages,
        "stage_of": {stage.id: stage for stage in all_stages},
        "findings": run.get("findings") or [],
        "cautions": report_words.cautions(run),
        "judgement": report_words.judgement(run),
        "measures": report_words.measures(run.get("test") or {}),
        "audit_words": report_words.audit_words(columns),
        "file_words": report_words.file_words(run.get("data") or {}),
        "columns": rows,
        "leaks": any(column.get("role") == "leak" for column in columns),
        "class_keys": _class_keys(run),
        "metric_words": METRIC_WORDS.get(run.get("metric") or "", "").partition(": ")[2],
        "n_features": sum(map(report_words.is_used, columns)),
        "rows_used": rows_read(run),
        "prepared": len({name for block in run.get("prepare") or [] for name in block["columns"]}),
        "by_chance": any((row.get("p_adjusted") or 0) > 0.05 for row in associations),
        "best": max(scored, key=lambda model: model["validation"], default=None),
        "metric_title": METRIC_AXIS.get(run.get("metric") or "", run.get("metric")),
        "diagnosis": _after_colon((run.get("diagnose") or {}).get("words")),
        "created": date_words(run.get("created")),
    }


def _tree(run: Mapping[str, Any]) -> TreeDrawing | None:
    from groundup.workflow.report_charts_explore import common_classes

    common = common_classes((run.get("explore") or {}).get("target") or {})
    tree = (run.get("explain") or {}).get("tree")
    return tree_drawing(tree, run.get("target") or "target", run.get("positive"), common)


def _class_keys(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each class that has a colour of its own in the pictures, with that colour."""
    from groundup.workflow.report_charts_explore import common_classes

    explored = run.get("explore") or {}
    if run.get("task") != "multiclass" or not explored.get("pictures"):
        return []
    target = explored.get("target") or {}
    common = common_classes(target)
    keys = list(zip(report_text.distinct(common, 40), CLASS_COLOURS, strict=False))
    return keys if len(common) == len(target.get("counts") or []) else [*keys, ("all others", GREY)]


def rows_read(run: Mapping[str, Any]) -> int:
    """Return how many rows were read: as they are, or repaired."""
    rows = run.get("rows") or {}
    return (rows.get("loaded") or 0) + (rows.get("repaired") or 0)


def _after_colon(words: Any) -> str:
    """Return the words behind "Overfitting: ", which the report sets in bold itself."""
    verdict, colon, rest = str(words or "").partition(": ")
    text = rest if colon and len(verdict) < 20 else verdict
    return text[:1].upper() + text[1:]


def date_words(created: Any) -> str:
    """Write the moment at which a run began; nothing where it is not one."""
    try:
        moment = datetime.fromisoformat(str(created))
    except ValueError:
        return ""
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def _evidence(value: Any) -> str:
    """Write a figure behind a finding, which may be a list or a table of figures."""
    if isinstance(value, dict):
        shown = [f"{report_text.plain(k, 40)}: {_evidence(v)}" for k, v in list(value.items())[:12]]
    elif isinstance(value, list | tuple):
        shown = [_evidence(item) for item in value[:12]]
    else:
        return (
            report_text.plain(value, 200) if isinstance(value, str) else report_text.number(value)
        )
    return report_text.plain(", ".join(shown) + (", …" if len(value) > 12 else ""), 600)


def _cell(value: Any) -> str:
    """Write a class as it is, and a quantity with three digits."""
    return report_text.number(value) if isinstance(value, float) else report_text.plain(value, 60)


def _policy(*scripts: str) -> str:
    """Return the Content-Security-Policy: these scripts and no other, and no request whatever."""
    digests = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


@functools.lru_cache
def _environment() -> Any:
    from jinja2 import ChainableUndefined, Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("groundup.workflow", "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    writers: dict[str, Callable[..., str]] = {
        "plain": report_text.plain,
        "number": report_text.number,
        "score": report_text.score,
        "percent": report_text.percent,
        "count": report_text.count,
        "seconds": report_text.seconds,
        "size": report_text.size,
        "sentence": report_text.sentence,
        "json_for_script": report_text.json_for_script,
        "evidence": _evidence,
        "cell": _cell,
        "lower_first": lambda text: text if text[:2].isupper() else text[:1].lower() + text[1:],
    }
    environment.filters |= {name: _absent_as_none(write) for name, write in writers.items()}
    return environment


def _absent_as_none(write: Callable[..., str]) -> Callable[..., str]:
    """Let a filter see what ``run.json`` does not have as None."""
    from jinja2 import Undefined

    @functools.wraps(write)
    def filter_(value: Any, *args: Any) -> str:
        return write(None if isinstance(value, Undefined) else value, *args)

    return filter_


def _template_file(name: str) -> str:
    return (files("groundup.workflow") / "templates" / name).read_text(encoding="utf-8")


def _safe(text: str) -> Any:
    """Mark the project's own script or style as not to be escaped."""
    from markupsafe import Markup

    return Markup(text)
