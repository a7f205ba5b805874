"""Segment the current view of a slide with models, and add a layer for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_pathprune.base.error_line import error_line
from napari_pathprune.plugin.jobs.job import Job, JobFinished
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.view_job import NamedModel, ViewSegmented, segment_view
from napari_pathprune.plugin.layers.region_kind import RegionKind, find_region
from napari_pathprune.plugin.layers.result_layer import add_result_layer
from napari_pathprune.plugin.layers.slide_from_layer import find_mpp, is_slide_layer, slide_from_layer
from napari_pathprune.plugin.shelf.shelf import result_metadata, shelf_of
from napari_pathprune.plugin.widgets.choosers import LayerChooser
from napari_pathprune.plugin.widgets.form_parts import describe
from napari_pathprune.plugin.widgets.progress_panel import ProgressPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pathprune.base.event import Event
    from napari_pathprune.plugin.jobs.job import JobEnd


class ViewPanel(QWidget):  # type: ignore[misc]
    """A button, and the progress of segmenting the current view of a slide.

    Parameters
    ----------
    viewer
        The viewer with the slides.
    text, tip
        Text and tooltip of the button. The dock connects it, and calls `start`.

    Attributes
    ----------
    slide
        The slides to choose from; the dock places this list.
    button
        The button.
    runner
        Runs the segmentation.
    """

    def __init__(self, viewer: Viewer, text: str, tip: str) -> None:
        super().__init__()
        self._viewer = viewer
        self._slide: Any = None
        self._mpp: tuple[float, float] = (0.0, 0.0)
        self.runner = JobRunner(self)
        self.slide = LayerChooser(viewer.layers, is_slide_layer, "No image layer")
        describe(self.slide, "Slide", "Image layer whose current view is segmented")
        self.button = QPushButton(text)
        describe(self.button, text, tip)
        self.progress = ProgressPanel(self.button, unit="tile")
        self.progress.follow(self.runner, self._describe_end)
        self.runner.received.connect(self._receive)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.progress)

    @property
    def is_ready(self) -> bool:
        """Whether there is a slide, and no segmentation is running."""
        return self.slide.layer is not None and not self.runner.is_running

    def start(self, models: Sequence[NamedModel]) -> None:
        """Segment the current view with each of the models; a problem is shown."""
        layer = self.slide.layer
        if self.runner.is_running:
            return
        try:
            if layer is None:
                raise ValueError("open a slide first (File > Open, or File > Open Sample > Pathprune)")  # noqa: TRY301
            mpp = find_mpp(layer)
            if mpp is None:
                raise ValueError("the slide has no pixel size; give its layer a scale in \u00b5m")  # noqa: TRY301
            slide = slide_from_layer(layer, mpp)
            region = find_region(RegionKind.VIEWPORT, self._viewer, layer).box
        except (ValueError, MemoryError) as error:
            self.progress.show_error(error_line(error))
            return
        self._slide, self._mpp = layer, mpp
        names = " and ".join(model.name for model in models)
        self.runner.run(Job(f"segmentation by {names}", lambda: segment_view(slide, region, models)))

    def close_down(self) -> None:
        """Stop the segmentation, and stop following the viewer."""
        self.runner.stop()
        self.slide.disconnect_viewer()

    def _receive(self, event: Event) -> None:
        if not isinstance(event, ViewSegmented):
            return
        if self._slide not in self._viewer.layers:
            self.runner.stop()
            return
        region = event.canvas.region
        for layer in self._viewer.layers:  # the same model for the same region: a newer preview replaces it
            if layer.name == f"nuclei ({event.model.name})" and layer.metadata.get("region") == region:
                layer.visible = False
        facts = result_metadata(event.model.source, self._slide.name, region, event.type_names)
        add_result_layer(self._viewer, self._slide, event.canvas, self._mpp, f"nuclei ({event.model.name})", facts)
        shelf_of(self._viewer)  # takes the layer by its metadata

    def _describe_end(self, end: JobEnd) -> str:
        if isinstance(end, JobFinished) and end.last is not None:
            return f"{end.last.line} in the current view."
        return self.progress.describe_end(end)
