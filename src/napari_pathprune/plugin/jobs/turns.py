"""Work of the window's own thread in small steps, one each turn of its event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from qtpy.QtCore import QObject, QTimer, Signal

PAUSE_MS: Final = 1
"""Between two steps, in which the window draws and reacts."""


class Turns(QObject):  # type: ignore[misc]
    """Runs steps that only the window's thread may do, such as adding layers, without blocking it for long.

    Parameters
    ----------
    parent
        Owner; the steps that are left are dropped with it.

    Attributes
    ----------
    ended
        Signal without arguments: there is nothing left to do.
    """

    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: deque[Iterator[None]] = deque()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._run_step)

    @property
    def is_running(self) -> bool:
        """Whether steps are left."""
        return bool(self._queue)

    def add(self, steps: Iterator[None]) -> None:
        """Run steps after those that were added before."""
        self._queue.append(steps)
        self._timer.start()

    def finish(self) -> None:
        """Run all steps that are left at once."""
        self._timer.stop()
        while self._queue:
            for _ in self._queue.popleft():
                pass
        self.ended.emit()

    def _run_step(self) -> None:
        steps = self._queue[0]
        try:
            next(steps)
        except StopIteration:
            self._drop(steps)
        except BaseException:
            self._drop(steps)
            raise
        finally:
            if self._queue:
                self._timer.start()
        if not self._queue:
            self.ended.emit()

    def _drop(self, steps: Iterator[None]) -> None:
        """Drop steps that have ended, unless one of them has finished the queue."""
        if self._queue and self._queue[0] is steps:
            self._queue.popleft()
