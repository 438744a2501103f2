"""Reading a bundle: nothing is trusted until it was checked, and nothing in it is executed.

The checks, in order: sizes; digest and schema of the manifest; hashes of the other files; every
value against the type that the package declares for it; how the values fit each other (lengths,
ranges, column counts along the pipeline, trees); and then the golden rows."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.bundle.arrays import unpack_arrays
from groundup.bundle.errors import BundleError
from groundup.bundle.golden import (
    Replay,
    answers,
    machine,
    replay,
    rounding,
    unpack_frame,
    versions,
)
from groundup.bundle.manifest import (
    ARRAYS,
    GOLDEN,
    MANIFEST,
    MAX_BYTES,
    Manifest,
    SchemaColumn,
    read_manifest,
)
from groundup.bundle.parts import EDITED, PartReader
from groundup.bundle.registry import KINDS, check_model

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Bundle:
    """A model from a bundle, ready to predict.

    Attributes
    ----------
    folder : pathlib.Path
    pipeline : Pipeline or estimator
        The fitted object itself, as it was saved.
    schema : list of SchemaColumn
        The input columns (``name``, ``kind``, ``written_as``, ``low``, ``high``), in the pipeline's
        order.
    unused : list of str or None
        The columns of the training file that are neither input nor target, if that was noted.
    task : {"binary", "multiclass", "regression", "clustering"}
    target : str
    target_kind : {"number", "boolean", "date", "text"}
    classes : list or None
        The labels, in the order of the columns of :meth:`predict_proba`.
    positive : label or None
    score : dict or None
        What was noted about the model's quality when it was saved.
    created : str
        When, in ISO form.
    versions : dict of str to str
        The libraries it was saved with.
    replay : Replay
        How its answers to the golden rows compare with the recorded ones.
    """

    folder: Path
    pipeline: Any
    schema: list[SchemaColumn]
    unused: list[str] | None
    task: str
    target: str
    target_kind: str
    classes: list[Any] | None
    positive: Any
    score: dict[str, Any] | None
    created: str
    versions: dict[str, str]
    replay: Replay

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the predicted class or number of each row.

        Parameters
        ----------
        frame : DataFrame of shape (n_rows, >= n_features)
            Has the columns of the schema, in any order; others are ignored.

        Returns
        -------
        ndarray of shape (n_rows,)

        Raises
        ------
        BundleError
            A column of the schema is missing.
        """
        return np.asarray(self.pipeline.predict(self._input(frame)))

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the probability of each class, in the order of ``classes``.

        Parameters
        ----------
        frame : DataFrame of shape (n_rows, >= n_features)

        Returns
        -------
        ndarray of shape (n_rows, n_classes)

        Raises
        ------
        BundleError
            A column is missing, or the model gives no probabilities.
        """
        if not hasattr(self.pipeline, "predict_proba"):
            raise BundleError(f"this {self.task} model gives no probabilities; use predict")
        return np.asarray(self.pipeline.predict_proba(self._input(frame)))

    def _input(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = [column.name for column in self.schema]
        absent = [name for name in names if name not in frame.columns]
        if absent:
            raise BundleError(
                f"the table lacks the columns {absent[:5]}; the model needs {names[:20]}"
            )
        return frame[names]


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Read a bundle, check it, and return the model.

    Parameters
    ----------
    folder : path-like
        The folder that :func:`groundup.bundle.save_bundle` wrote.

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        The folder is not a bundle, is damaged, was written in a format or with a library that is
        not this one's, or gives other answers than when it was saved. One line says which, and
        what to do.
    """
    try:
        return _load(Path(folder))
    except BundleError as error:
        raise BundleError(f"cannot use the model {str(folder)!r}: {error}") from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as e:
        # The checks should have said more exactly what is wrong; the answer is the same.
        raise BundleError(
            f"cannot use the model {str(folder)!r}: its parts contradict each other "
            f"({type(e).__name__}); {EDITED}"
        ) from e
    except MemoryError:
        raise BundleError(
            f"cannot use the model {str(folder)!r}: it does not fit into memory; "
            "use a machine with more"
        ) from None


def _load(folder: Path) -> Bundle:
    manifest, files = _read(folder)
    names = [column.name for column in manifest.schema]

    arrays = unpack_arrays(files[ARRAYS], ARRAYS)
    reader = PartReader(KINDS, arrays)
    pipeline = reader.decode_root(manifest.pipeline)
    check_model(pipeline, len(names))
    if arrays:
        raise BundleError(
            f"{ARRAYS} holds {sorted(arrays)[0]!r}, which nothing refers to; {EDITED}"
        )
    _check_answers(pipeline, manifest, names)

    recorded = unpack_arrays(files[GOLDEN], GOLDEN)
    rows = unpack_frame(recorded, names, manifest.golden.columns, manifest.golden.rows)
    try:
        found = answers(pipeline, rows, manifest.classes)
    except Exception as error:
        # Whatever a wrong model does on real rows, it is the model that is wrong.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BundleError(
            f"the model fails on its own golden rows ({reason}); install the versions it was saved "
            f"with ({_named(manifest.versions)}) or train the model again"
        ) from None
    agreement = replay(
        recorded,
        found,
        {**manifest.versions, "processor": manifest.machine},
        {**versions(), "processor": machine()},
        rounding(pipeline),
    )
    return Bundle(
        folder=folder,
        pipeline=pipeline,
        schema=manifest.schema,
        unused=manifest.unused,
        task=manifest.task,
        target=manifest.target,
        target_kind=manifest.target_kind,
        classes=manifest.classes,
        positive=manifest.positive,
        score=manifest.score,
        created=manifest.created,
        versions=manifest.versions,
        replay=agreement,
    )


def _read(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and the other two files, all from one and the same bundle."""
    for attempts_left in (2, 1, 0):
        head = _read_file(folder, MANIFEST)
        manifest = read_manifest(head)
        try:
            return manifest, {
                name: _checked_file(folder, name, manifest) for name in manifest.files
            }
        except BundleError:
            # A new bundle may have taken this one's place between two files.
            if attempts_left == 0 or _read_file(folder, MANIFEST) == head:
                raise
    raise AssertionError("the loop above returns or raises")


def _checked_file(folder: Path, name: str, manifest: Manifest) -> bytes:
    data = _read_file(folder, name)
    record = manifest.files[name]
    if len(data) != record.bytes:
        raise BundleError(
            f"{name} has {len(data)} bytes where {record.bytes} were written; copy the bundle again"
        )
    if sha256(data).hexdigest() != record.sha256:
        raise BundleError(
            f"{name} was changed or damaged (its hash does not match); copy the bundle again"
        )
    return data


def _read_file(folder: Path, name: str) -> bytes:
    """Return the bytes of a regular file that is not larger than a bundle's may be."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{name} is not a file; give the folder of a model")
            if status.st_size > MAX_BYTES[name]:
                raise BundleError(
                    f"{name} has {status.st_size / 2**20:.0f} MiB, the limit is "
                    f"{MAX_BYTES[name] // 2**20}; give the folder of a model"
                )
            return file.read(MAX_BYTES[name])
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            if folder.is_dir():
                raise BundleError(f"there is no {name} in it; give the folder of a model") from None
            raise BundleError("there is no such folder; check the path") from None
        raise BundleError(f"{name} cannot be read ({error.strerror}); check the file") from None


def _check_answers(pipeline: Any, manifest: Manifest, names: list[str]) -> None:
    """Check that the model answers what the manifest says that it does."""
    takes = getattr(pipeline, "feature_names_in_", None)
    if takes is not None and list(takes) != names:
        raise BundleError(f"the input columns differ from the model's own; {EDITED}")
    if not hasattr(pipeline, "predict"):
        raise BundleError(f"the model cannot predict; {EDITED}")
    own = getattr(pipeline, "classes_", None)
    own = (
        None
        if own is None
        else [label.item() if hasattr(label, "item") else label for label in own]
    )
    if manifest.classes != own or (own and len(set(own)) < len(own)):
        raise BundleError(f"the classes differ from the model's own; {EDITED}")


def _named(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))[:200]
