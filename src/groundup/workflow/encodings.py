"""Which encoding a text file has, decided over all its bytes, and the file as plain UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

from .table import DataError

_BLOCK = 2**20
_BYTE_ORDER_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose little-endian mark it begins with.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]


def encoding_of(path: Path, name: Path) -> str:
    """Return the encoding of a text file.

    A byte-order mark is believed. Then, in this order: UTF-16 without a mark (every second byte of
    the head is zero), UTF-8 (all bytes of the file must decode), Windows-1252 (which is Latin-1
    with printable characters at 0x80 to 0x9F), Latin-1.

    Raises
    ------
    DataError
        If the file holds NUL bytes, or too many control characters to be text.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if wide := _utf16_without_mark(head):
        return wide
    census = _Census(name)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            census.take(block)
    return census.encoding()


class _Census:
    """What the bytes of a file are, from one block to the next."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.bytes, self.line = 0, 1
        self.controls = 0
        self.utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self.good, self.bad, self.first_bad_line = 0, 0, 0
        self.cp1252 = True

    def take(self, block: bytes) -> None:
        if (nul := block.find(b"\0")) >= 0:
            line = self.line + block.count(b"\n", 0, nul)
            raise DataError(
                f"{self.name} holds a NUL byte at byte {self.bytes + nul + 1:,} (line {line:,}): "
                "it is not a text file, or it is damaged there."
            )
        self.controls += len(block) - len(block.translate(None, _CONTROLS))
        self._decode(block)
        if not block.isascii():
            self.cp1252 &= len(block.translate(None, _NOT_CP1252)) == len(block)
        self.line += block.count(b"\n")
        self.bytes += len(block)

    def _decode(self, block: bytes, final: bool = False) -> None:
        """Count the letters beyond ASCII that are UTF-8, and the bytes that are not."""
        if block.isascii() and not final and self.utf8.getstate() == (b"", 0):
            return
        text = self.utf8.decode(block, final)
        # The character itself may stand in the file.
        bad = text.count(_REPLACED) - block.count(_REPLACED.encode())
        if bad > 0 and not self.bad:
            before = text.partition(_REPLACED)[0]
            self.first_bad_line = self.line + before.count("\n")
        self.bad += bad
        self.good += len(text) - len(text.encode("ascii", "ignore")) - bad

    def encoding(self) -> str:
        self._decode(b"", final=True)
        if self.controls > max(3, self.bytes // 100):
            raise DataError(
                f"{self.name} is a binary file, not a table: {self.controls:,} control characters."
            )
        if not self.bad:
            return "utf-8"
        if self.good > self.bad:
            raise DataError(
                f"{self.name} is UTF-8 text that is damaged in line {self.first_bad_line:,} "
                f"({self.bad:,} bytes in all), or mixes two encodings. Save it as UTF-8."
            )
        return "cp1252" if self.cp1252 else "latin-1"


_REPLACED = "\N{REPLACEMENT CHARACTER}"
_CONTROLS = bytes(b for b in range(32) if b not in b"\t\n\r\f\v\x1b\x1a")
_NOT_CP1252 = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])


def _utf16_without_mark(head: bytes) -> str | None:
    if len(head) < 4 or len(head) % 2:
        head = head[: len(head) // 2 * 2]
    even, odd = head[0::2], head[1::2]
    if head and odd.count(0) > 0.9 * len(odd) and even.count(0) == 0:
        return "utf-16-le"
    if head and even.count(0) > 0.9 * len(even) and odd.count(0) == 0:
        return "utf-16-be"
    return None


def as_utf8(path: Path, encoding: str, folder: Path, name: Path) -> Path:
    """Return a UTF-8 file without a byte-order mark; `path` itself if it is one already."""
    if encoding == "utf-8":
        return path
    target = folder / "utf8"
    with path.open("rb") as source, target.open("wb") as plain:
        decoder = codecs.getincrementaldecoder(encoding)()
        position = 0
        while True:
            block = source.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{name} begins like {encoding} text, but cannot be decoded near byte "
                    f"{position + error.start + 1:,}; save it as UTF-8."
                ) from None
            if "\0" in text:
                raise DataError(
                    f"{name} holds NUL characters: it is not a text file, or it is damaged."
                )
            position += len(block)
            plain.write(text.encode())
            if not block:
                break
    if target.stat().st_size == 0:
        raise DataError(f"{name} is empty but for a byte-order mark.")
    return target
