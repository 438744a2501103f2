"""The one exception of this package."""

from __future__ import annotations


class BundleError(ValueError):
    """A bundle cannot be written, or a folder is not a bundle that can be trusted.

    The message is one line: what is wrong, then what to do.
    """
