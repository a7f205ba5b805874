"""The dock in which a person corrects nuclei and commits them to a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.docks.dock_tabs import join_tabs
from napari_pathprune.plugin.jobs.commit_job import CommitRequest, commit
from napari_pathprune.plugin.jobs.job import Job, JobEnd, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.preload import preload
from napari_pathprune.plugin.jobs.segment_job import (
    ModelLoaded,
    SegmentRequest,
    SegmentWorkflow,
    load_and_segment,
    paint_tiles,
)
from napari_pathprune.plugin.layers.annotation.annotation_keys import AnnotationKeys
from napari_pathprune.plugin.layers.annotation.annotation_layer import add_annotation, crop_result
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.slide_from_layer import slide_from_layer
from napari_pathprune.plugin.shelf.shelf import ShelfModel, ShelfResult, unwrap
from napari_pathprune.plugin.widgets.annotate.annotate_form import AnnotateForm, AnnotateRequest
from napari_pathprune.plugin.widgets.annotate.annotate_tools import AnnotateTools
from napari_pathprune.plugin.widgets.annotate.project_form import ProjectForm
from napari_pathprune.plugin.widgets.plain_label import PlainLabel
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel
from napari_pathprune.plugin.widgets.section import make_scroll_area

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event

WIDTH_PX: Final = 320


class AnnotateDock(QWidget):  # type: ignore[misc]
    """Correct the nuclei of a region, and commit them to a project.

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
        self._runner, self._committer = JobRunner(self), JobRunner(self)
        self._request: AnnotateRequest | None = None
        self._canvas: NucleiCanvas | None = None
        self._type_names: tuple[str, ...] = ()
        self._model = ""
        self.keys: AnnotationKeys | None = None

        self.form = AnnotateForm(napari_viewer)
        self.start_button = QPushButton("Start")
        self.start_button.setToolTip("Put the nuclei of the region into a layer that you can edit")
        self.progress = ProgressPanel(self.start_button, unit="tile")
        self.tools = AnnotateTools()
        self.project = ProjectForm()
        self.commit_button = QPushButton("Commit region")
        self.committed = PlainLabel()
        self.committed.setWordWrap(True)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        content = QWidget()
        layout = QVBoxLayout(content)
        for widget in (
            self.form,
            self.progress,
            self.tools,
            line,
            self.project,
            self.commit_button,
            self.committed,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(make_scroll_area(content))
        self.setMinimumWidth(WIDTH_PX)

        self.start_button.clicked.connect(self.start)
        self.commit_button.clicked.connect(self.commit)
        self.progress.follow(self._runner, self._describe_end)
        self._runner.received.connect(self._receive)
        self._runner.ended.connect(self._finish)
        self._committer.ended.connect(self._show_commit)
        napari_viewer.layers.events.removed.connect(self._layer_removed)
        self.committed.hide()
        self._show_readiness()
        join_tabs(self)
        preload()

    @property
    def is_running(self) -> bool:
        """Whether nuclei are being found or a region is being committed."""
        return self._runner.is_running or self._committer.is_running

    def start(self) -> None:
        """Put the nuclei that the form describes into an editable layer."""
        if self.is_running:
            return
        try:
            request = self.form.request()
            self._request, self._model, self._type_names = request, "", ()
            if isinstance(request.source, ShelfModel):
                self._segment(request, request.source)
            elif isinstance(request.source, ShelfResult):
                labels, types = crop_result(request.source, request.region)
                self._model, self._type_names = request.source.model, request.source.type_names
                self._open(labels, types)
            else:
                y0, x0, y1, x1 = request.region
                self._type_names = () if self.keys is None else self.keys.annotation.type_names
                self._open(np.zeros((y1 - y0, x1 - x0), np.int32), {})
        except (ValueError, MemoryError) as error:
            self.progress.show_error(error_line(error))

    def stop(self) -> None:
        """Stop finding nuclei after the current tile."""
        self._runner.stop()

    def commit(self) -> None:
        """Store the annotated region in the project."""
        if self.is_running or self.keys is None or self._request is None:
            return
        annotation, request = self.keys.annotation, self._request
        try:
            commit_request = CommitRequest(
                self.project.find_folder(),
                slide_from_layer(request.slide, request.mpp),
                annotation.region,
                annotation.layer.data.copy(),
                dict(annotation.types),
                annotation.type_names,
                self.project.chosen_part,
                self._model,
            )
        except ValueError as error:
            self._show_line(str(error))
            return
        self._committer.run(Job(f"commit to {commit_request.folder.name}", lambda: commit(commit_request)))
        self._show_line("Committing ...")
        self._show_readiness()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Stop when napari closes the dock, which removes this widget from its parent."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close_down()

    def _segment(self, request: AnnotateRequest, model: ShelfModel) -> None:
        slide = slide_from_layer(request.slide, request.mpp)
        segment_request = SegmentRequest(slide, model.source, request.region, tissue_only=False)
        self._canvas = canvas = NucleiCanvas(request.region)
        self._model = model.source
        workflow = self._workflow
        self._runner.run(Job(f"nuclei of {slide.name}", lambda: paint_tiles(workflow(segment_request), canvas)))
        self.progress.show_line(f"Loading {model.name} ...")
        self._show_readiness()

    def _receive(self, event: Event) -> None:
        if isinstance(event, ModelLoaded):
            self._type_names = event.type_names

    def _finish(self, end: JobEnd) -> None:
        """Open the nuclei that were found."""
        canvas, self._canvas = self._canvas, None
        if isinstance(end, JobFinished) and canvas is not None:
            table = canvas.table()
            self._open(canvas.data, dict(zip(table.id.tolist(), table.type.tolist(), strict=True)))
        self._show_readiness()

    def _describe_end(self, end: JobEnd) -> str:
        """Return the line that is shown when the nuclei have been found."""
        if isinstance(end, JobFinished):
            return "Correct the nuclei, then commit the region."
        return end.line or "Cancelled."

    def _open(self, labels: Any, types: Mapping[int, int]) -> None:  # noqa: ANN401 - any array
        """Add the editable layer, and let keys and tools work on it."""
        request = self._request
        assert request is not None
        if request.slide not in self._viewer.layers:
            self.progress.show_error("The layer of the slide was removed; open the slide again")
            return
        for layer in self._viewer.layers:  # results at the same place would show through
            if layer.metadata.get("slide") == request.slide.name and layer.metadata.get("model"):
                layer.visible = False
        self._leave()
        names: Sequence[str] = self._type_names
        annotation = add_annotation(
            self._viewer, request.slide, request.region, np.asarray(labels), types, names, request.mpp
        )
        self.keys = AnnotationKeys(annotation, self._viewer, self.progress.show_line)
        self.tools.follow(self.keys)
        self.committed.hide()
        self.progress.show_line("Correct the nuclei, then commit the region.")
        self._show_readiness()

    def _show_commit(self, end: JobEnd) -> None:
        if isinstance(end, JobFinished):
            self.project.remember(self.project.find_folder())
        self._show_line(end.line)
        self._show_readiness()

    def _show_line(self, text: str) -> None:
        self.committed.setText(text)
        self.committed.setVisible(bool(text))

    def _leave(self) -> None:
        """Stop working on the current annotation; its layer stays."""
        if self.keys is not None:
            self.tools.follow(None)
            self.keys.annotation.disconnect_layer()
            self.keys.unbind()
            self.keys = None

    def _layer_removed(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        if self.keys is not None and unwrap(event.value) is unwrap(self.keys.annotation.layer):
            self._leave()
            self._show_readiness()

    def _close_down(self) -> None:
        self._runner.stop()
        self._leave()
        self.form.disconnect_viewer()
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    def _show_readiness(self) -> None:
        """Enable what is possible now."""
        self.form.setEnabled(not self.is_running)
        self.start_button.setEnabled(not self.is_running)
        can_commit = self.keys is not None and not self.is_running
        self.commit_button.setEnabled(can_commit)
        self.commit_button.setToolTip(
            "Store image, nuclei and types of the region in the project" if can_commit else "Start an annotation first"
        )
