"""Writing a bundle: whole, checked, and then put in its place in one step."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from groundup.bundle.arrays import pack_arrays
from groundup.bundle.errors import BundleError
from groundup.bundle.golden import answers, machine, pack_frame, versions
from groundup.bundle.manifest import (
    ARRAYS,
    FORMAT,
    GOLDEN,
    MANIFEST,
    MAX_BYTES,
    FileRecord,
    GoldenRecord,
    Manifest,
    SchemaColumn,
    Task,
    write_manifest,
)
from groundup.bundle.parts import PartWriter
from groundup.bundle.registry import KINDS

if TYPE_CHECKING:
    import pandas as pd


def save_bundle(
    folder: str | os.PathLike[str],
    pipeline: Any,
    *,
    schema: Iterable[Mapping[str, str] | Any],
    task: str,
    target: str,
    classes: Iterable[Any] | None = None,
    positive: Any = None,
    golden: pd.DataFrame,
    score: Mapping[str, Any] | None = None,
    target_kind: str | None = None,
    unused: Iterable[str] | None = None,
) -> Path:
    """Write a fitted pipeline as a folder of plain data.

    The folder is written beside its place, flushed to the disk, loaded again, and its answers to
    the golden rows are compared with the pipeline's to the bit. Only then is it renamed into
    place; a bundle that stood there is exchanged for it. Whatever fails before leaves the old one
    as it was.

    Parameters
    ----------
    folder : path-like
        Where the bundle goes. May hold an older bundle, which is replaced; nothing else is.
    pipeline : Pipeline or estimator
        Fitted on a DataFrame; made of the kinds in :data:`groundup.bundle.registry.KINDS`.
    schema : iterable of {"name": str, "kind": str}
        The input columns (no target): mappings, or objects with these attributes. Kinds are
        ``"number"``, ``"boolean"``, ``"date"`` and ``"text"``. An optional ``"written_as"`` says
        how the cells were written (``"%d/%m/%Y"``); an optional ``"low"`` and ``"high"``, between
        which numbers the model learned.
    task : {"binary", "multiclass", "regression", "clustering"}
    target : str
        The name of the predicted column; for clusters, what the answer is called.
    classes : iterable, default=None
        The class labels in the order of the probabilities; by default the pipeline's ``classes_``.
    positive : label, default=None
        For a binary task, the class whose probability is of interest.
    golden : DataFrame of shape (n_rows, >= n_features)
        Rows as the pipeline takes them, at least one; some twenty do. They are stored in the
        bundle.
    score : mapping, default=None
        What is known about the model's quality, or about its clusters; plain values.
    target_kind : {"number", "boolean", "date", "text"}, default=None
        How the target was read, so that a file that has it can be scored; by default what its
        classes suggest.
    unused : iterable of str, default=None
        The columns of the training file that the model does not take. With these, a new file
        without a header can be checked for its width, and they are not taken for strange ones.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BundleError
        The pipeline holds something that is not plain data, or the disk refuses.
    """
    target_folder = Path(os.path.realpath(folder))
    columns = _ordered(schema, pipeline)
    labels = _labels(pipeline, task, classes)
    rows = _rows(golden, columns)
    files, tree, types = _model_files(pipeline, rows, labels)
    manifest = Manifest(
        digest="",
        format=FORMAT,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        machine=machine(),
        task=task,  # type: ignore[arg-type]  # checked when the manifest is read back
        target=target,
        target_kind=target_kind or _kind_of(labels),  # type: ignore[arg-type]
        classes=labels,
        positive=_plain(positive),
        score=None if score is None else dict(score),
        schema=columns,
        unused=None if unused is None else list(unused),
        files={
            name: FileRecord(len(data), sha256(data).hexdigest()) for name, data in files.items()
        },
        golden=GoldenRecord(len(rows), types),
        pipeline=tree,
    )
    files[MANIFEST] = write_manifest(manifest)
    scratch = target_folder.with_name(f".{target_folder.name[:100]}.{secrets.token_hex(6)}")
    try:
        _check_place(target_folder)
        os.mkdir(scratch)
        for name, data in files.items():
            _write_durably(scratch / name, data)
        _flush_folder(scratch)
        _check_copy(scratch)
        _put_in_place(scratch, target_folder)
    except OSError as error:
        raise BundleError(f"cannot write the bundle {str(folder)!r}: {_reason(error)}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Path(folder)


def _model_files(
    pipeline: Any, rows: pd.DataFrame, labels: list[Any] | None
) -> tuple[dict[str, bytes], dict[str, Any], list[str]]:
    """Return the bytes of the two files of arrays, the tree of objects, and the rows' types."""
    writer = PartWriter(KINDS)
    tree = writer.encode_part(pipeline)
    golden_arrays, types = pack_frame(rows)
    files = {
        ARRAYS: pack_arrays(writer.arrays),
        GOLDEN: pack_arrays({**golden_arrays, **answers(pipeline, rows, labels)}),
    }
    for name, data in files.items():
        if len(data) > MAX_BYTES[name]:
            raise BundleError(
                f"{name} would take {len(data) / 2**20:.0f} MiB, the limit is "
                f"{MAX_BYTES[name] // 2**20}; use fewer rows"
            )
    return files, tree, types


def _rows(golden: pd.DataFrame, columns: list[SchemaColumn]) -> pd.DataFrame:
    """Return the golden rows with the input columns alone."""
    names = [column.name for column in columns]
    absent = [name for name in names if name not in golden.columns]
    if absent:
        raise BundleError(f"the golden rows lack the column {absent[0]!r}; pass all input columns")
    if len(golden) == 0:
        raise BundleError("there are no golden rows; pass at least one row of the training table")
    return golden[names].reset_index(drop=True)


def _ordered(schema: Iterable[Any], pipeline: Any) -> list[SchemaColumn]:
    """Return the input columns in the order in which the pipeline takes them."""
    try:
        given = [
            msgspec.convert(
                {
                    key: column[key] if isinstance(column, Mapping) else getattr(column, key)
                    for key in ("name", "kind", "written_as", "low", "high")
                    if (key in column if isinstance(column, Mapping) else hasattr(column, key))
                },
                SchemaColumn,
            )
            for column in schema
        ]
    except msgspec.ValidationError as error:
        raise BundleError(f"schema is not a list of {{name, kind}}: {error}") from None
    takes = getattr(pipeline, "feature_names_in_", None)
    if takes is None:
        return given
    by_name = {column.name: column for column in given}
    if set(by_name) != set(takes) or len(given) != len(takes):
        different = sorted(set(by_name) ^ set(takes), key=str)
        raise BundleError(
            f"schema and pipeline disagree about the columns {different[:5]}; "
            "list the columns that the pipeline was fitted on"
        )
    return [by_name[name] for name in takes]


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _labels(pipeline: Any, task: str, classes: Iterable[Any] | None) -> list[Any] | None:
    if task not in get_args(Task):
        raise BundleError(f"task is {task!r}; it should be one of {', '.join(get_args(Task))}")
    if task == "regression":
        return None
    labels = [_plain(label) for label in getattr(pipeline, "classes_", ())]
    if task == "clustering":
        return labels or None
    if classes is not None and [_plain(label) for label in classes] != labels:
        raise BundleError(f"classes differ from the pipeline's own, which are {labels[:10]}")
    if len(labels) < 2 or (task == "binary" and len(labels) > 2):
        raise BundleError(
            f"the model has {len(labels)} classes, which does not fit the task {task}"
        )
    return labels


def _kind_of(labels: list[Any] | None) -> str:
    """Return how a target with these classes was read, where nobody said."""
    return "text" if labels and all(isinstance(label, str) for label in labels) else "number"


def _check_copy(scratch: Path) -> None:
    """Load what was written; in the same process its answers have to be the same to the bit."""
    from groundup.bundle.load import load_bundle

    try:
        bundle = load_bundle(scratch)
    except BundleError as error:
        reason = str(error).partition(": ")[2]
        raise BundleError(f"the written bundle does not load: {reason}") from None
    if not bundle.replay.identical:
        raise BundleError(
            f"the written bundle does not predict as the pipeline does: {bundle.replay.words}; "
            "a model whose answers change from call to call cannot be kept"
        )


def _check_place(folder: Path) -> None:
    if not folder.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise BundleError(
            f"{str(folder)!r} holds other files and is not replaced; choose another folder"
        )


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system lets one do so."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put_in_place(scratch: Path, folder: Path) -> None:
    """Rename the new folder into place; what stood there ends up at ``scratch``, or is removed."""
    try:
        # Works where nothing is there, or an empty folder.
        os.rename(scratch, folder)
    except OSError:
        if not folder.is_dir():
            raise
        if not _exchange(scratch, folder):
            # Two renames, where the system cannot exchange folders in one: after a crash between
            # them the old bundle is found beside its place, under the name with ".old".
            aside = folder.with_name(f".{folder.name[:100]}.{secrets.token_hex(6)}.old")
            os.rename(folder, aside)
            try:
                os.rename(scratch, folder)
            except BaseException:
                os.rename(aside, folder)
                raise
            shutil.rmtree(aside, ignore_errors=True)
    _flush_folder(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return whether this system could (Linux can)."""
    if sys.platform != "linux":
        return False
    at_current_folder, rename_exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of renameat2(2)
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return renameat2(at_current_folder, paths[0], at_current_folder, paths[1], rename_exchange) == 0


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another place"
    if error.errno == errno.EFBIG:
        return "the file would grow beyond what is allowed there; choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there; choose another place"
    if error.errno == errno.ENOENT:
        return "the folder around it does not exist; create it first"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "a file of that name is in the way; choose another place"
    return (error.strerror or str(error)).lower()
