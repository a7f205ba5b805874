"""The dock that segments nuclei."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.base.time_left import format_duration
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobEnd, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.segment_job import (
    ModelLoaded,
    SegmentRequest,
    SegmentWorkflow,
    load_and_segment,
    paint_tiles,
)
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.nuclei_layer import FILLED, OUTLINED, count_types, make_attributes, outline_width
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement
from napari_pathprune.plugin.shelf.shelf import ShelfResult, result_metadata, shelf_of, unwrap
from napari_pathprune.plugin.widgets.legend import Legend
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel
from napari_pathprune.plugin.widgets.segment_form import SegmentForm

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event

WIDTH_PX: Final = 320
REDRAW_S: Final = 0.5
REDRAW_SHARE: Final = 0.2
"""Largest share of the time spent on redrawing: with many nuclei the layer is redrawn less often."""


class SegmentDock(QWidget):  # type: ignore[misc]
    """Segment the nuclei in the current view, in a drawn region, or on a whole slide.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; passed by napari.
    workflow
        How to segment.
    """

    def __init__(self, napari_viewer: Viewer, workflow: SegmentWorkflow = load_and_segment) -> None:
        super().__init__()
        self._viewer, self._workflow = napari_viewer, workflow
        self._runner = JobRunner(self)
        self._request: SegmentRequest | None = None
        self._canvas: NucleiCanvas | None = None
        self._layer: Any = None
        self._slide_layer: Any = None
        self._type_names: tuple[str, ...] = ()
        self._placement: dict[str, Any] = {}
        self._redrawn, self._redraw_gap = 0.0, REDRAW_S

        self.form = SegmentForm(napari_viewer)
        self.run = QPushButton("Run")
        self.progress = ProgressPanel(self.run, unit="tile")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.legend = Legend()
        layout = QVBoxLayout(self)
        for widget in (self.form, self.progress, self.problem, self.legend):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setMinimumWidth(WIDTH_PX)

        self._redraw_timer = QTimer(self)
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.timeout.connect(self._redraw)
        self.run.clicked.connect(self.start)
        self.progress.follow(self._runner, self._describe_end)
        self._runner.received.connect(self._receive)
        self._runner.ended.connect(self._finish)
        self.form.changed.connect(self._show_readiness)
        napari_viewer.layers.events.removed.connect(self._layer_removed)
        self._show_readiness()
        join_tabs(self)

    @property
    def is_running(self) -> bool:
        """Whether a segmentation is running."""
        return self._runner.is_running

    def start(self) -> None:
        """Start the segmentation that the form describes."""
        if self.is_running:
            return
        try:
            request = self.form.request()
            canvas = NucleiCanvas(request.region)
        except (ValueError, MemoryError) as error:
            self.progress.show_error(error_line(error))
            return
        self._slide_layer = self.form.slide.layer
        self._placement = copy_placement(self._slide_layer, request.region[:2])
        self._request, self._canvas, self._layer, self._type_names = request, canvas, None, ()
        self._redrawn, self._redraw_gap = 0.0, REDRAW_S
        self.legend.show_types((), ())
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
            self.legend.show_types(event.type_names, count_types(InstanceTable.empty(), event.type_names))
            return
        # imports torch, which the worker has done already
        from napari_pathprune.workflows.segment.segment import SegmentFinished, SegmentStarted, TileDone

        match event:
            case SegmentStarted():
                self._add_layer()
            case TileDone():
                self._schedule_redraw()
            case SegmentFinished():
                assert self._request is not None
                self.form.pace[self._request.model] = event.seconds / self._request.area_mm2

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
        pace = self.form.pace[self._request.model]
        hint = "" if found else " Does the region show tissue, and is the pixel size right?"
        return f"{_count_nuclei(found)} in {format_duration(end.last.seconds)} ({pace:.0f} s per mm²).{hint}"

    def _add_layer(self) -> None:
        assert self._request is not None
        assert self._canvas is not None
        request, data, mpp = self._request, self._canvas.data, self._request.slide.mpp
        assert mpp is not None
        outline_px = outline_width(request.region, mpp)
        for layer in self._viewer.layers:  # an older result for the same region would show through
            if (layer.metadata.get("slide"), layer.metadata.get("region")) == (request.slide.name, request.region):
                layer.visible = False
        self._layer = self._viewer.add_labels(
            data,
            name=f"nuclei ({request.model_name})",
            opacity=OUTLINED if outline_px else FILLED,
            multiscale=isinstance(data, list),
            metadata={
                **result_metadata(
                    request.model, request.slide.name, request.region, self._type_names, is_finished=False
                ),
                "mpp": mpp,
            },
            **self._placement,
        )
        self._layer.contour = outline_px

    def _put_on_shelf(self) -> None:
        assert self._request is not None
        request, slide = self._request, self._slide_layer
        self._layer.metadata["is_finished"] = True
        if slide in self._viewer.layers:
            name = f"{request.model_name} on {slide.name}"
            shelf_of(self._viewer).add_result(
                ShelfResult(name, request.model, self._layer, slide, request.region, self._type_names)
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
        attributes = make_attributes(table, mpp, self._type_names)
        self._layer.features = attributes["features"]
        self._layer.colormap = attributes["colormap"]  # also redraws the labels
        self.legend.show_types(self._type_names, count_types(table, self._type_names))
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
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    def _show_readiness(self) -> None:
        """Enable Run if it can run, and show why if it cannot."""
        problem, is_running = self.form.problem, self.is_running
        self.form.setEnabled(not is_running)
        self.run.setEnabled(not is_running and problem is None)
        ready = problem or "Segment the nuclei in the region"
        self.run.setToolTip("A segmentation is running" if is_running else ready)
        self.problem.setText("" if problem is None else problem[:1].upper() + problem[1:])
        self.problem.setVisible(not is_running and problem is not None)


def _count_nuclei(count: int) -> str:
    return f"{count:,} nucle" + ("us" if count == 1 else "i")
