"""How long a workflow still takes, and durations as people say them."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Estimate the time that is left from the pace so far.

    The first unit is left out, because it warms up caches and kernels. When a count goes back, as at the next stage of
    a compression, the estimate starts anew.

    Parameters
    ----------
    clock
        Seconds from any start; must not go back.

    Examples
    --------
    >>> ticks = iter([0.0, 9.0, 11.0, 13.0])
    >>> left = TimeLeft(clock=lambda: next(ticks))
    >>> [left.update(done, total=10) for done in (1, 2, 3)]
    [None, 16.0, 14.0]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self._first = 0  # a resumed run starts further on
        self._done = 0

    def update(self, done: int, total: int | None) -> float | None:
        """Return the seconds left after ``done`` of ``total`` units; None while the pace or the total is not known."""
        now = self._clock()
        if done < self._done or (not self._first and done):
            self._first, self._begin = done, now
        self._done = done
        if total is None or done <= self._first:
            return None
        return (now - self._begin) / (done - self._first) * (total - done)


def format_duration(seconds: float) -> str:
    """Return a duration as people say it.

    Examples
    --------
    >>> format_duration(4.2), format_duration(200), format_duration(4000)
    ('4 s', '3 min 20 s', '1 h 6 min')
    """
    whole = max(round(seconds), 1)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
