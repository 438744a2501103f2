"""What went wrong, said in one line that a user can act on."""

from __future__ import annotations

import errno


def in_one_line(error: BaseException) -> str:
    """Say what went wrong in one line.

    Parameters
    ----------
    error : BaseException
        Any error.

    Returns
    -------
    str
        One line without control characters.

    Examples
    --------
    >>> in_one_line(OSError(28, "No space left on device", "out/report.html"))
    'The disk is full: out/report.html could not be written. Free some space and run again.'
    """
    if isinstance(error, OSError) and error.errno is not None:
        name = error.filename or "a file"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = f"The disk is full: {name} could not be written. Free some space and run again."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            text = f"No permission for {name}. Check who owns it, or choose another folder."
        else:
            text = f"{error.strerror}: {name}"
    elif isinstance(error, MemoryError):
        text = "The table does not fit into memory. Try a sample of its rows, or fewer columns."
    else:
        text = str(error) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
