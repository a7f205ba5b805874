"""A training in a process of its own: its buttons, its progress and its curves, and what to do with its result."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.base.event_log import EXAMPLE
from napari_pathprune.plugin.jobs.job import JobCancelled, JobEnd, JobFinished
from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob
from napari_pathprune.plugin.jobs.processes.process_runner import ProcessRunner
from napari_pathprune.plugin.widgets.compress.compress_words import describe_result, name_job
from napari_pathprune.plugin.widgets.compress.example_view import ExampleView
from napari_pathprune.plugin.widgets.compress.training_curves import TrainingCurves
from napari_pathprune.plugin.widgets.form_parts import describe
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel


class TrainingPanel(QWidget):  # type: ignore[misc]
    """Follow one compression or fine-tuning at a time.

    Parameters
    ----------
    run
        The button that starts a training; shown left of Cancel. The dock connects and enables it.

    Attributes
    ----------
    changed
        Signal without arguments: a training was started or has ended.
    written
        Signal with the path of a model that was written.
    runner
        Follows the process.
    pause, resume
        End the process so that it can go on, and continue it.
    report, both
        Open the report, and segment with both models; the dock connects the latter.
    """

    changed = Signal()
    written = Signal(object)

    def __init__(self, run: QPushButton) -> None:
        super().__init__()
        self._is_cancelling = False
        self.runner = ProcessRunner(self)
        self.progress = ProgressPanel(run, unit="step")
        self.progress.cancel.setToolTip("End the training and forget it; files that it wrote stay")
        self.pause, self.resume = QPushButton("Pause"), QPushButton("Resume")
        self.curves, self.example = TrainingCurves(), ExampleView()
        self.report, self.both = QPushButton("Open the report"), QPushButton("Segment the view with both")
        for widget, tip in (
            (self.pause, "End the process; Resume continues where it was, also after a restart of napari"),
            (self.resume, "Continue where the training was stopped"),
            (self.report, "Sizes, scores and example pictures, in the browser"),
            (self.both, "Segment the current view with the dense and the compact model"),
        ):
            describe(widget, widget.text(), tip)
        more = QHBoxLayout()
        more.addWidget(self.pause)
        more.addWidget(self.resume)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.progress)
        layout.addLayout(more)
        for widget in (self.curves, self.example, self.report, self.both):
            layout.addWidget(widget)

        self.progress.cancel.clicked.connect(self._cancel)  # before the panel stops the runner
        self.progress.follow(self.runner, self._describe_end)
        self.pause.clicked.connect(self.runner.stop)
        self.resume.clicked.connect(self.continue_job)
        self.report.clicked.connect(self.open_report)
        self.runner.batch.connect(self.curves.add_events)
        self.runner.batch.connect(self._show_example)
        self.runner.ended.connect(self._finish)
        self.show_state()

    @property
    def is_running(self) -> bool:
        """Whether a training is followed that has not ended."""
        return self.runner.is_running

    @property
    def is_finished(self) -> bool:
        """Whether the training has run to its end."""
        return isinstance(self._end(), JobFinished)

    @property
    def sources(self) -> tuple[str, str]:
        """The dense model and the model that the training writes, each a file or a packaged name."""
        assert self.runner.process is not None
        notes = self.runner.process.notes
        return str(notes["model"]), str(notes["out"])

    def follow(self, job: ProcessJob) -> None:
        """Show a job, whether it is running or has ended. One that had finished before is not found again."""
        before = self.runner.process
        if before is not None and before.folder != job.folder and isinstance(before.end(), JobFinished):
            before.dismiss()
        self._is_cancelling = False
        self.curves.clear()
        self.example.clear()
        self.example.titles = ("tissue", "dense" if job.arguments[0] == "compress" else "before", "now")
        self.runner.follow(job, name_job(job))
        self.show_state()
        self.changed.emit()

    def continue_job(self) -> None:
        """Start the process of the job again."""
        job = self.runner.process
        assert job is not None
        try:
            job.resume()
        except (OSError, ValueError) as error:
            self.progress.show_error(error_line(error))
            return
        self.follow(ProcessJob(job.folder))

    def open_report(self) -> None:
        """Open the report of the finished job in the browser."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report())))

    def show_state(self) -> None:
        """Show the buttons that are of use now."""
        end, is_finished = self._end(), self.is_finished
        self.pause.setVisible(self.is_running)
        self.resume.setVisible(end is not None and not is_finished and not self._is_cancelling)
        self.report.setVisible(is_finished and self._report().exists())
        self.both.setVisible(is_finished and self._out().exists())

    def _end(self) -> JobEnd | None:
        job = self.runner.process
        return None if job is None or self.is_running else job.end()

    def _show_example(self, _: object = None) -> None:
        assert self.runner.process is not None
        self.example.refresh(self.runner.process.folder / EXAMPLE)

    def _cancel(self) -> None:
        self._is_cancelling = True

    def _finish(self, end: JobEnd) -> None:
        job = self.runner.process
        assert job is not None
        self._show_example()
        if isinstance(end, JobFinished) and self._out().exists():
            self.written.emit(self._out())
        if isinstance(end, JobCancelled) and self._is_cancelling:
            job.dismiss()
        self.show_state()
        self.changed.emit()

    def _describe_end(self, end: JobEnd) -> str:
        if isinstance(end, JobCancelled):
            return self.progress.describe_end(end) if self._is_cancelling else "Paused. Resume continues."
        return describe_result(end, self._out().name) if isinstance(end, JobFinished) else end.line

    def _out(self) -> Path:
        return Path(self.sources[1])

    def _report(self) -> Path:
        return self._out().with_name(f"{self._out().stem}.report.html")
