"""The form of the Segment dock: slide, pixel size, model and region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari.layers import Image
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

from napari_pathprune.base.time_left import format_duration
from napari_pathprune.plugin.jobs.segment_job import SegmentRequest
from napari_pathprune.plugin.layers.region_kind import Region, RegionKind, find_region
from napari_pathprune.plugin.layers.slide_from_layer import find_mpp, slide_from_layer
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.choosers import Chooser, LayerChooser, ModelChooser
from napari_pathprune.plugin.widgets.draw_region import DrawRegion

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.slides.reader import Mpp

REFRESH_MS: Final = 250
"""Interval at which the form is refreshed. A refresh takes less than a millisecond and replaces callbacks on everything
that the answer depends on: camera, canvas, shapes, scales and more."""
LARGE_MPX: Final = 20.0
LARGE_ADVICE: Final = "For large regions, use pathprune segment in a\nshell: it saves results while it runs"
UNKNOWN: Final = "unknown"


class SegmentForm(QWidget):  # type: ignore[misc]
    """Slide, pixel size, model and region of a segmentation.

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
    pace
        Seconds per square millimetre of each model in its last run.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.pace: dict[str, float] = {}
        self.problem: str | None = None

        self.slide = LayerChooser(viewer.layers, lambda layer: isinstance(layer, Image), "No image layer")
        self.slide.setToolTip("Image layer of the slide, opened by any reader")
        self.mpp = QDoubleSpinBox(decimals=4, minimum=0.0, maximum=10.0, singleStep=0.01)
        self.mpp.setSuffix(" \u00b5m/px")
        self.mpp.setSpecialValueText(UNKNOWN)
        self.model = ModelChooser(shelf_of(viewer))
        self.model.setToolTip("Packaged model or model file: .safetensors, or a HoVer-Net checkpoint (.tar, .pth)")
        self.region_kind = Chooser()
        for kind in RegionKind:
            self.region_kind.addItem(kind.value, kind)
        self.region_kind.setToolTip("Part of the slide to segment")
        self.drawn = DrawRegion(viewer, self.slide)
        self.extent = QLabel()
        self.tissue_only = QCheckBox("Skip tiles without tissue")
        self.tissue_only.setChecked(True)
        self.tissue_only.setToolTip("Saves time on slides with much bare glass")

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
        for signal in (
            self.mpp.valueChanged,
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
        mpp = self._mpp()
        slide = slide_from_layer(layer, mpp)
        if mpp is None:
            raise ValueError("Enter the pixel size: about 0.25 \u00b5m/px for a 40x scan, 0.5 \u00b5m/px for 20x")
        if self.model.model is None:
            raise ValueError("Choose a model")
        return SegmentRequest(slide, self.model.model, self._region().box, self.tissue_only.isChecked())

    def refresh(self, _: object = None) -> None:
        """Update `problem` and the size of the region to the current layers and view."""
        before = (self.problem, self.extent.text())
        self._layout.setRowVisible(self.drawn, self.region_kind.currentData() is RegionKind.DRAWN)
        try:
            self.extent.setText(self._describe_extent() if self.slide.layer is not None else "")
        except ValueError:
            self.extent.setText("")
        try:
            self.request()
            self.problem = None
        except ValueError as error:
            self.problem = str(error)
        if (self.problem, self.extent.text()) != before:
            self.changed.emit()

    def disconnect_viewer(self) -> None:
        """Stop following the viewer."""
        self._timer.stop()
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
        """Show the pixel size of the chosen layer, or let the user enter it."""
        layer = self.slide.layer
        known = None if layer is None else find_mpp(layer)
        self.mpp.blockSignals(True)
        self.mpp.setValue(0.0 if known is None else known[0])
        self.mpp.blockSignals(False)
        self.mpp.setEnabled(layer is not None and known is None)
        self.mpp.setToolTip(
            "Pixel size of the layer"
            if known is not None
            else "The layer has no pixel size; 40x is about 0.25, 20x about 0.5"
        )
        self.refresh()

    def _mpp(self) -> Mpp | None:
        entered = self.mpp.value()
        return find_mpp(self.slide.layer) or ((entered, entered) if entered > 0 else None)

    def _region(self) -> Region:
        return find_region(self.region_kind.currentData(), self._viewer, self.slide.layer, self.drawn.layer)

    def _describe_extent(self) -> str:
        region, mpp = self._region(), self._mpp()
        height, width = region.shape
        megapixels = height * width / 1e6
        text, area_mm2 = f"{width:,} \u00d7 {height:,} px", 0.0
        if mpp is not None:
            area_mm2 = width * mpp[1] * height * mpp[0] / 1e6
            text += f" = {width * mpp[1] / 1e3:.2f} \u00d7 {height * mpp[0] / 1e3:.2f} mm"
        if region.note:
            text += f"\n{region.note}"
        pace = self.pace.get(self.model.model or "")
        if pace and area_mm2:
            text += f"\nabout {format_duration(pace * area_mm2)} at the pace of the last run"
        elif self.region_kind.currentData() is RegionKind.SLIDE or megapixels > LARGE_MPX:
            text += f"\n{megapixels:,.1f} megapixels: this may take long"
        if megapixels > LARGE_MPX:
            text += f"\n{LARGE_ADVICE}"
        return text
