"""The dock that compresses and fine-tunes models."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QShowEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.docks.compress_words import describe_result, name_job
from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.compress.compress_check import RequestChecked, check_in_process
from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest
from napari_pathprune.plugin.jobs.compress.cut_preview import MEASURES, ModelRead, cut_model, read_model
from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob, find_jobs, jobs_folder, start_process
from napari_pathprune.plugin.jobs.processes.process_runner import ProcessRunner
from napari_pathprune.plugin.jobs.view_job import NamedModel
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.compress.compress_cut import describe
from napari_pathprune.plugin.widgets.compress.compress_form import CompressForm
from napari_pathprune.plugin.widgets.compress.training_curves import TrainingCurves
from napari_pathprune.plugin.widgets.compress.view_panel import ViewPanel
from napari_pathprune.plugin.widgets.progress_panel import ERROR_STYLE, ProgressPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event

WIDTH_PX: Final = 320
VERBS: Final = ("compress", "finetune")


class CompressDock(QWidget):  # type: ignore[misc]
    """Make a model smaller, or fine-tune it, in a process that outlives the window.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; passed by napari.
    jobs
        Folder for the folders of jobs; by default in the user's data folder. The latest job in it that has not been
        cancelled is shown.
    """

    def __init__(self, napari_viewer: Viewer, jobs: Path | None = None) -> None:
        super().__init__()
        self._viewer, self._jobs = napari_viewer, jobs or jobs_folder()
        self._shelf = shelf_of(napari_viewer)
        self._read: ModelRead | None = None
        self._request: CompressRequest | None = None
        self._is_cancelling = False
        self._reader, self._checker, self._runner = JobRunner(self), JobRunner(self), ProcessRunner(self)

        self.view = ViewPanel(
            napari_viewer, "Preview on the slide", "Segment the current view with the cut model, before any training"
        )
        self.form = CompressForm(self._shelf, self.view.slide)
        self.device, self.problem = QLabel(), QLabel()
        self.run, self.pause, self.resume = QPushButton("Start"), QPushButton("Pause"), QPushButton("Resume")
        self.progress = ProgressPanel(self.run, unit="step")
        self.progress.cancel.setToolTip("End the training and forget it; files that it wrote stay")
        self.curves = TrainingCurves()
        self.report, self.both = QPushButton("Open the report"), QPushButton("Segment the view with both")
        self._describe_widgets()
        self._arrange()
        self._connect()
        self._find_job()
        self._show_readiness()
        join_tabs(self)

    @property
    def is_running(self) -> bool:
        """Whether a training is running or being prepared."""
        return self._runner.is_running or self._checker.is_running

    def start(self) -> None:
        """Check the request; start it if there is no problem."""
        if self.is_running or self._read is None:
            return
        try:
            self._request = request = self.form.request()
        except ValueError as error:
            self.progress.show_error(error_line(error))
            return
        self.progress.show_line("Checking model, images and disk ...")
        self._checker.run(Job("check before the training", lambda: check_in_process(request)))
        self._show_readiness()

    def preview(self) -> None:
        """Segment the current view with the model cut as the form says, before any training."""
        preview, read = self.form.cut.preview, self._read
        if preview is None or preview.plan is None or read is None:
            return
        plan, settings = preview.plan, self.form.cut.settings()
        name = f"{Path(read.source).stem}, {settings.keep:.0%} of {MEASURES[settings.measure]}, untrained"
        self.view.start([NamedModel(name, read.source, lambda: cut_model(read, plan), is_cut=True)])

    def segment_with_both(self) -> None:
        """Segment the current view with the dense and the compact model of the finished job."""
        job = self._runner.process
        assert job is not None
        from napari_pathprune.workflows.checkpoint import load

        sources = (str(job.notes["model"]), str(job.notes["out"]))
        self.view.start([NamedModel(Path(one).stem, one, lambda one=one: load(one)) for one in sources])  # type: ignore[misc]

    def open_report(self) -> None:
        """Open the report of the finished job in the browser."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report_path())))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Read the chosen model once the dock is visible."""
        super().showEvent(event)
        self._read_model()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the process alone when napari closes the dock, which removes this widget from its parent."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()

    def _find_job(self) -> None:
        """Follow a job that is running, or else the latest one that was paused, or ended while no dock was open."""
        jobs = [job for job in find_jobs(self._jobs) if job.arguments[:1] and job.arguments[0] in VERBS]
        if jobs:
            self._follow(next((job for job in reversed(jobs) if job.is_running), jobs[-1]))

    def _follow(self, job: ProcessJob) -> None:
        self._is_cancelling = False
        self.curves.clear()
        self._runner.follow(job, name_job(job))
        self._show_readiness()

    def _read_model(self) -> None:
        """Read the chosen model in the background, unless it is known."""
        source = self.form.model.model
        if source is None or self._reader.is_running or (self._read is not None and self._read.source == source):
            return
        self._read = None
        self.form.cut.show_model(None)
        self._reader.run(Job(f"reading of {source}", lambda: read_model(source)))

    def _model_read(self, end: JobEnd) -> None:
        if isinstance(end, JobFailed):
            self.form.cut.show_problem(end.line)
        elif isinstance(end.last, ModelRead) and end.last.source == self.form.model.model:
            self._read = end.last
            self.device.setText(f"Trains on: {end.last.device}")
            self.form.cut.show_model(end.last)
        else:  # another model was chosen meanwhile
            self._read_model()
        self._show_readiness()

    def _checked(self, end: JobEnd) -> None:
        """Start the process, or show the problems."""
        request, checked = self._request, end.last
        if not isinstance(checked, RequestChecked) or request is None:
            self.progress.show_error(end.line)
        elif checked.problems:
            self.progress.show_error("\n".join(checked.problems))
        else:
            folder = self._jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{request.out.stem}"
            notes = {"model": request.model, "out": str(request.out)}
            try:
                job = start_process(folder, request.arguments(), notes)
            except (OSError, ValueError) as error:
                self.progress.show_error(error_line(error))
            else:
                self._forget_finished()
                self._follow(job)
        self._show_readiness()

    def _forget_finished(self) -> None:
        job = self._runner.process
        if job is not None and isinstance(job.end(), JobFinished):
            job.dismiss()

    def _pause(self) -> None:
        self._runner.stop()

    def _cancel(self) -> None:
        self._is_cancelling = True

    def _resume(self) -> None:
        job = self._runner.process
        assert job is not None
        try:
            job.resume()
        except (OSError, ValueError) as error:
            self.progress.show_error(error_line(error))
            return
        self._follow(ProcessJob(job.folder))

    def _finish(self, end: JobEnd) -> None:
        job = self._runner.process
        assert job is not None
        if isinstance(end, JobFinished) and self._out_path().exists():
            self._shelf.add_model(self._out_path())
            self.form.suggest_next()
        if isinstance(end, JobCancelled) and self._is_cancelling:
            job.dismiss()
        self._show_readiness()

    def _describe_end(self, end: JobEnd) -> str:
        if isinstance(end, JobCancelled):
            return self.progress.describe_end(end) if self._is_cancelling else "Paused. Resume continues."
        return describe_result(end, self._out_path().name) if isinstance(end, JobFinished) else end.line

    def _out_path(self) -> Path:
        assert self._runner.process is not None
        return Path(str(self._runner.process.notes["out"]))

    def _report_path(self) -> Path:
        out = self._out_path()
        return out.with_name(f"{out.stem}.report.html")

    def _show_readiness(self) -> None:
        """Enable what is possible now, show the next step, and say why Start is not."""
        job, is_running = self._runner.process, self.is_running
        end = None if job is None or is_running else job.end()
        is_finished = isinstance(end, JobFinished)
        problem = self.form.problem or ("The model is being read" if self._read is None else None)
        self.form.setEnabled(not is_running)
        self.run.setEnabled(not is_running and problem is None)
        self.run.setToolTip(problem or "Check everything, then start the training in a process of its own")
        self.problem.setText(problem or "")
        self.problem.setVisible(not is_running and problem is not None)
        self.pause.setVisible(self._runner.is_running)
        self.resume.setVisible(end is not None and not is_finished and not self._is_cancelling)
        self.report.setVisible(is_finished and self._report_path().exists())
        self.both.setVisible(is_finished and self._out_path().exists())
        self.both.setEnabled(self.view.is_ready)
        preview = self.form.cut.preview
        self.view.button.setEnabled(self.view.is_ready and preview is not None and preview.plan is not None)
        self.view.setVisible(self.form.is_cut or self.form.is_slide or is_finished)

    def _describe_widgets(self) -> None:
        for label in (self.device, self.problem):
            label.setWordWrap(True)
        self.problem.setStyleSheet(ERROR_STYLE)
        for widget, name, tip in (
            (self.run, "Start", "Start the training"),
            (self.pause, "Pause", "End the process; Resume continues where it was, also after a restart of napari"),
            (self.resume, "Resume", "Continue where the training was stopped"),
            (self.report, "Open the report", "Sizes, scores and example pictures, in the browser"),
            (self.both, "Segment the view with both", "Segment the current view with the dense and the compact model"),
        ):
            describe(widget, name, tip)

    def _arrange(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        more = QHBoxLayout()
        for button in (self.pause, self.resume):
            more.addWidget(button)
        for widget in (self.form, self.view, self.device, self.problem, self.progress):
            layout.addWidget(widget)
        layout.addLayout(more)
        for widget in (self.curves, self.report, self.both):
            layout.addWidget(widget)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(WIDTH_PX)

    def _connect(self) -> None:
        self.progress.cancel.clicked.connect(self._cancel)  # before the panel stops the runner
        self.progress.follow(self._runner, self._describe_end)
        for button, action in (
            (self.run, self.start),
            (self.pause, self._pause),
            (self.resume, self._resume),
            (self.report, self.open_report),
            (self.both, self.segment_with_both),
            (self.view.button, self.preview),
        ):
            button.clicked.connect(action)
        self.form.model_changed.connect(self._read_model)
        self._reader.ended.connect(self._model_read)
        self._checker.ended.connect(self._checked)
        self._runner.batch.connect(self.curves.add_events)
        self._runner.ended.connect(self._finish)
        for signal in (self.form.changed, self.view.slide.chosen):
            signal.connect(self._show_readiness)
        for signal in (self.view.runner.started, self.view.runner.ended):
            signal.connect(self._follow_view)

    def _follow_view(self, _: Event) -> None:
        self._show_readiness()

    def _close_down(self) -> None:
        self._runner.leave()
        self._reader.stop()
        self._checker.stop()
        self.view.close_down()
        self.form.disconnect_viewer()
