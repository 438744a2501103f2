"""Whether operations are recorded: each thread decides for itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_blocks = threading.local()  # .open: how many no_grad blocks this thread is in


def recording() -> bool:
    """Tell whether this thread is outside of all `no_grad` blocks."""
    return getattr(_blocks, "open", 0) == 0


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside a ``with`` block: for predictions, which need no way back."""
    _blocks.open = getattr(_blocks, "open", 0) + 1
    try:
        yield
    finally:
        _blocks.open -= 1
