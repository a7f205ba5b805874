"""A whole slide that a process segments: its progress, its nuclei while they are found, and its result."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob
from napari_pathprune.plugin.jobs.processes.process_runner import ProcessRunner
from napari_pathprune.plugin.jobs.read_result import ResultRead, read_result
from napari_pathprune.plugin.jobs.slide_job import GrowingSlide, SlideRun, TilesRead, find_slide_jobs, start_slide
from napari_pathprune.plugin.layers.add_folder_result import add_folder_result, find_slide_layer, open_slide_layer
from napari_pathprune.plugin.layers.growing_layer import add_growing_layer
from napari_pathprune.plugin.layers.nuclei_layer import hide_types
from napari_pathprune.plugin.layers.result_layer import arrange_result
from napari_pathprune.plugin.layers.slide_from_layer import slide_from_layer
from napari_pathprune.plugin.shelf.shelf import unwrap
from napari_pathprune.plugin.widgets.plain_label import PlainLabel
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event

READ_S: Final = 0.5
"""Shortest time between two readings of new tiles."""
DRAW_SHARE: Final = 0.1
"""Largest share of the time spent on drawing the layer."""


class SlidePanel(QWidget):  # type: ignore[misc]
    """The latest segmentation of a whole slide that has not been dismissed; hidden if there is none.

    The process goes on when the panel, its dock or napari is closed, and a new panel finds it again. Its nuclei are
    shown on the slide while they are found, if the slide is open, and are replaced by the result in the end.

    Parameters
    ----------
    viewer
        The viewer with the slides.
    jobs
        Folder for the folders of jobs.

    Attributes
    ----------
    changed
        Signal without arguments: the state of the process, or the layer of its nuclei, has changed.
    resume
        Continues a run that was stopped.
    show_button
        Opens the slide, and shows the nuclei on it.
    dismiss
        Forgets a run that has ended; its files stay.
    layer
        The layer of the nuclei; None if they are not shown.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, jobs: Path) -> None:
        super().__init__()
        self._viewer, self._jobs = viewer, jobs
        self._runner, self._reader = ProcessRunner(self), JobRunner(self)
        self._growing: GrowingSlide | None = None
        self._slide: Any = None
        self.layer: Any = None
        self._has_news, self._next_read = False, 0.0
        self._wants_result = False

        self.title = PlainLabel()
        self.title.setWordWrap(True)
        self.resume, self.show_button = QPushButton("Resume"), QPushButton("Show on the slide")
        self.dismiss = QPushButton("Dismiss")
        self.progress = ProgressPanel(self.resume, unit="tile")
        for widget, tip in (
            (self.resume, "Continue where the segmentation was stopped; finished tiles are kept"),
            (self.progress.cancel, "Stop within two seconds; finished tiles are kept, and Resume continues"),
            (self.show_button, "Open the slide if need be, and show the nuclei on it"),
            (self.dismiss, "Remove this run from the dock; its files stay"),
        ):
            widget.setToolTip(tip)
            widget.setAccessibleName(f"{widget.text()}, whole slide")
        buttons = QHBoxLayout()
        for button in (self.show_button, self.dismiss):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._read_tiles)
        self.progress.follow(self._runner, self._describe_end)
        self._runner.batch.connect(self._note_tiles)
        self._runner.ended.connect(self._finish)
        self._reader.received.connect(self._receive)
        self._reader.ended.connect(self._read_ended)
        self.resume.clicked.connect(self._resume)
        self.show_button.clicked.connect(self.show_nuclei)
        self.dismiss.clicked.connect(self._dismiss)
        viewer.layers.events.removed.connect(self._layer_removed)
        self.find()

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._runner.is_running

    @property
    def process(self) -> ProcessJob | None:
        """The process; None if there is none."""
        return self._runner.process

    def start(self, run: SlideRun, slide: Any) -> None:  # noqa: ANN401 - napari has no types
        """Start the segmentation of a slide.

        Parameters
        ----------
        run
            What to segment.
        slide
            Its layer.

        Raises
        ------
        OSError, ValueError
            If the process cannot be started.
        """
        self._forget_finished()
        self._follow(start_slide(run, self._jobs), slide)

    def find(self) -> None:
        """Follow the latest process that is running, or else the latest one that has ended."""
        jobs = find_slide_jobs(self._jobs)
        if jobs:
            self._follow(next((job for job in reversed(jobs) if job.is_running), jobs[-1]))
        self._show_state()

    def show_nuclei(self) -> None:
        """Show the nuclei on their slide, which is opened if need be."""
        job = self.process
        assert job is not None
        try:
            slide = self._slide or open_slide_layer(self._viewer, Path(str(job.notes["slide"])))
        except (OSError, ValueError) as error:
            self.progress.show_error(error_line(error))
            return
        self._show_on(slide)
        if not self.is_running and isinstance(job.end(), JobFinished):
            self._read_result()
        else:
            self._read_tiles()

    def close_down(self) -> None:
        """Stop following process and viewer; the process goes on."""
        self._runner.leave()
        self._reader.stop()
        self._timer.stop()
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    def _follow(self, job: ProcessJob, slide: Any = None) -> None:  # noqa: ANN401 - napari has no types
        if slide is None:
            slide = find_slide_layer(self._viewer, Path(str(job.notes["slide"])))
        self._growing, self._slide, self.layer = None, None, None
        self.title.setText(f"Whole slide: {Path(str(job.notes['slide'])).stem}, {_name_model(job)}")
        self._runner.follow(job, f"segmentation of {Path(str(job.notes['slide'])).stem}")
        if slide is not None and job.is_running:
            self._show_on(slide)
        self._show_state()

    def _show_on(self, slide: Any) -> None:  # noqa: ANN401 - napari has no types
        """Read the nuclei for a layer of their slide from now on."""
        job = self.process
        assert job is not None
        if self._growing is not None:
            return
        self._slide = slide
        self._growing = GrowingSlide(slide_from_layer(slide), Path(str(job.notes["out"])))

    def _note_tiles(self, events: Any) -> None:  # noqa: ANN401 - a tuple of events
        if any(event.kind == "TileDone" for event in events):
            self._has_news = True
            self._schedule_read()

    def _schedule_read(self) -> None:
        if not self._timer.isActive() and not self._reader.is_running:
            self._timer.start(max(int(1000 * (self._next_read - time.perf_counter())), 0))

    def _read_tiles(self) -> None:
        if self._growing is None or self._reader.is_running:
            return
        self._has_news = False
        self._next_read = time.perf_counter() + READ_S
        self._reader.run(Job("reading of finished tiles", self._growing.read_tiles))

    def _read_result(self) -> None:
        """Read the result, after a reading of tiles that is under way."""
        job = self.process
        assert job is not None
        self._wants_result = self._reader.is_running
        if not self._reader.is_running:
            folder = Path(str(job.notes["out"]))
            self._reader.run(Job(f"reading of {folder.name}", lambda: read_result(folder)))

    def _receive(self, event: Event) -> None:
        if isinstance(event, ResultRead):
            self._replace_by_result(event)
        elif isinstance(event, TilesRead) and event.tiles and self._growing is not None:
            start = time.perf_counter()
            self._draw()
            took = time.perf_counter() - start
            self._next_read = time.perf_counter() + max(READ_S, took / DRAW_SHARE)

    def _read_ended(self, end: JobEnd) -> None:
        if isinstance(end, JobFailed):
            self.progress.show_error(end.line)
        if self._wants_result:
            self._read_result()
        elif self._has_news:
            self._schedule_read()

    def _draw(self) -> None:
        """Show the nuclei found so far."""
        growing, slide, job = self._growing, self._slide, self.process
        assert growing is not None
        assert job is not None
        if slide not in self._viewer.layers:
            return
        if self.layer is None:
            layer = add_growing_layer(
                self._viewer,
                slide,
                growing.canvas,
                growing.legend,
                model=str(job.notes["model"]),
                model_name=_name_model(job),
                type_names=growing.type_names,
            )
            self.layer = unwrap(layer)
        self.layer.metadata["counts"] = tuple(int(count) for count in growing.counts)
        self.layer.refresh()
        self.changed.emit()

    def _replace_by_result(self, read: ResultRead) -> None:
        """Show the result instead of the nuclei that were found on the way."""
        growing = self.layer
        try:
            layer = add_folder_result(self._viewer, read.segmentation, read.data, read.attributes, self._slide)
        except (RuntimeError, ValueError) as error:  # napari refuses colours of more than 65,536 labels without numba
            self.progress.show_error(error_line(error))
            return
        self.layer = unwrap(layer)
        if growing is not None and growing in self._viewer.layers:
            hide_types(self.layer, growing.metadata.get("hidden_types", ()))
            self._viewer.layers.remove(growing)
        arrange_result(self._viewer, self.layer, self._slide)
        self._show_state()

    def _finish(self, end: JobEnd) -> None:
        if isinstance(end, JobFinished) and self._slide is not None and self._slide in self._viewer.layers:
            self._read_result()
        self._show_state()

    def _describe_end(self, end: JobEnd) -> str:
        job = self.process
        assert job is not None
        if isinstance(end, JobFailed):
            return f"{end.line} Resume continues." if end.done else end.line
        if isinstance(end, JobCancelled):
            done = f" after {end.done:,} of {self.progress.count(end.total)}" if end.total else ""
            return f"Stopped{done}. Resume continues."
        nuclei = getattr(end.last, "facts", {}).get("nuclei")
        found = "" if nuclei is None else f"{nuclei:,} nucle{'us' if nuclei == 1 else 'i'} in "
        return f"{found}{job.notes['out']}"

    def _resume(self) -> None:
        job, slide = self.process, self._slide
        assert job is not None
        try:
            job.resume()
        except (OSError, ValueError) as error:
            self.progress.show_error(error_line(error))
            return
        layer, growing = self.layer, self._growing
        self._follow(ProcessJob(job.folder), slide)
        if growing is not None:  # goes on with the tiles that it has
            self.layer, self._growing, self._slide = layer, growing, slide
        self._show_state()

    def _dismiss(self) -> None:
        job = self.process
        assert job is not None
        job.dismiss()
        self._runner.process = None
        self._growing = self.layer = self._slide = None
        self.find()

    def _forget_finished(self) -> None:
        job = self.process
        if job is not None and isinstance(job.end(), JobFinished):
            job.dismiss()

    def _layer_removed(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        if self.layer is not None and unwrap(event.value) is self.layer:
            self.layer = self._growing = None
            self._show_state()

    def _show_state(self) -> None:
        """Show the buttons that can be used now."""
        job, is_running = self.process, self.is_running
        self.setVisible(job is not None)
        if job is not None:
            end = None if is_running else job.end()
            self.resume.setVisible(not is_running and not isinstance(end, JobFinished))
            self.progress.cancel.setVisible(is_running)
            self.show_button.setVisible(self.layer is None and (self._growing is None or not is_running))
            self.dismiss.setVisible(not is_running)
        self.changed.emit()


def _name_model(job: ProcessJob) -> str:
    return Path(str(job.notes["model"])).name.removesuffix(".safetensors")
