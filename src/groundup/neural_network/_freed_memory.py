"""Memory that one step has freed is kept for the next.

A step of a network allocates some dozen megabytes for its intermediate results and frees them all
at its end.  The GNU C library gives the top of that back to the operating system, and the next step
gets it again page by page, each page zeroed and mapped anew: up to half of the time of a forward
pass.  How much the library keeps follows the largest block that was ever freed, so one block of
nearly 32 MB, allocated and freed without being touched, makes it keep up to 64 MB.  That takes a
few microseconds and no memory; other C libraries do not notice.
"""

from __future__ import annotations

import numpy as np

#: Just below the largest block that the library lets itself be taught by.
TAUGHT_BY = (32 << 20) - (64 << 10)


def keep_freed_memory() -> None:
    """Let the C library keep what a step frees."""
    np.empty(TAUGHT_BY, np.uint8)
