"""What `groundup run` says: one line a stage, what was found and why it matters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from groundup.workflow.columns import listed
from groundup.workflow.display import Display
from groundup.workflow.findings import Finding
from groundup.workflow.metric import METRIC_TITLES
from groundup.workflow.read import Table

Line = tuple[str, str]

_MOST_WARNINGS = 4
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


def read_line(table: Table) -> Line:
    """Say how many rows came from how many, and in which form they were written."""
    rows, source = table.rows, table.source
    form = source.format
    if source.delimiter:
        form = _DELIMITERS.get(source.delimiter, source.delimiter)
    found = f"{len(table.frame):,} rows, {len(table.columns)} columns ({form})"
    if rows.repaired:
        found += f", {rows.repaired:,} repaired"
    if rows.rejected:
        found += f", {rows.rejected:,} rejected and listed"
    else:
        found += "; no row was left out"
    return f"{found}.", "Rows that vanish silently bend every figure after them."


def task_line(target: str, task: str, reason: str) -> str:
    """Say which kind of problem it is, and why."""
    kind = {
        "binary": "a yes-or-no question",
        "multiclass": "one of several classes",
        "regression": "a quantity",
    }[task]
    return f"{target}: {kind} ({reason})"


def audit_line(findings: list[Finding], roles: dict[str, tuple[str, str]]) -> Line:
    """Say what was left out."""
    counts = Counter(role for role, _ in roles.values())
    left_out = [
        f"{counts[role]} {name}{'s' * (counts[role] > 1)}"
        for role, name in [
            ("identifier", "identifier"),
            ("constant", "constant column"),
            ("empty", "empty column"),
            ("duplicate", "copy"),
            ("group", "group key"),
        ]
        if counts[role]
    ]
    n = len(findings)
    left = f"left out {listed(left_out)}" if left_out else "every column is kept"
    return (
        f"{n} finding{'s' * (n != 1)}; {left}.",
        "A column that names the row teaches a model nothing true.",
    )


def split_line(split: dict) -> Line:
    """Say how many rows were locked away, and how."""
    train, test = f"{split['train']:,}", f"{split['test']:,}"
    return (
        f"{train} rows to learn from, {test} locked away ({split['method']}).",
        "Only rows the model has never met can say how good it is.",
    )


def prepare_line(plan: list[dict]) -> Line:
    """Say how many columns are treated in how many ways."""
    n = sum(len(block["columns"]) for block in plan)
    ways = f"{len(plan)} way{'s' * (len(plan) != 1)}"
    return (
        f"{n} column{'s' * (n != 1)} become numbers in {ways}.",
        "How, is learned from training rows alone: else the test leaks in.",
    )


def explore_line(part: dict) -> Line:
    """Name the columns that go most with the target."""
    strong = [f"{a['column']} ({abs(a['value']):.2f})" for a in part["associations"][:3]]
    found = f"goes most with the target: {', '.join(strong)}." if strong else "nothing stands out."
    return found, "If a model finds something else, ask why."


def compare_line(record: dict) -> Line:
    """Give every model's validation score."""
    scored = [m for m in record["models"] if m["validation"] is not None]
    scored.sort(key=lambda model: -model["validation"])
    metric = METRIC_TITLES[record["metric"]]
    found = ", ".join(f"{_short(m['title'])} {m['validation']:.3f}" for m in scored)
    return f"{metric}: {found}.", "A model is worth what it adds to the baseline."


def tune_line(record: dict) -> Line:
    """Say what tuning brought."""
    tuning = record["tune"]
    n = len(tuning["trials"])
    if tuning["after"] > tuning["before"]:
        found = f"{n} trials: {tuning['before']:.4f} became {tuning['after']:.4f}."
    else:
        found = f"{n} trial{'s' * (n != 1)}: nothing beat the first parameters beyond noise."
    return found, "The best of many tries flatters itself; the test decides."


_VERDICT_RULES = {
    "overfitting": "A wide gap between the two: learned by heart.",
    "underfitting": "Two low scores: learned too little.",
    "balanced": "Far apart would mean learned by heart; both low, too little.",
    "no signal": "A model that does not beat the baseline has shown nothing.",
    "no verdict": "",
}


def diagnose_line(part: dict) -> Line:
    """Give the verdict with the two scores behind it."""
    scores = f"validation {part['validation']:.3f}"
    if part["verdict"] == "no verdict":
        return f"{scores}; a forest's training score says nothing.", ""
    if part["train"] is not None:
        scores = f"training {part['train']:.3f}, {scores}"
    return f"{part['verdict']}: {scores}.", _VERDICT_RULES.get(part["verdict"], "")


def explain_line(part: dict) -> Line:
    """Name the columns that the model relies on."""
    top = part["leans_on"][:3]
    found = f"relies most on {listed(top)}." if top else "relies on no column in all folds."
    return found, "A model that is right for the wrong reason fails tomorrow."


def test_line(record: dict) -> Line:
    """Give the score with its interval and the baseline's."""
    test, metric = record["test"], METRIC_TITLES[record["metric"]]
    if test["score"] is None:
        return f"{metric} is not defined on these {test['rows']} rows.", ""
    found = f"{metric} {test['score']:.3f}"
    if test["low"] is not None:
        found += f", {100 * test['level']:.0f}% interval {test['low']:.3f} to {test['high']:.3f}"
    if test["baseline"] is not None:
        found += f"; guessing {test['baseline']:.3f}"
    return f"{found}.", "Looked at once: a second look would no longer be a test."


def warnings_to_show(findings: list[dict]) -> list[str]:
    """Return what the user should look at before trusting the score, a few lines at most."""
    serious = [finding for finding in findings if finding["severity"] == "warning"]
    shown = [f"{finding['message']} {finding['action']}".strip() for finding in serious]
    if len(shown) > _MOST_WARNINGS:
        more = len(shown) - _MOST_WARNINGS
        shown = [*shown[:_MOST_WARNINGS], f"{more} more in the report."]
    return shown


def say_results(display: Display, record: dict, folder: Path) -> None:
    """End with the files, the most useful one first, and with what to do next."""
    display.say()
    display.say(f"{record['chosen_title']}. {record['test']['words']}", style="bold")
    display.say()
    for label, line in [
        ("open", f"{folder / 'report.html'}"),
        ("own", f"{folder / 'train.py'}  (the same model as a short script)"),
        ("look", f"{folder / 'predictions.csv'}  (the test rows, predicted and true)"),
        ("next", f"groundup predict {folder} new.csv"),
    ]:
        display.say(f"{label:<5} {line}")
    display.say()


def _short(title: str) -> str:
    """Return a model's title without what stands in brackets, in lower case."""
    title = title.split(" (")[0]
    return title[:1].lower() + title[1:]
