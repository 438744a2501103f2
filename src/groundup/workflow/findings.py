"""A finding: something a stage of the workflow saw in the data, and what it did about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["info", "note", "warning"]


@dataclass(frozen=True)
class Finding:
    """One observation about the data, in words, with its evidence and its consequence.

    Parameters
    ----------
    code : str
        What kind of finding it is, for machines: ``"constant-column"``, ``"leak"``.
    stage : str
        The stage of the workflow that made it: ``"read"``, ``"audit"``, ...
    message : str
        What was found, in one sentence.
    why : str, default=""
        Why it matters to somebody who wants a model that can be trusted.
    action : str, default=""
        What was done about it.
    severity : {"info", "note", "warning"}, default="note"
        ``"warning"`` is for what the user should look at before trusting the score.
    columns : tuple of str, default=()
        The columns that it is about.
    evidence : dict, default={}
        The figures behind it; plain values that JSON can hold.

    Examples
    --------
    >>> finding = Finding("constant-column", "audit", "One value in all rows.", columns=("Region",))
    >>> finding.as_dict()["columns"]
    ['Region']
    """

    code: str
    stage: str
    message: str
    why: str = ""
    action: str = ""
    severity: Severity = "note"
    columns: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as plain data, ready for ``run.json``."""
        return {**asdict(self), "columns": list(self.columns)}
