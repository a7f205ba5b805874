"""The dock that segments what a person points at."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.time_left import format_duration
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.jobs import segment_job as jobs
from napari_pathprune.plugin.layers.layer_slides import placed
from napari_pathprune.plugin.layers.nuclei_layer import FILLED, OUTLINED, count_types, nuclei_attributes, outline_of
from napari_pathprune.plugin.widgets.choosers import Legend
from napari_pathprune.plugin.widgets.segment_form import SegmentForm

if TYPE_CHECKING:
    from napari.viewer import Viewer

WIDTH_PX: Final = 320
REDRAW_S: Final = 0.5
REDRAW_SHARE: Final = 0.2
"""Share of the time that redrawing may take: with many nuclei it gets rarer, not the window slower."""
ERROR_STYLE: Final = "color: #ff7066;"


class SegmentDock(QWidget):  # type: ignore[misc]
    """Find the nuclei of what is in view, of a drawn region, or of a whole slide.

    Parameters
    ----------
    napari_viewer
        Given by napari.
    workflow
        What runs; see `jobs.Workflow`.
    """

    def __init__(self, napari_viewer: Viewer, workflow: jobs.Workflow = jobs.segment_with) -> None:
        super().__init__()
        self._viewer, self._workflow = napari_viewer, workflow
        self._job: jobs.SegmentJob | None = None
        self._running: list[jobs.SegmentJob] = []
        self._end: jobs.JobEvent | None = None
        self._layer: Any = None
        self._type_names: tuple[str, ...] = ()
        self._place: dict[str, Any] = {}
        self._redrawn, self._redraw_gap = 0.0, REDRAW_S

        self.form = SegmentForm(napari_viewer)
        self.run, self.cancel = QPushButton("Run"), QPushButton("Cancel")
        self.cancel.setToolTip("stop after the tile in work; what was found is kept")
        self.progress = QProgressBar()
        self.reason, self.status = QLabel(), QLabel()
        self.reason.setWordWrap(True)
        self.status.setWordWrap(True)
        self.legend = Legend()
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.cancel, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        for widget in (self.reason, self.progress, self.status, self.legend):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setMinimumWidth(WIDTH_PX)

        self._redraw_timer = QTimer(self)
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.timeout.connect(self._redraw)
        self.run.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)
        self.form.changed.connect(self._show_readiness)
        napari_viewer.layers.events.removed.connect(self._layer_removed)
        self.destroyed.connect(partial(_stop_all, self._running))
        self.progress.hide()
        self._show_readiness()

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self._job is not None

    def start(self) -> None:
        """Run what the form asks for."""
        if self.is_running:
            return
        try:
            request = self.form.request()
            job = jobs.SegmentJob(request, self._workflow)
        except (ValueError, MemoryError) as error:
            self._fail(str(error) or "there is not enough memory for a region of this size")
            return
        self._place = placed(self.form.slide.layer, request.region[:2])
        self._job, self._end, self._layer, self._type_names = job, None, None, ()
        self._running[:] = [job]
        self._redrawn, self._redraw_gap = 0.0, REDRAW_S
        self.legend.show_types((), ())
        self.progress.setRange(0, 0)
        self.progress.setFormat("")
        self.progress.show()
        self._say(f"Loading {self._model_name()} ...")
        self._show_readiness()
        worker = create_worker(job.events)
        worker.yielded.connect(self._hear)
        worker.finished.connect(self._finish)
        worker.aborted.connect(job.close, type=Qt.ConnectionType.DirectConnection)  # in the worker's own thread
        worker.start()

    def stop(self) -> None:
        """Ask the run to end after the tile in work."""
        if self._job is not None:
            self._job.stop()
            self.cancel.setEnabled(False)
            self._say("Stopping after the tile in work ...")

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop when napari closes the panel: it takes the widget out of its parent."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()

    def _hear(self, event: jobs.JobEvent) -> None:
        """Show an event of the job."""
        match event:
            case jobs.Loaded():
                self._type_names = event.type_names
                self.legend.show_types(event.type_names, count_types(InstanceTable.empty(), event.type_names))
                self._say(f"{self._model_name()}: {event.summary}")
            case jobs.Started():
                self._add_layer()
                self.progress.setRange(0, event.tiles)
                self.progress.setValue(0)
                self.progress.setFormat(f"0 of {_tiles(event.tiles)}")
                if event.note:
                    self._say(event.note[:1].upper() + event.note[1:] + ".")
            case jobs.Progress():
                self.progress.setValue(event.done)
                left = f", about {format_duration(event.seconds_left)} left" if event.done < event.tiles else ""
                self.progress.setFormat(f"{event.done} of {_tiles(event.tiles)}{left}")
                self._schedule_redraw()
            case jobs.Finished() | jobs.Cancelled() | jobs.Failed():
                self._end = event

    def _finish(self) -> None:
        """Show how the run ended; the worker's last word, whatever happened."""
        job, end = self._job, self._end
        if job is None:
            return
        self._redraw()
        self._job = None
        self._running.clear()
        self.progress.hide()
        self._show_readiness()
        match end:
            case jobs.Finished():
                pace = self.form.pace[job.request.model] = end.seconds / _area_mm2(job.request)
                hint = "" if end.nuclei else " Is this tissue, and is the pixel size right?"
                self._say(f"{_nuclei(end.nuclei)} in {format_duration(end.seconds)} ({pace:.0f} s per mm²).{hint}")
            case jobs.Failed():
                found = len(job.canvas.table())
                self._fail(end.message + (f" ({_nuclei(found)} found before are kept)" if found else ""))
            case jobs.Cancelled(done=done, tiles=tiles, nuclei=nuclei):
                kept = f"kept {_nuclei(nuclei)} from {done} of {_tiles(tiles)}" if done else "nothing was found yet"
                self._say(f"Cancelled: {kept}.")
            case _:  # napari itself made the worker quit
                self._say(f"Stopped: kept {_nuclei(len(job.canvas.table()))}.")
        if self._layer is not None and not len(job.canvas.table()) and not isinstance(end, jobs.Finished):
            self._remove_layer()

    def _add_layer(self) -> None:
        assert self._job is not None
        request = self._job.request
        data, mpp = self._job.canvas.data, request.slide.mpp
        assert mpp is not None
        outline_px = outline_of(request.region, mpp)
        for layer in self._viewer.layers:  # an older result of the same place would show through
            if (layer.metadata.get("slide"), layer.metadata.get("region")) == (request.slide.name, request.region):
                layer.visible = False
        self._layer = self._viewer.add_labels(
            data,
            name=f"nuclei ({self._model_name()})",
            opacity=OUTLINED if outline_px else FILLED,
            multiscale=isinstance(data, list),
            metadata={
                "model": request.model,
                "type_names": self._type_names,
                "mpp": mpp,
                "slide": request.slide.name,
                "region": request.region,
            },
            **self._place,
        )
        self._layer.contour = outline_px

    def _schedule_redraw(self) -> None:
        if not self._redraw_timer.isActive():
            wait_s = self._redrawn + self._redraw_gap - time.perf_counter()
            self._redraw_timer.start(max(int(1000 * wait_s), 0))

    def _redraw(self) -> None:
        """Show what is on the canvas by now."""
        self._redraw_timer.stop()
        if self._job is None or self._layer is None:
            return
        begin = time.perf_counter()
        table, mpp = self._job.canvas.table(), self._job.request.slide.mpp
        assert mpp is not None
        attributes = nuclei_attributes(table, mpp, self._type_names)
        self._layer.features = attributes["features"]
        self._layer.colormap = attributes["colormap"]  # draws the labels anew, too
        self.legend.show_types(self._type_names, count_types(table, self._type_names))
        self._redrawn = time.perf_counter()
        self._redraw_gap = max(REDRAW_S, (self._redrawn - begin) / REDRAW_SHARE)

    def _layer_removed(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        if self._layer is not None and event.value is self._layer:
            self._layer = None
            self.stop()

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _close_down(self) -> None:
        _stop_all(self._running)
        self._redraw_timer.stop()
        self.form.disconnect_viewer()
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    def _model_name(self) -> str:
        assert self._job is not None
        return self._job.request.model.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".safetensors")

    def _show_readiness(self) -> None:
        """Enable what can be pressed, and say why the rest cannot."""
        problem, running = self.form.problem, self.is_running
        self.form.setEnabled(not running)
        self.run.setEnabled(not running and problem is None)
        self.run.setToolTip("a run is under way" if running else problem or "find the nuclei of the region")
        self.cancel.setEnabled(running)
        self.reason.setText("" if problem is None else problem[:1].upper() + problem[1:])
        self.reason.setVisible(not running and problem is not None)

    def _say(self, text: str) -> None:
        self.status.setStyleSheet("")
        self.status.setText(text)

    def _fail(self, message: str) -> None:
        self._say(message)
        self.status.setStyleSheet(ERROR_STYLE)
        show_error(message)


def _stop_all(running: list[jobs.SegmentJob], _: object = None) -> None:
    for job in running:
        job.stop()


def _area_mm2(request: jobs.SegmentRequest) -> float:
    y0, x0, y1, x1 = request.region
    assert request.slide.mpp is not None
    return (y1 - y0) * (x1 - x0) * request.slide.mpp[0] * request.slide.mpp[1] / 1e6


def _tiles(count: int) -> str:
    return f"{count:,} tile" + "s" * (count != 1)


def _nuclei(count: int) -> str:
    return f"{count:,} nucle" + ("us" if count == 1 else "i")
