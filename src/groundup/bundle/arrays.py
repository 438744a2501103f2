"""Arrays on disk: a thin, strict layer over the safetensors format.

A safetensors file is a JSON header (name, element type, shape, position of each tensor) and then
the raw bytes. It cannot hold anything but numbers, so reading one runs no code. Text goes in as
its UTF-8 bytes with the positions where each string begins.

References
----------
https://github.com/huggingface/safetensors (the format).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from groundup.bundle.errors import BundleError

_SIGNED, _UNSIGNED = ("int8", "int16", "int32", "int64"), ("uint8", "uint16", "uint32", "uint64")
ELEMENT_TYPES = frozenset(["bool", "float32", "float64", *_SIGNED, *_UNSIGNED])
_NAME = re.compile(r"[\w.\-]{1,300}")


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return ``arrays`` as the bytes of a safetensors file.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Any shapes; C order (a copy is made where an array is not contiguous).

    Examples
    --------
    >>> unpack_arrays(pack_arrays({"a": np.arange(3)}), "a file")
    {'a': array([0, 1, 2])}
    """
    from safetensors.numpy import save

    for name, array in arrays.items():
        if not _NAME.fullmatch(name) or array.dtype.name not in ELEMENT_TYPES:
            raise BundleError(
                f"the array {name!r} of {array.dtype.name} cannot be saved; use numbers or booleans"
            )
    # The format knows neither strides nor axes of length zero in another order.
    return save({name: np.array(a, order="C", copy=True) for name, a in arrays.items()})


def unpack_arrays(data: bytes, file: str) -> dict[str, np.ndarray]:
    """Return the arrays in the bytes of a safetensors file; ``file`` names it in errors.

    Raises
    ------
    BundleError
        The bytes are not a whole, well-formed safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(
            f"{file} is not a readable safetensors file ({reason}); copy the bundle again"
        ) from None
    for name, array in arrays.items():
        if not _NAME.fullmatch(name) or array.dtype.name not in ELEMENT_TYPES:
            raise BundleError(
                f"{file} holds the array {name!r} of {array.dtype.name}, which no bundle has; "
                "use the file that was saved"
            )
    # Fresh, aligned memory: the arrays above may start at any byte of the file.
    return {name: np.array(array, order="C", copy=True) for name, array in arrays.items()}


def pack_text(strings: Sequence[str | None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the UTF-8 bytes of all strings, where each begins, and which are missing.

    Returns
    -------
    data : uint8 array of shape (n_bytes,)
    starts : int64 array of shape (n_strings + 1,)
        The last one is the end.
    missing : bool array of shape (n_strings,)

    Examples
    --------
    >>> data, starts, missing = pack_text(["ab", None, "c"])
    >>> starts.tolist(), missing.tolist()
    ([0, 2, 2, 3], [False, True, False])
    """
    encoded = [b"" if text is None else text.encode("utf-8", "surrogatepass") for text in strings]
    starts = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(item) for item in encoded], out=starts[1:])
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return data, starts, np.array([text is None for text in strings], dtype=bool)


def unpack_text(data: np.ndarray, starts: np.ndarray, missing: np.ndarray) -> list[str | None]:
    """Return the strings that :func:`pack_text` packed.

    Raises
    ------
    BundleError
        The three arrays do not fit together.
    """
    fits = (
        (data.dtype, starts.dtype, missing.dtype) == (np.uint8, np.int64, np.bool_)
        and data.ndim == starts.ndim == missing.ndim == 1
        and len(starts) == len(missing) + 1
        and starts[0] == 0
        and starts[-1] == len(data)
        and bool((np.diff(starts) >= 0).all())
    )
    if not fits:
        raise BundleError(
            "the text of the golden rows does not fit together; copy the bundle again"
        )
    raw, ends = data.tobytes(), starts.tolist()
    try:
        return [
            None if gone else raw[ends[i] : ends[i + 1]].decode("utf-8", "surrogatepass")
            for i, gone in enumerate(missing.tolist())
        ]
    except UnicodeDecodeError:
        raise BundleError(
            "the text of the golden rows is not UTF-8; copy the bundle again"
        ) from None
