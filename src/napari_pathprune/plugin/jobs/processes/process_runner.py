"""Follow a job in a process of its own, and report its events as Qt signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject, QTimer, Signal

from napari_pathprune.base.time_left import TimeLeft

if TYPE_CHECKING:
    from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob

POLL_MS: Final = 250


class FollowedJob:
    """What a `ProgressPanel` shows of a job.

    Parameters
    ----------
    name
        What the job does, as a noun phrase.

    Attributes
    ----------
    seconds_left
        Estimated time until the job has finished; None while it cannot be estimated.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds_left: float | None = None


class ProcessRunner(QObject):  # type: ignore[misc]
    """Follow one `ProcessJob` at a time, with the signals of a `JobRunner`.

    The process goes on when its runner is destroyed.

    Parameters
    ----------
    parent
        Owner of the runner.

    Attributes
    ----------
    started
        Signal with a `FollowedJob`, before the first event.
    received
        Signal with the latest milestone and the latest event of each poll.
    batch
        Signal with all events of a poll, a tuple of `LoggedEvent`, before `received`.
    stopping
        Signal without arguments: the process was asked to terminate.
    ended
        Signal with the `JobEnd`.
    process
        The `ProcessJob` that is or was followed; None before the first one.
    """

    started = Signal(object)
    received = Signal(object)
    batch = Signal(object)
    stopping = Signal()
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.process: ProcessJob | None = None
        self.job: FollowedJob | None = None
        self._time_left = TimeLeft()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def is_running(self) -> bool:
        """Whether a job is followed whose end has not been reported."""
        return self.job is not None

    def follow(self, process: ProcessJob, name: str) -> None:
        """Report the events of a job from its beginning, whether it is running or has ended.

        Parameters
        ----------
        process
            The job; one that has reported no events yet.
        name
            What it does, as a noun phrase.
        """
        assert not self.is_running, f"{self.process} is still followed"
        self.process, self.job, self._time_left = process, FollowedJob(name), TimeLeft()
        self.started.emit(self.job)
        self._timer.start()

    def stop(self) -> None:
        """Terminate the process, if it is running."""
        if self.process is not None and self.is_running:
            self.process.cancel()
            self.stopping.emit()

    def leave(self) -> None:
        """Stop following; the process goes on."""
        self._timer.stop()
        self.job = None

    def _poll(self) -> None:
        assert self.process is not None
        assert self.job is not None
        end = self.process.end()  # before the events, so that none can come between the two
        events = self.process.events()
        if events:
            last = events[-1]
            milestone = next((event for event in reversed(events) if event.is_milestone and event.line), None)
            if self.process.is_read:  # the pace of old events is that of reading
                self.job.seconds_left = self._time_left.update(last.done, last.total)
            self.batch.emit(events)
            if milestone is not None and milestone is not last:
                self.received.emit(milestone)
            self.received.emit(last)
        if end is not None and self.process.is_read:
            end = self.process.end()
            self.leave()
            self.ended.emit(end)
