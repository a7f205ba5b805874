"""Estimate of the time that a workflow still takes, and durations in words."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Estimate of the remaining time from the pace so far.

    The first unit does not count, because caches and kernels warm up during it. The estimate starts anew when the
    count goes back or the total changes, as at the next stage of a compression.

    Parameters
    ----------
    clock
        Monotonic clock, in seconds.

    Examples
    --------
    >>> ticks = iter([0.0, 9.0, 11.0, 13.0])
    >>> left = TimeLeft(clock=lambda: next(ticks))
    >>> [left.update(done, total=10) for done in (1, 2, 3)]
    [None, 16.0, 14.0]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._first = 0  # above 1 in a resumed run
        self._done = 0
        self._total: int | None = None

    def update(self, done: int, total: int | None) -> float | None:
        """Return the seconds left after ``done`` of ``total`` units; None while the pace or the total is unknown."""
        now = self._clock()
        if done < self._done or total != self._total or (not self._first and done):
            self._first, self._start = done, now
        self._done, self._total = done, total
        if total is None or done <= self._first:
            return None
        return (now - self._start) / (done - self._first) * (total - done)


def format_duration(seconds: float) -> str:
    """Return a duration in words, at least one second.

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
