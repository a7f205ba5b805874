"""The dock that segments nuclei."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.base.time_left import format_duration
from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.preload import preload
from napari_pathprune.plugin.jobs.processes.process_job import jobs_folder
from napari_pathprune.plugin.jobs.segment_job import (
    ModelLoaded,
    SegmentRequest,
    SegmentWorkflow,
    load_and_segment,
    paint_tiles,
)
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.plugin.layers.result_layer import add_result_layer, arrange_result, name_result
from napari_pathprune.plugin.shelf.shelf import ShelfResult, result_metadata, shelf_of, unwrap
from napari_pathprune.plugin.widgets.legend import Legend
from napari_pathprune.plugin.widgets.plain_label import PlainLabel
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel
from napari_pathprune.plugin.widgets.segment_form import SegmentForm
from napari_pathprune.plugin.widgets.slide_panel import SlidePanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event

WIDTH_PX: Final = 320
REDRAW_S: Final = 0.5
REDRAW_SHARE: Final = 0.2
"""Largest share of the time spent on redrawing: with many nuclei the layer is redrawn less often."""


class SegmentDock(QWidget):  # type: ignore[misc]
    """Segment the nuclei in the current view, in a drawn region, or on a whole slide.

    Whole slides that have a file are segmented by a process of its own, which survives the window; see `SlidePanel`.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; passed by napari.
    workflow
        How to segment views and regions.
    jobs
        Folder for the folders of processes; by default in the user's data folder.
    """

    def __init__(
        self, napari_viewer: Viewer, workflow: SegmentWorkflow = load_and_segment, jobs: Path | None = None
    ) -> None:
        super().__init__()
        self._viewer, self._workflow = napari_viewer, workflow
        self._runner = JobRunner(self)
        self._request: SegmentRequest | None = None
        self._canvas: NucleiCanvas | None = None
        self._layer: Any = None
        self._slide_layer: Any = None
        self._type_names: tuple[str, ...] = ()
        self._redrawn, self._redraw_gap = 0.0, REDRAW_S
        self._first_tile: tuple[int, float] | None = None

        self.form = SegmentForm(napari_viewer)
        self.run = QPushButton("Run")
        self.progress = ProgressPanel(self.run, unit="tile")
        self.problem = PlainLabel()
        self.problem.setWordWrap(True)
        self.whole = SlidePanel(napari_viewer, jobs or jobs_folder())
        self.legend = Legend(napari_viewer)
        self._arrange()

        self._redraw_timer = QTimer(self)
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.timeout.connect(self._redraw)
        self.run.clicked.connect(self.start)
        self.progress.follow(self._runner, self._describe_end)
        self._runner.received.connect(self._receive)
        self._runner.ended.connect(self._finish)
        self.whole.changed.connect(self._show_readiness)
        self.whole.changed.connect(self.legend.refresh)
        self.form.changed.connect(self._show_readiness)
        napari_viewer.layers.events.removed.connect(self._layer_removed)
        self._show_readiness()
        join_tabs(self)
        preload()

    @property
    def is_running(self) -> bool:
        """Whether a segmentation is running."""
        return self._runner.is_running

    def start(self) -> None:
        """Start the segmentation that the form describes."""
        if self.is_running:
            return
        try:
            if self.form.is_process:
                self.whole.start(self.form.slide_run(), self.form.slide.layer)
                self._show_readiness()
                return
            request = self.form.request()
            canvas = NucleiCanvas(request.region)
        except (OSError, ValueError, MemoryError) as error:
            self.progress.show_error(error_line(error))
            return
        self._slide_layer = unwrap(self.form.slide.layer)
        self._request, self._canvas, self._layer, self._type_names = request, canvas, None, ()
        self._redrawn, self._redraw_gap, self._first_tile = 0.0, REDRAW_S, None
        name = f"segmentation of {request.slide.name}"
        self._runner.run(Job(name, lambda: paint_tiles(self._workflow(request), canvas)))
        self.progress.show_line(f"Loading {request.model_name} ...")
        self._show_readiness()

    def stop(self) -> None:
        """Stop the segmentation after the current tile."""
        self._runner.stop()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop when napari closes the dock, which removes this widget from its parent."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()

    def _receive(self, event: Event) -> None:
        """Update legend and layer after an event of the workflow."""
        if isinstance(event, ModelLoaded):
            self._type_names = event.type_names
            return
        # imports torch, which the worker has done already
        from napari_pathprune.workflows.segment.segment import SegmentStarted, TileDone

        match event:
            case SegmentStarted():
                self._add_layer()
            case TileDone():
                self._measure_pace(event.done, event.total)
                self._schedule_redraw()

    def _measure_pace(self, done: int, total: int) -> None:
        """Measure the pace of the run from its second tile on, since libraries and memory warm up during the first."""
        now = time.perf_counter()
        if self._first_tile is None:
            self._first_tile = done, now
        elif done == total:
            assert self._request is not None
            first, start = self._first_tile
            seconds = (now - start) / (done - first) * total
            self.form.estimate.pace[self._request.model] = seconds / self._request.area_mm2

    def _finish(self, end: JobEnd) -> None:
        """Draw the last tiles; remove the layer if nothing was found before the end."""
        assert self._canvas is not None
        self._redraw()
        if self._layer is not None and not len(self._canvas.table()) and not isinstance(end, JobFinished):
            self._remove_layer()
        elif self._layer is not None and isinstance(end, JobFinished):
            self._put_on_shelf()
        self._show_readiness()

    def _describe_end(self, end: JobEnd) -> str:
        """Return the line that is shown when the segmentation has ended."""
        assert self._request is not None
        assert self._canvas is not None
        found = len(self._canvas.table())
        if isinstance(end, JobFailed):
            return f"{end.line} (kept {_count_nuclei(found)})" if found else end.line
        if isinstance(end, JobCancelled):
            kept = f"kept {_count_nuclei(found)} from {end.done:,} of {self.progress.count(end.total or 0)}"
            return f"Cancelled: {kept}." if end.done else "Cancelled: nothing was found yet."
        from napari_pathprune.workflows.segment.segment import SegmentFinished

        assert isinstance(end.last, SegmentFinished)
        hint = "" if found else " Does the region show tissue, and is the pixel size right?"
        return f"{_count_nuclei(found)} in {format_duration(end.last.seconds)}.{hint}"

    def _add_layer(self) -> None:
        request, canvas, slide = self._request, self._canvas, self._slide_layer
        assert request is not None
        assert canvas is not None
        assert request.slide.mpp is not None
        facts = result_metadata(request.model, slide.name, request.region, self._type_names, is_finished=False)
        name = name_result(slide, request.region, request.model_name)
        self._layer = unwrap(add_result_layer(self._viewer, slide, canvas, request.slide.mpp, name, facts))
        arrange_result(self._viewer, self._layer, slide)

    def _put_on_shelf(self) -> None:
        assert self._request is not None
        request, slide = self._request, self._slide_layer
        self._layer.metadata["is_finished"] = True
        if slide in self._viewer.layers:
            shelf_of(self._viewer).add_result(
                ShelfResult(self._layer.name, request.model, self._layer, slide, request.region, self._type_names)
            )

    def _schedule_redraw(self) -> None:
        if not self._redraw_timer.isActive():
            wait_s = self._redrawn + self._redraw_gap - time.perf_counter()
            self._redraw_timer.start(max(int(1000 * wait_s), 0))

    def _redraw(self) -> None:
        """Update layer and legend to the nuclei that are on the canvas."""
        self._redraw_timer.stop()
        if self._request is None or self._canvas is None or self._layer is None:
            return
        start = time.perf_counter()
        table, mpp = self._canvas.table(), self._request.slide.mpp
        assert mpp is not None
        hidden = self._layer.metadata.get("hidden_types", ())
        attributes = make_attributes(table, mpp, self._type_names, hidden)
        self._layer.features = attributes["features"]  # the legend follows them
        self._layer.colormap = attributes["colormap"]  # also redraws the labels
        self._redrawn = time.perf_counter()
        self._redraw_gap = max(REDRAW_S, (self._redrawn - start) / REDRAW_SHARE)

    def _layer_removed(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        if self._layer is not None and unwrap(event.value) is unwrap(self._layer):
            self._layer = None
            self.stop()

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _close_down(self) -> None:
        self._runner.stop()
        self._redraw_timer.stop()
        self.form.disconnect_viewer()
        self.whole.close_down()
        self.legend.disconnect_viewer()
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    def _show_readiness(self) -> None:
        """Enable Run if it can run, and show why if it cannot."""
        problem, is_running = self.form.problem, self.is_running
        if self.form.is_process and self.whole.is_running:
            problem = problem or "A whole slide is being segmented; cancel it or wait, or segment the current view"
        self.form.setEnabled(not is_running)
        self.run.setEnabled(not is_running and problem is None)
        ready = problem or "Segment the nuclei in the region"
        self.run.setToolTip("A segmentation is running" if is_running else ready)
        self.problem.setText("" if problem is None else problem[:1].upper() + problem[1:])
        self.problem.setVisible(not is_running and problem is not None)

    def _arrange(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        for widget in (self.form, self.progress, self.problem, self.whole, self.legend):
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


def _count_nuclei(count: int) -> str:
    return f"{count:,} nucle" + ("us" if count == 1 else "i")
