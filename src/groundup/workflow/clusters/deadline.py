"""The time for the search, and what is left out when it is over.

What decides comes first, and is the same on every machine as long as `seconds` are enough for it;
what only the report shows comes last. Whatever a search on a slow machine leaves out is written
down, since it may have come to another answer with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Deadline:
    """Counts the seconds of a search from its making on.

    Parameters
    ----------
    seconds : float
    left_out : list of str
        What there was no time for, in words.
    """

    seconds: float
    left_out: list[str] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    def is_over(self, share: float, what: str = "") -> bool:
        """Whether this share of the time is over; what is then left out is noted, once.

        Examples
        --------
        >>> deadline = Deadline(0.0)
        >>> deadline.is_over(0.5, "the gap statistic"), deadline.left_out
        (True, ['the gap statistic'])
        """
        over = time.monotonic() - self._begun > share * self.seconds
        if over and what and what not in self.left_out:
            self.left_out.append(what)
        return over
