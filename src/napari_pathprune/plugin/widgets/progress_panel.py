"""How far a job is, how it ended, and a button to cancel it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.time_left import format_duration
from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd, JobFailed
from napari_pathprune.plugin.widgets.plain_label import PlainLabel

if TYPE_CHECKING:
    from napari_pathprune.base.event import Event
    from napari_pathprune.plugin.jobs.job_runner import JobRunner

ERROR_STYLE: Final = "color: #ff7066;"


class ProgressPanel(QWidget):  # type: ignore[misc]
    """Run and Cancel, a progress bar, and two lines of text; works with the events of any workflow.

    Parameters
    ----------
    run
        The button that starts the job; shown left of Cancel. The dock connects and enables it.
    unit
        What the workflow counts, in the singular: "tile", "step", "image".

    Attributes
    ----------
    bar
        Share of the work that is done, and the time left. Shown while a job runs.
    line
        The latest milestone, or how the job ended.
    detail
        The latest line that is not a milestone. Shown while a job runs.
    cancel
        Stops the job.
    """

    def __init__(self, run: QPushButton, unit: str = "step") -> None:
        super().__init__()
        self._unit, self._run = unit, run
        self._runner: JobRunner | None = None
        self._describe_end: Callable[[JobEnd], str] = self.describe_end
        self.bar, self.cancel = QProgressBar(), QPushButton("Cancel")
        self.cancel.setToolTip(f"Stop after the current {unit}; results so far are kept")
        self.line, self.detail = PlainLabel(), PlainLabel()
        buttons = QHBoxLayout()
        buttons.addWidget(run, 1)
        buttons.addWidget(self.cancel, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        for label in (self.line, self.detail):
            label.setWordWrap(True)
            layout.addWidget(label)
        self.line.hide()  # an empty line would take space
        self._set_running(running=False)

    def follow(self, runner: JobRunner, describe_end: Callable[[JobEnd], str] | None = None) -> None:
        """Show the jobs of a runner, and let Cancel stop them.

        Parameters
        ----------
        runner
            Runs the jobs of the dock.
        describe_end
            Returns the line to show when a job has ended; by default `describe_end` of this panel.
        """
        self._runner, self._describe_end = runner, describe_end or self.describe_end
        runner.started.connect(self.start)
        runner.received.connect(self.show_event)
        runner.stopping.connect(self._show_stopping)
        runner.ended.connect(self.show_end)
        self.cancel.clicked.connect(runner.stop)

    def start(self, job: Job) -> None:
        """Show that a job has started and that its amount of work is not known yet."""
        self.bar.setRange(0, 0)
        self.bar.setFormat("")
        self.detail.clear()
        self.show_line(f"Starting {job.name} ...")
        self._set_running(running=True)
        if self._has_focus(self._run):  # the dock disables it, and Qt would choose something outside of the dock
            self.cancel.setFocus()

    def show_event(self, event: Event) -> None:
        """Show an event of a workflow."""
        if event.total is not None:
            self.bar.setRange(0, max(event.total, 1))
            self.bar.setValue(event.done)
            self.bar.setFormat(f"{event.done:,} of {self.count(event.total)}{self._time_left(event)}")
        if event.line and event.is_milestone:
            self.show_line(event.line)
        elif event.line:
            self.detail.setText(event.line)

    def show_end(self, end: JobEnd) -> None:
        """Show how a job ended; an error is a notification of napari, too."""
        if self._has_focus(self.cancel):
            QTimer.singleShot(0, self._run.setFocus)  # the dock enables it after this
        self._set_running(running=False)
        line = self._describe_end(end)
        if isinstance(end, JobFailed):
            self.show_error(line)
        else:
            self.show_line(line)

    def describe_end(self, end: JobEnd) -> str:
        """Return a line about the end of any job."""
        if isinstance(end, JobCancelled):
            return f"Cancelled after {end.done:,} of {self.count(end.total)}." if end.total else "Cancelled."
        return end.line or "Finished."

    def show_line(self, text: str) -> None:
        """Show a line of text."""
        self._set_line(text, "")

    def show_error(self, text: str) -> None:
        """Show an error, here and as a notification."""
        self._set_line(text, ERROR_STYLE)
        show_error(text)

    def count(self, number: int) -> str:
        """Return a number with its unit: "1 tile", "1,200 tiles"."""
        return f"{number:,} {self._unit}" + "s" * (number != 1)

    def _has_focus(self, button: QPushButton) -> bool:
        return self.window().focusWidget() is button

    def _time_left(self, event: Event) -> str:
        job = None if self._runner is None else self._runner.job
        seconds = None if job is None or event.done == event.total else job.seconds_left
        return "" if seconds is None else f", about {format_duration(seconds)} left"

    def _set_line(self, text: str, style: str) -> None:
        self.line.setStyleSheet(style)
        self.line.setText(text)
        self.line.setVisible(bool(text))

    def _show_stopping(self) -> None:
        self.cancel.setEnabled(False)
        self.show_line(f"Stopping after the current {self._unit} ...")

    def _set_running(self, *, running: bool) -> None:
        self.bar.setVisible(running)
        self.detail.setVisible(running)
        self.cancel.setEnabled(running)
