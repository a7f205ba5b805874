"""The longest time for which the window does not react, and whose code ran in it."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from qtpy.QtCore import Qt, QTimer

TICK_MS: Final = 10
SAMPLE_S: Final = 0.004
OURS, NAPARI, OTHER = "ours", "napari", "other"
OWNERS: Final = {"napari_pathprune": OURS, "napari": NAPARI, "vispy": NAPARI}
"""Whose code a package is. Libraries such as numpy count as their caller's."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time between two ticks of the timer.

    Attributes
    ----------
    wall_ms
        How long it was, less the interval of the timer.
    busy_ms
        How long the thread of the window computed in it. On a busy machine this is what counts: the rest is waiting for
        a core, or for a lock of another thread.
    ours_ms
        The part of `busy_ms` in code of this package, without what it calls in napari.
    places
        Where our code was, most frequent first.
    """

    wall_ms: float = 0.0
    busy_ms: float = 0.0
    ours_ms: float = 0.0
    places: tuple[str, ...] = ()


class GapMeter:
    """Measures gaps between the ticks of a timer in the thread of the window.

    Another thread looks at the stack of the window's thread every few milliseconds, so that gaps can be attributed. The
    owner of a sample is the package of the innermost frame of napari, vispy or this package.

    Attributes
    ----------
    gaps
        The gaps of the current measurement.
    """

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._samples: list[tuple[float, str, str]] = []
        self._is_running = False
        self._thread_id = threading.get_ident()
        self._last = self._last_busy = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure while the block runs; it has to run the event loop."""
        self.gaps, self._samples, self._is_running = [], [], True
        sampler = threading.Thread(target=self._sample, daemon=True)
        sampler.start()
        self._last, self._last_busy = time.perf_counter(), time.thread_time()
        self._timer.start()
        try:
            yield
            self._tick()
        finally:
            self._timer.stop()
            self._is_running = False
            sampler.join()

    def longest(self) -> Gap:
        """Return the gap in which the window's thread was busy for longest."""
        return max(self.gaps, key=lambda gap: gap.busy_ms, default=Gap())

    def longest_of_ours(self) -> Gap:
        """Return the gap in which code of this package ran for longest."""
        return max(self.gaps, key=lambda gap: gap.ours_ms, default=Gap())

    def _tick(self) -> None:
        now, busy = time.perf_counter(), time.thread_time()
        start, wall_ms, busy_ms = self._last, 1e3 * (now - self._last), 1e3 * (busy - self._last_busy)
        samples, self._samples = self._samples, []
        self._last, self._last_busy = now, busy
        inside = [(owner, place) for at, owner, place in samples if at >= start]
        running = [owner for owner, _ in inside if owner != OTHER]
        share = running.count(OURS) / len(running) if running else 0.0
        places = Counter(place for owner, place in inside if owner == OURS)
        self.gaps.append(
            Gap(
                max(wall_ms - TICK_MS, 0.0),
                busy_ms,
                share * busy_ms,
                tuple(place for place, _ in places.most_common(3)),
            )
        )

    def _sample(self) -> None:
        while self._is_running:
            frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - documented, in spite of its name
            self._samples.append((time.perf_counter(), *_find_owner(frame)))
            time.sleep(SAMPLE_S)


def _find_owner(frame: FrameType | None) -> tuple[str, str]:
    """Return whose code runs, and where, from the innermost frame of a stack outwards."""
    while frame is not None:
        code = frame.f_code
        for part in Path(code.co_filename).parts[-8:]:
            if part in OWNERS:
                return OWNERS[part], f"{Path(code.co_filename).name}:{code.co_name}"
        frame = frame.f_back
    return OTHER, ""
