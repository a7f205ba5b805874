"""The dock that compresses and fine-tunes models."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.compress.compress_check import RequestChecked, check_in_process
from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest
from napari_pathprune.plugin.jobs.compress.cut_preview import MEASURES, ModelRead, cut_model, read_model
from napari_pathprune.plugin.jobs.job import Job, JobEnd, JobFailed
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.preload import preload
from napari_pathprune.plugin.jobs.processes.process_job import find_jobs, jobs_folder, start_process
from napari_pathprune.plugin.jobs.view_job import NamedModel
from napari_pathprune.plugin.shelf.preferences import read_preferences
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.compress.compress_form import CompressForm
from napari_pathprune.plugin.widgets.compress.training_panel import TrainingPanel
from napari_pathprune.plugin.widgets.compress.view_panel import ViewPanel
from napari_pathprune.plugin.widgets.form_parts import describe
from napari_pathprune.plugin.widgets.plain_label import PlainLabel
from napari_pathprune.plugin.widgets.progress_panel import ERROR_STYLE
from napari_pathprune.plugin.widgets.section import make_scroll_area

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event

WIDTH_PX: Final = 320
PLAN_FILE: Final = "plan.json"
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
        self._device = "auto"
        self._request: CompressRequest | None = None
        self._reader, self._checker = JobRunner(self), JobRunner(self)

        self.view = ViewPanel(
            napari_viewer, "Preview on the slide", "Segment the current view with the cut model, before any training"
        )
        self.form = CompressForm(self._shelf, self.view.slide)
        self.device, self.problem = PlainLabel(), PlainLabel()
        self.run = QPushButton("Start")
        self.training = TrainingPanel(self.run)
        self._describe_widgets()
        self._arrange()
        self._connect()
        self._find_job()
        self._show_readiness()
        join_tabs(self)
        preload()

    @property
    def is_running(self) -> bool:
        """Whether a training is running or being prepared."""
        return self.training.is_running or self._checker.is_running

    def start(self) -> None:
        """Check the request; start it if there is no problem."""
        if self.is_running or self._read is None:
            return
        try:
            self._request = request = self.form.request()
        except ValueError as error:
            self.training.progress.show_error(error_line(error))
            return
        self.training.progress.show_line("Checking model, images and disk ...")
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
        from napari_pathprune.workflows.checkpoint import load

        models = [NamedModel(Path(one).stem, one, lambda one=one: load(one)) for one in self.training.sources]  # type: ignore[misc]
        self.view.start(models)

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
            self.training.follow(next((job for job in reversed(jobs) if job.is_running), jobs[-1]))

    def _read_model(self) -> None:
        """Read the chosen model in the background, unless it is known."""
        source, device = self.form.model.model, read_preferences().device
        is_known = self._read is not None and (self._read.source, self._device) == (source, device)
        if source is None or self._reader.is_running or is_known:
            return
        self._read, self._device = None, device
        self.form.cut.show_model(None)
        self._reader.run(Job(f"reading of {source}", lambda: read_model(source, device)))

    def _model_read(self, end: JobEnd) -> None:
        if isinstance(end, JobFailed):
            self.form.cut.show_problem(end.line)
        elif isinstance(end.last, ModelRead) and end.last.source == self.form.model.model:
            self._read = end.last
            self.device.setText(f"Trains on: {end.last.device}")
            self.form.cut.show_model(end.last, self._device)
        else:  # another model was chosen meanwhile
            self._read_model()
        self._show_readiness()

    def _checked(self, end: JobEnd) -> None:
        """Start the process, or show the problems."""
        request, checked = self._request, end.last
        if not isinstance(checked, RequestChecked) or request is None:
            self.training.progress.show_error(end.line)
        elif checked.problems:
            self.training.progress.show_error("\n".join(checked.problems))
        else:
            folder = self._jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{request.out.stem}"
            notes = {"model": request.model, "out": str(request.out)}
            plan_file = folder / PLAN_FILE
            try:
                if request.plan:
                    folder.mkdir(parents=True, exist_ok=True)
                    with write_atomically(plan_file) as part:
                        part.write_text(request.plan, encoding="utf-8")
                job = start_process(folder, request.arguments(plan_file), notes)
            except (OSError, ValueError) as error:
                self.training.progress.show_error(error_line(error))
            else:
                self.training.follow(job)
        self._show_readiness()

    def _take_result(self, out: Path) -> None:
        self._shelf.add_model(out)
        self.form.suggest_next()

    def _show_readiness(self) -> None:
        """Enable what is possible now, and say why Start is not."""
        is_running = self.is_running
        problem = self.form.problem or ("The model is being read" if self._read is None else None)
        self.form.setEnabled(not is_running)
        self.run.setEnabled(not is_running and problem is None)
        self.run.setToolTip(problem or "Check everything, then start the training in a process of its own")
        self.problem.setText(problem or "")
        self.problem.setVisible(not is_running and problem is not None)
        self.training.both.setEnabled(self.view.is_ready)
        preview = self.form.cut.preview
        self.view.button.setEnabled(self.view.is_ready and preview is not None and preview.plan is not None)
        self.view.setVisible(self.form.is_cut or self.form.is_slide or self.training.is_finished)

    def _describe_widgets(self) -> None:
        for label in (self.device, self.problem):
            label.setWordWrap(True)
        self.problem.setStyleSheet(ERROR_STYLE)
        describe(self.run, "Start", "Start the training")

    def _arrange(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        for widget in (self.form, self.view, self.device, self.problem, self.training):
            layout.addWidget(widget)
        layout.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(make_scroll_area(content))
        self.setMinimumWidth(WIDTH_PX)

    def _connect(self) -> None:
        self.run.clicked.connect(self.start)
        self.training.both.clicked.connect(self.segment_with_both)
        self.training.written.connect(self._take_result)
        self.view.button.clicked.connect(self.preview)
        self.form.model_changed.connect(self._read_model)
        self._reader.ended.connect(self._model_read)
        self._checker.ended.connect(self._checked)
        for signal in (self.form.changed, self.view.slide.chosen, self.training.changed):
            signal.connect(self._show_readiness)
        for signal in (self.view.runner.started, self.view.runner.ended):
            signal.connect(self._follow_view)

    def _follow_view(self, _: Event) -> None:
        self._show_readiness()

    def _close_down(self) -> None:
        self.training.runner.leave()
        self._reader.stop()
        self._checker.stop()
        self.view.close_down()
        self.form.disconnect_viewer()
