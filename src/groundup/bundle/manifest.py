"""The manifest: what the model is, as JSON that a person can read.

The file is written in one fixed form (two-space indents, keys in a fixed order) and starts with
its own digest: the SHA-256 of the file with the 64 digits of the digest replaced by zeros. So a
changed byte anywhere in it is noticed. The manifest holds the hashes of the two other files; those
bytes are covered through it.

The digest finds damage. It is no signature: somebody who edits the file on purpose can write a new
digest. What holds even then is that no code runs (there is none in a bundle, and no name in it
chooses any) and that the values which index memory are in range; and the golden rows must still
give their recorded answers."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Literal

import msgspec

from groundup.bundle.errors import BundleError

FORMAT = 1
MANIFEST, ARRAYS, GOLDEN = "manifest.json", "arrays.safetensors", "golden.safetensors"
MAX_BYTES = {MANIFEST: 64 * 2**20, ARRAYS: 16 * 2**30, GOLDEN: 64 * 2**20}

Label = str | int | float | bool
Task = Literal["binary", "multiclass", "regression", "clustering"]
Kind = Literal["number", "boolean", "date", "text"]


class SchemaColumn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One input column: its name, its kind, and how the training file wrote its cells.

    `low` and `high` are the smallest and the largest number that was learned from, if noted.
    """

    name: str
    kind: Kind
    written_as: str = ""
    low: float | None = None
    high: float | None = None


class FileRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Size and hash of a file of the bundle."""

    bytes: int
    sha256: str


class GoldenRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many golden rows there are, and the element type of each input column in them."""

    rows: int
    columns: list[str]


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Everything about the model but its arrays."""

    digest: str
    format: int
    created: str
    versions: dict[str, str]
    machine: str
    task: Task
    target: str
    target_kind: Kind
    classes: list[Label] | None
    positive: Label | None
    score: dict[str, Any] | None
    schema: list[SchemaColumn]
    unused: list[str] | None
    files: dict[str, FileRecord]
    golden: GoldenRecord
    pipeline: dict[str, Any]


_NO_DIGEST = "0" * 64
_HEAD = re.compile(rb'\{\n  "digest": "([0-9a-f]{64})",\n  "format": (\d{1,6}),\n')


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as the bytes of its file, digest filled in."""
    blank = msgspec.structs.replace(manifest, digest=_NO_DIGEST)
    try:
        data = msgspec.json.format(msgspec.json.encode(blank), indent=2) + b"\n"
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"the model's description cannot be written as JSON ({error}); "
            "use plain text and numbers for names, classes and scores"
        ) from None
    if len(data) > MAX_BYTES[MANIFEST]:
        raise BundleError(
            f"the model's description takes {len(data) / 2**20:.0f} MiB, the limit is "
            f"{MAX_BYTES[MANIFEST] // 2**20}; use fewer categories or terms"
        )
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(_NO_DIGEST.encode(), digest, 1)


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest in ``data``, its digest and its schema checked.

    Raises
    ------
    BundleError
        The bytes are not exactly what was written, come from another format, or break the schema.
    """
    head = _HEAD.match(data)
    if head is None:
        raise BundleError(f"{MANIFEST} is not the manifest of a bundle; give the folder of a model")
    if int(head[2]) != FORMAT:
        raise BundleError(
            f"the bundle has format {int(head[2])}, this version of groundup reads {FORMAT}; "
            "install the version that wrote it, or train the model again"
        )
    blank = data[: head.start(1)] + _NO_DIGEST.encode() + data[head.end(1) :]
    if hashlib.sha256(blank).hexdigest().encode() != head[1]:
        raise BundleError(
            f"{MANIFEST} was changed or damaged after it was written (its digest does not match); "
            "copy the bundle again or train the model again"
        )
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{MANIFEST} breaks the schema of a bundle ({error}); train the model again"
        ) from None
    problem = _contradiction(manifest)
    if problem:
        raise BundleError(f"{MANIFEST} {problem}; train the model again")
    return manifest


def _contradiction(manifest: Manifest) -> str | None:
    """Return what in the manifest cannot be, or None."""
    names = [column.name for column in manifest.schema]
    if not names:
        return "has no input columns"
    if len(set(names)) < len(names):
        return "names an input column twice"
    if {manifest.target, *(manifest.unused or ())} & set(names):
        return "names an input column among those that are no input"
    if set(manifest.files) != {ARRAYS, GOLDEN}:
        return f"should list the files {ARRAYS} and {GOLDEN}, and no others"
    if len(manifest.golden.columns) != len(names) or manifest.golden.rows < 1:
        return "has golden rows that do not fit the input columns"
    n_classes = None if manifest.classes is None else len(manifest.classes)
    if manifest.task == "clustering":  # its classes, if any, are the numbers of the clusters
        return None if manifest.positive is None else "has a positive class among clusters"
    if (manifest.task == "regression") != (n_classes is None):
        return "has classes that do not fit the task"
    if (manifest.task == "binary" and n_classes != 2) or (n_classes is not None and n_classes < 2):
        return "has a number of classes that does not fit the task"
    if manifest.positive is not None and manifest.positive not in (manifest.classes or []):
        return "has a positive class that is not among the classes"
    return None
