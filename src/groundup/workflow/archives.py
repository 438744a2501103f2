"""From a path to plain bytes on disk: checks what kind of file it is, unpacks gzip and zip.

Unpacking is streamed and bounded: an archive that expands without end is refused, not obeyed.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from .table import DataError

# deflate cannot shrink below 1:1032; text tables reach 1:5 to 1:30, very regular ones 1:200.
MAX_EXPANSION = 200
MAX_UNPACKED_BYTES = 8 * 2**30
# Below this size any ratio is harmless.
FREE_EXPANSION_BYTES = 64 * 2**20
_BLOCK = 2**20

# First bytes of files that are no table of text, and what to do with them instead.
_SIGNATURES: list[tuple[bytes, str]] = [
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (
        b"\x80\x02",
        "a Python pickle, which can run code when opened; write the table as CSV or Parquet",
    ),
    (
        b"\x80\x03",
        "a Python pickle, which can run code when opened; write the table as CSV or Parquet",
    ),
    (
        b"\x80\x04",
        "a Python pickle, which can run code when opened; write the table as CSV or Parquet",
    ),
    (
        b"\x80\x05",
        "a Python pickle, which can run code when opened; write the table as CSV or Parquet",
    ),
    (b"\x93NUMPY", "a NumPy array; write it as CSV or Parquet"),
    (b"\x89HDF", "an HDF5 file; write the table as CSV or Parquet"),
    (b"ARROW1", "an Arrow file; write the table as Parquet"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"BZh", "compressed with bzip2; unpack it, or use gzip"),
    (b"\xfd7zXZ", "compressed with xz; unpack it, or use gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it, or use gzip"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it, or use zip"),
    (b"Rar!", "a RAR archive; unpack it, or use zip"),
]
READABLE = "CSV, TSV or other delimited text, gzip or zip of these, Parquet, JSON lines, SQLite"


def check_file(path: Path) -> None:
    """Raise a DataError unless `path` is a file with something in it that can be opened."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; name one file in it.")
    if not path.exists():
        raise DataError(f"There is no file {path}.{_nearest_name(path)}")
    if not path.is_file():
        raise DataError(f"{path} is not an ordinary file.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except PermissionError:
        raise DataError(f"{path} cannot be opened: permission denied.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    if empty:
        raise DataError(f"{path} is empty (0 bytes).")


def _nearest_name(path: Path) -> str:
    """Return a hint with the most similar file name in the same folder."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f" The folder {path.parent} is not there either."
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(path.name.lower(), lowered, n=1, cutoff=0.6)
    return f" Did you mean {path.parent / lowered[near[0]]}?" if near else ""


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(path: Path, folder: Path) -> tuple[Path, str | None]:
    """Return a plain file with the bytes of `path`, unpacked into `folder` if need be.

    Returns
    -------
    path : Path
        `path` itself, or the unpacked file.
    compression : {"gzip", "zip"} or None
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\x1f\x8b"):
        return _ungzip(path, folder), "gzip"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _unzip(path, folder), "zip"
    return path, None


def refuse_binary(head: bytes, name: Path) -> None:
    """Raise a DataError if the first bytes of a file say that it is no text."""
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise DataError(f"{name} is {what}. What can be read: {READABLE}.")
    if head[8:12] == b"DUCK":
        raise DataError(f"{name} is a DuckDB database; write its table to a Parquet file.")


def _ungzip(path: Path, folder: Path) -> Path:
    target = folder / "unpacked"
    try:
        with gzip.open(path) as packed, target.open("wb") as plain:
            _copy_bounded(packed, plain, path.stat().st_size, path)
    except EOFError:
        raise DataError(f"{path} is cut off: the gzip data end too early.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}).") from None
    return target


def _unzip(path: Path, folder: Path) -> Path:
    target = folder / "unpacked"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names and any(n.startswith("xl/") for n in names):
                raise DataError(
                    f"{path} is an Excel workbook; save the sheet as CSV and read that."
                )
            members = [
                member
                for member in archive.infolist()
                if not member.is_dir()
                and not member.filename.startswith("__MACOSX/")
                and not Path(member.filename).name.startswith(".")
            ]
            if len(members) != 1:
                listed = ", ".join(member.filename for member in members[:5])
                raise DataError(
                    f"{path} holds {len(members)} files{': ' if listed else ''}{listed}"
                    f"{', ...' if len(members) > 5 else ''}; a zip must hold exactly one table."
                )
            if members[0].flag_bits & 1:
                raise DataError(f"{path} is encrypted; unpack it first.")
            with archive.open(members[0]) as packed, target.open("wb") as plain:
                _copy_bounded(packed, plain, members[0].compress_size, path)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} is a damaged zip file ({error}).") from None
    except NotImplementedError:
        raise DataError(
            f"{path} uses a zip compression that cannot be read; zip it anew."
        ) from None
    return target


def _copy_bounded(packed: Any, plain: BinaryIO, packed_bytes: int, path: Path) -> None:
    """Copy a decompressed stream to disk, and stop where no honest table would still go on."""
    free = shutil.disk_usage(Path(plain.name).parent).free
    # What ever unpacks to less than half of the free disk, 8 GiB and 200 times its packed size.
    limit = min(
        max(MAX_EXPANSION * packed_bytes, FREE_EXPANSION_BYTES), MAX_UNPACKED_BYTES, free // 2
    )
    written = 0
    while block := packed.read(_BLOCK):
        written += len(block)
        if written > limit:
            raise DataError(
                f"{path} expands to more than {limit / 2**20:,.0f} MiB from "
                f"{packed_bytes / 2**20:,.2f} MiB: it looks like an archive that expands without "
                "end. If it is honest, unpack it yourself and read the plain file."
            )
        plain.write(block)
    if written == 0:
        raise DataError(f"{path} is empty once unpacked.")
