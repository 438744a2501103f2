"""What the report says in words about a run: the stages, the judgement, the cautions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from groundup.workflow.report_text import count, number, percent, plain, score


@dataclass(frozen=True)
class Stage:
    """One of the ten stages: how it is called, why it exists, and whether the run got to it."""

    id: str
    part: str  # the key of run.json that is there once the stage is done
    short: str
    title: str
    why: str
    number: int = 0
    state: str = "done"  # or "skipped" or "stopped"


READ = Stage(
    "read",
    "rows",
    "Read",
    "Reading the file",
    "A row that vanishes while a file is read bends every figure after it. So each row is "
    "counted, and the type of a column is decided over all of its cells.",
)

_STAGES = [
    READ,
    Stage(
        "audit",
        "columns",
        "Audit",
        "Looking for what would mislead",
        "A model believes whatever it is given. A column that names the row, or that is known only "
        "after the answer is, looks like knowledge and is none.",
    ),
    Stage(
        "split",
        "split",
        "Split",
        "Locking the test rows away",
        "Whoever learns from the exam questions passes the exam and knows nothing. Some rows are "
        "put aside before anything is learned, and looked at once, at the very end.",
    ),
    Stage(
        "prepare",
        "prepare",
        "Prepare",
        "Turning columns into numbers",
        "Models compute with numbers, and cells hold words, dates and gaps. How to translate them "
        "is itself learned, so it is learned from training rows alone.",
    ),
    Stage(
        "explore",
        "explore",
        "Explore",
        "Getting to know the columns",
        "Before asking a model, look: what is to be predicted, and which columns go with it? If "
        "the model later finds something quite different, ask why.",
    ),
    Stage(
        "compare",
        "models",
        "Compare",
        "Comparing models",
        "Which kind of model suits a table cannot be known beforehand, so several are tried on the "
        "same rows. The simplest stands first: what a model adds to it is all that it is worth.",
    ),
    Stage(
        "tune",
        "tune",
        "Tune",
        "Tuning the chosen one",
        "A model has settings that it does not learn. Some are tried out; but the best of many "
        "tries is partly luck, so a change is kept only if it is better by more than the noise.",
    ),
    Stage(
        "diagnose",
        "diagnose",
        "Diagnose",
        "Where it is right and where it is wrong",
        "A score is one number. Whether more rows would help, which mistakes are made, and whether "
        "the probabilities can be believed, it does not say.",
    ),
    Stage(
        "explain",
        "explain",
        "Explain",
        "What the model leans on",
        "A model that is right for the wrong reason fails as soon as the reason does. So look at "
        "which columns its score depends on.",
    ),
    Stage(
        "test",
        "test",
        "Test",
        "The test, once",
        "Now, and only now, the locked rows are opened. Asking twice and keeping the better answer "
        "would turn the test into training.",
    ),
]


def stages(run: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a run with a target, as far as it came."""
    return as_far_as(run, _STAGES)


def as_far_as(run: Mapping[str, Any], planned: list[Stage]) -> list[Stage]:
    """Give each planned stage its number, and say whether the run finished it."""
    done = [bool(run.get(stage.part)) for stage in planned]
    last = max((i for i, finished in enumerate(done) if finished), default=-1)
    return [
        replace(stage, number=i + 1, state=stage_state(done[i], i < last))
        for i, stage in enumerate(planned)
    ]


def stage_state(done: bool, later_ones_done: bool) -> str:
    """Tell a stage that is done from one that was skipped, or that the run did not get to."""
    return "done" if done else "skipped" if later_ones_done else "stopped"


@dataclass(frozen=True)
class Judgement:
    """How good the result is, in a sentence; `tone` is "poor" where it should not be used."""

    words: str
    tone: str = ""


def judgement(run: Mapping[str, Any]) -> Judgement:
    """Compare the test score with the baseline, in words.

    What counts is the share of the way from the baseline to a perfect score::

        gain = (score - baseline) / (1 - baseline)
    """
    test = run.get("test") or {}
    value, baseline, low = test.get("score"), test.get("baseline"), test.get("low")
    if value is None or baseline is None or baseline >= 1:
        return Judgement("")
    gain = (value - baseline) / (1 - baseline)
    if gain <= 0:
        words = (
            "That is no better than knowing nothing. Do not use this model; look for columns that "
            "say more, or for more rows."
        )
        return Judgement(words, "poor")
    if low is not None and low <= baseline:
        words = (
            "The test by itself does not show that this is better than knowing nothing: the "
            "interval reaches down to the baseline."
        )
        return Judgement(words, "poor")
    if gain < 0.15:
        return Judgement(
            "That is a little better than knowing nothing. Look hard at what it costs to be wrong."
        )
    if gain < 0.45:
        return Judgement("That is clearly better than knowing nothing, and far from certain.")
    if gain < 0.8:
        return Judgement(
            "That is much better than knowing nothing, and wrong often enough to matter."
        )
    if gain < 0.995:
        words = "That is very good."
        if run.get("task") == "multiclass":
            words += f" It makes {percent(gain)} fewer mistakes than the most common class would."
        return Judgement(words)
    return Judgement(
        "That is nearly perfect, which is rare with real data: make sure that no column gives the "
        "answer away, being known only once the answer is.",
        "poor",
    )


def cautions(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what to look at before trusting the score: warnings, and what the figures warn of."""
    found = [f for f in run.get("findings") or [] if f.get("severity") == "warning"]
    test, diagnosis = run.get("test") or {}, run.get("diagnose") or {}
    if diagnosis.get("verdict") not in (None, "balanced", "no verdict"):
        title, _, words = str(diagnosis.get("words") or "").partition(": ")
        message = {
            "overfitting": "The model learned part of its training rows by heart (overfitting).",
            "underfitting": "The model learned too little (underfitting).",
            "no signal": "Hardly any signal was found in these columns.",
        }.get(diagnosis["verdict"], str(diagnosis["verdict"]))
        found.append({"message": message, "why": words or title})
    score_, validation = test.get("score"), diagnosis.get("validation")
    low, high, baseline = test.get("low"), test.get("high"), test.get("baseline")
    if low is not None and baseline is not None and low <= baseline:
        found.append(
            {
                "message": f"The test score ({score(score_)}, interval {score(low)} to "
                f"{score(high)}) does not rule out the baseline ({score(baseline)}).",
                "why": "There are too few test rows, or a few of them weigh heavily, or the "
                "columns say little about the target."
                + (f" Validation came to {score(validation)}." if validation is not None else ""),
            }
        )
    elif high is not None and validation is not None and validation > high:
        found.append(
            {
                "message": f"The test came out lower ({score(score_)}) than validation had "
                f"promised ({score(validation)}).",
                "why": "The test rows may differ from the training rows, in time or in kind, or "
                "the choice among many models flattered the winner. Believe the test.",
            }
        )
    elif test.get("rows") and test["rows"] < 100:
        found.append(
            {
                "message": f"The test has only {count(test['rows'], 'row')}.",
                "why": "Few rows leave much to luck, which is why the interval is wide. More rows "
                "would make it narrower; another look at the same ones would not.",
            }
        )
    return found


_FORMATS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}


def file_words(data: Mapping[str, Any]) -> str:
    """Describe the form of the file, to stand behind "The file is".

    Examples
    --------
    >>> file_words({"format": "csv", "delimiter": ";", "decimal": ",", "encoding": "utf-8",
    ...             "header": False})
    'CSV in utf-8, its cells parted by semicolons, with decimal commas and no header row'
    """
    text = plain(data.get("format") or "a table", 30)
    text = text.upper() if text in ("csv", "tsv", "json") else text
    if data.get("encoding"):
        text += f" in {plain(data['encoding'], 30)}"
    if data.get("delimiter"):
        text += (
            f", its cells parted by {_FORMATS.get(data['delimiter'], plain(data['delimiter'], 8))}"
        )
    extras = []
    if data.get("decimal") == ",":
        extras.append("decimal commas")
    if data.get("header") is False:
        extras.append("no header row")
    return text + (f", with {' and '.join(extras)}" if extras else "")


ROLES = {
    "target": "the target",
    "described": "described, not compared",
    "identifier": "left out: names the row",
    "constant": "left out: one value",
    "leak": "left out: gives the answer away",
    "empty": "left out: empty",
    "duplicate": "left out: a copy",
    "group": "left out: names the group",
    "dropped": "left out",
}
_ROLE_COUNTS = {
    "identifier": ("identifier", None),
    "constant": ("constant column", None),
    "leak": ("leaking column", None),
    "empty": ("empty column", None),
    "duplicate": ("copy of another column", "copies of other columns"),
    "group": ("group key", None),
    "dropped": ("other column", None),
}


def audit_words(columns: list[dict[str, Any]]) -> str:
    """Say how many columns are used, and why the others are not."""
    roles = Counter(column.get("role") for column in columns)
    used = sum(is_used(column) for column in columns)
    left = [count(roles[r], one, many) for r, (one, many) in _ROLE_COUNTS.items() if roles[r]]
    words = f"Of {count(len(columns), 'column')}, {number(used)} are used to predict the target."
    if left:
        words += f" Left out: {', '.join(left)}."
    return words


def is_used(column: Mapping[str, Any]) -> bool:
    """Tell whether a model looks at the column."""
    return column.get("role") in ("feature", "time")


_MEASURES = {
    "accuracy": ("Accuracy", percent),
    "balanced_accuracy": ("Accuracy, averaged over classes", percent),
    "macro_f1": ("F1, averaged over classes", score),
    "f1": ("F1", score),
    "average_precision": ("Average precision", score),
    "brier_score": ("Brier score (0 is best)", score),
    "log_loss": ("Log loss (0 is best)", score),
    "mean_absolute_error": ("Mean absolute error", number),
    "median_absolute_error": ("Half the errors are below", number),
    "root_mean_squared_error": ("Root mean squared error", number),
}


def measures(test: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the further figures of the test, each with its name."""
    found = []
    for key, value in (test.get("others") or {}).items():
        if value is None:
            continue
        label, write = _MEASURES.get(key, (plain(key, 40).replace("_", " "), number))
        found.append((label, write(value)))
    return found
