"""The form of the Segment dock: slide, pixel size, model, region, and where a whole slide is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_pathprune.plugin.jobs.segment_job import SegmentRequest
from napari_pathprune.plugin.jobs.slide_job import SlideRun
from napari_pathprune.plugin.layers.comparison.compare_grid import MARK
from napari_pathprune.plugin.layers.region_kind import Region, RegionKind, find_region
from napari_pathprune.plugin.layers.slide_from_layer import (
    enter_mpp,
    find_mpp,
    find_slide_file,
    is_mpp_entered,
    is_slide_layer,
    slide_from_layer,
)
from napari_pathprune.plugin.shelf.preferences import read_preferences
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.choosers import Chooser, LayerChooser, ModelChooser
from napari_pathprune.plugin.widgets.draw_region import DrawRegion
from napari_pathprune.plugin.widgets.folder_field import FolderField
from napari_pathprune.plugin.widgets.run_estimate import LARGE_MPX, NO_FILE, RunEstimate

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

REFRESH_MS: Final = 250
"""Interval at which the form is refreshed. A refresh takes less than a millisecond and replaces callbacks on everything
that the answer depends on: camera, canvas, shapes, scales and more."""
LARGE: Final = "A large region: choose Whole slide to have it saved while it is segmented"
UNKNOWN: Final = "unknown"


class SegmentForm(QWidget):  # type: ignore[misc]
    """Slide, pixel size, model and region of a segmentation, and what it will take.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.

    Attributes
    ----------
    changed
        Signal without arguments: `problem` or the size of the region has changed.
    problem
        Why `request` would raise an error, as a sentence for the user; None if it would not.
    estimate
        What is known of tiles and time.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.estimate = RunEstimate(self)
        self.problem: str | None = None

        self.slide = LayerChooser(viewer.layers, _may_be_slide, "No image layer")
        self.mpp = QDoubleSpinBox(decimals=4, minimum=0.0, maximum=10.0, singleStep=0.01)
        self.mpp.setSuffix(" \u00b5m/px")
        self.mpp.setSpecialValueText(UNKNOWN)
        self.model = ModelChooser(shelf_of(viewer))
        self.region_kind = Chooser()
        for kind in RegionKind:
            self.region_kind.addItem(kind.value, kind)
        self.drawn = DrawRegion(viewer, self.slide)
        self.folder = FolderField()
        self.device, self.extent = QLabel(), QLabel()
        for label in (self.device, self.extent):
            label.setWordWrap(True)
        self.tissue_only = QCheckBox("Skip tiles without tissue")
        self.tissue_only.setChecked(True)
        for widget, name, tip in (
            (self.slide, "Slide", "Image layer of the slide, opened by any reader"),
            (self.mpp, "Pixel size", "Size of a level-0 pixel of the slide"),
            (
                self.model,
                "Model",
                "Packaged model or model file: .safetensors, or a HoVer-Net checkpoint (.tar, .pth)",
            ),
            (self.region_kind, "Region", "Part of the slide to segment"),
            (self.device, "Device", "Where the model runs; Preferences > Pathprune changes it"),
            (self.extent, "Size and time", "Size of the region, and what segmenting it takes"),
            (self.tissue_only, "Skip tiles without tissue", "Saves time on slides with much bare glass"),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

        self._layout = QFormLayout()
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, widget in (
            ("Slide", self.slide),
            ("Pixel size", self.mpp),
            ("Model", self.model),
            ("Region", self.region_kind),
            ("Shapes", self.drawn),
            ("Result", self.folder),
            ("Device", self.device),
        ):
            self._layout.addRow(name, widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._layout)
        layout.addWidget(self.extent)
        layout.addWidget(self.tissue_only)

        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self.slide.chosen.connect(self._show_mpp)
        self.mpp.valueChanged.connect(self._enter_mpp)
        for signal in (
            self.estimate.changed,
            self.folder.changed,
            self.tissue_only.toggled,
            self.model.chosen,
            self.drawn.shapes.chosen,
            self.region_kind.currentIndexChanged,
        ):
            signal.connect(self.refresh)
        self._show_mpp()

    def request(self) -> SegmentRequest:
        """Return what to segment, and with which model.

        Raises
        ------
        ValueError
            If something is missing; the message describes what to do.
        """
        layer = self.slide.layer
        if layer is None:
            raise ValueError("Open a slide first (File > Open, or File > Open Sample > Pathprune)")
        slide = slide_from_layer(layer)
        if slide.mpp is None:
            raise ValueError("Enter the pixel size: about 0.25 \u00b5m/px for a 40x scan, 0.5 \u00b5m/px for 20x")
        if self.model.model is None:
            raise ValueError("Choose a model")
        return SegmentRequest(slide, self.model.model, self._region().box, self.tissue_only.isChecked())

    @property
    def is_process(self) -> bool:
        """Whether the whole of a slide with a file is to be segmented, by a process of its own."""
        return self._is_whole and self.slide.layer is not None and find_slide_file(self.slide.layer) is not None

    def slide_run(self) -> SlideRun:
        """Return what a process of its own has to do.

        Raises
        ------
        ValueError
            If something is missing, or the result folder cannot be used.
        """
        request, layer = self.request(), self.slide.layer
        path = find_slide_file(layer)
        assert path is not None
        out = self.folder.folder
        has_own = layer.metadata.get("mpp") is not None and not is_mpp_entered(layer)
        mpp = None if has_own or request.slide.mpp is None else request.slide.mpp[0]
        return SlideRun(path, request.model, out, mpp, read_preferences().device, request.tissue_only)

    def refresh(self, _: object = None) -> None:
        """Update `problem` and the size of the region to the current layers and view."""
        before = (self.problem, self.extent.text(), self.device.text())
        self._layout.setRowVisible(self.drawn, self.region_kind.currentData() is RegionKind.DRAWN)
        self._layout.setRowVisible(self.folder, self.is_process)
        path = find_slide_file(self.slide.layer) if self.is_process else None
        if path is not None and self.model.model is not None:
            self.folder.suggest(path, self.model.model)
        request = None
        try:
            request = self.request()
            if self.is_process:
                self.slide_run()
            self.problem = None
        except ValueError as error:
            self.problem = str(error)
        self.device.setText(self.estimate.describe_device(self.model.model))
        self.extent.setText(self._describe_extent(request))
        self.extent.setVisible(bool(self.extent.text()))
        if request is not None and self.isVisible() and self.isEnabled():
            self.estimate.measure(request, self.slide.layer)
        if (self.problem, self.extent.text(), self.device.text()) != before:
            self.changed.emit()

    def disconnect_viewer(self) -> None:
        """Stop following the viewer."""
        self._timer.stop()
        self.estimate.stop()
        self.slide.disconnect_viewer()
        self.drawn.disconnect_viewer()
        self.model.disconnect_viewer()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Refresh the form while it is visible."""
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Stop refreshing the form."""
        self._timer.stop()
        super().hideEvent(event)

    def _show_mpp(self) -> None:
        """Show the pixel size of the chosen layer, which the user may correct."""
        layer = self.slide.layer
        known = None if layer is None else find_mpp(layer)
        self.mpp.blockSignals(True)
        self.mpp.setValue(0.0 if known is None else known[0])
        self.mpp.blockSignals(False)
        self.mpp.setEnabled(layer is not None)
        self._describe_mpp()
        self.refresh()

    def _enter_mpp(self, size_um: float) -> None:
        if self.slide.layer is not None:
            enter_mpp(self.slide.layer, size_um)
            self._describe_mpp()
        self.refresh()

    def _describe_mpp(self) -> None:
        layer = self.slide.layer
        if layer is None or find_mpp(layer) is None:
            tip = "The layer has no pixel size; 40x is about 0.25, 20x about 0.5"
        elif is_mpp_entered(layer):
            tip = "Entered here, and used by all docks; the layer itself is not changed"
        else:
            tip = "Pixel size of the layer; correct it here if it is wrong"
        self.mpp.setToolTip(tip)

    @property
    def _is_whole(self) -> bool:
        return self.region_kind.currentData() is RegionKind.SLIDE

    def _region(self) -> Region:
        return find_region(self.region_kind.currentData(), self._viewer, self.slide.layer, self.drawn.layer)

    def _describe_extent(self, request: SegmentRequest | None) -> str:
        layer = self.slide.layer
        if layer is None:
            return ""
        try:
            region = self._region()
        except ValueError:
            return ""
        lines = [self.estimate.describe_run(region, find_mpp(layer))]
        if request is not None:
            lines.append(self.estimate.describe_work(request, layer, is_process=self.is_process))
        height, width = region.shape
        if not self.is_process and height * width > 1e6 * LARGE_MPX:
            lines.append(NO_FILE if self._is_whole else LARGE)
        return "\n".join(lines)


def _may_be_slide(layer: Layer) -> bool:
    """Return whether a layer is an image that does not belong to a comparison."""
    return is_slide_layer(layer) and not layer.metadata.get(MARK)
