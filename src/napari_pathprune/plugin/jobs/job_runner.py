"""Run jobs in a worker's thread and report their events as Qt signals."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Qt, QThreadPool, Signal
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget
from superqt.utils import create_worker as create_unlisted_worker

from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd

if TYPE_CHECKING:
    from napari_pathprune.base.event import Event

EXIT_MS: Final = 10_000
"""Longest time that the end of Python waits for the current steps of jobs."""


class JobRunner(QObject):  # type: ignore[misc]
    """Run one job at a time.

    All signals are emitted in the thread of the window. A job is stopped when its runner is destroyed, so a dock makes
    its runner a child of itself.

    Parameters
    ----------
    parent
        Owner of the runner.

    Attributes
    ----------
    started
        Signal with the `Job`, before its first event.
    received
        Signal with each `Event` of the workflow.
    stopping
        Signal without arguments: the job was asked to stop, and completes its current step.
    ended
        Signal with the `JobEnd`.
    """

    started = Signal(object)
    received = Signal(object)
    stopping = Signal()
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: list[Job] = []  # one job at most; a list, because it outlives the runner
        self._last: Event | None = None
        self._end: JobEnd | None = None
        self.destroyed.connect(_keep_stopper(self._running))

    @property
    def job(self) -> Job | None:
        """The running job, or None."""
        return self._running[0] if self._running else None

    @property
    def is_running(self) -> bool:
        """Whether a job is running."""
        return bool(self._running)

    def run(self, job: Job) -> None:
        """Run a job in the background."""
        assert not self.is_running, f"{self.job} is still running"
        self._running.append(job)
        self._last = self._end = None
        self.started.emit(job)
        worker = _create_worker(self.parent())(job.events, _start_thread=False)
        worker.yielded.connect(self._receive)
        worker.finished.connect(self._finish)
        worker.aborted.connect(job.close, type=Qt.ConnectionType.DirectConnection)  # in the worker's own thread
        worker.start()

    def stop(self) -> None:
        """Request the end of the running job, if there is one."""
        if self.is_running:
            _stop_all(self._running)
            self.stopping.emit()

    def _receive(self, event: Event) -> None:
        if isinstance(event, JobEnd):
            self._end = event
        else:
            self._last = event
            self.received.emit(event)

    def _finish(self) -> None:
        """Report the end of the job once its thread has finished."""
        self._running.clear()
        self.ended.emit(self._end or JobCancelled(last=self._last))  # no end: napari has quit the worker


def _create_worker(owner: QObject | None) -> Callable[..., Any]:
    """Return what creates a worker for a runner.

    napari lists workers by the window that was active last, asks before that one is closed, and then quits them. A job
    of another window would be stopped with it, so it is not listed; the end of its own window stops it all the same.
    """
    windows = [one for one in QApplication.topLevelWidgets() if isinstance(one, QMainWindow) and one.isVisible()]
    own = owner.window() if isinstance(owner, QWidget) else None
    is_last = len(windows) < 2 or own is QApplication.activeWindow()
    create: Callable[..., Any] = create_worker if is_last else create_unlisted_worker
    return create


def _stop_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.stop()


_STOPPERS: Final[dict[int, Callable[..., None]]] = {}
"""What stops the jobs of each runner that exists.

Were it only referred to by the runner, the garbage collector could clear it between the last use of a dock and its
destruction by Qt, which would then call a function that is no more and end the program.
"""


def _keep_stopper(jobs: list[Job]) -> Callable[..., None]:
    """Return a function that stops the jobs of a runner, and is kept until it is called."""

    def stop(_: object = None) -> None:
        _STOPPERS.pop(id(jobs), None)
        _stop_all(jobs)

    _STOPPERS[id(jobs)] = stop
    return stop


@atexit.register
def _stop_at_exit() -> None:
    """Stop all jobs, and wait for their current steps.

    A thread that is still running when Python has taken Qt's objects down would abort the process. napari waits for the
    workers that it lists when its last window is closed, but a script may end in other ways.
    """
    for stop in tuple(_STOPPERS.values()):
        stop()
    pool = QThreadPool.globalInstance()
    if pool is not None:
        pool.waitForDone(EXIT_MS)
