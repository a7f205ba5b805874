"""What to segment, with which model: the questions of the Segment dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari.layers import Image, Shapes
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_pathprune.base.time_left import format_duration
from napari_pathprune.plugin.jobs.segment_job import SegmentRequest
from napari_pathprune.plugin.layers.region_kind import Region, Target, region_of
from napari_pathprune.plugin.layers.slide_from_layer import mpp_of, placed, slide_of
from napari_pathprune.plugin.widgets.choosers import Chooser, LayerChooser, ModelChooser

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.slides.reader import Mpp

LOOK_MS: Final = 250
"""How often the form looks at the view and the layers. Looking takes less than a millisecond, and needs no callbacks
on the dozen things (camera, canvas, shapes, scales, ...) that the answer hangs on."""
LARGE_MPX: Final = 20.0
LARGE_ADVICE: Final = "large regions are safer in a shell: pathprune\nsegment writes its results as it goes"
UNKNOWN: Final = "not known"
DRAWN_STYLE: Final = {"face_color": "transparent", "edge_color": "yellow", "edge_width": 4}


class SegmentForm(QWidget):  # type: ignore[misc]
    """Slide, pixel size, model, region.

    Parameters
    ----------
    viewer
        Whose layers and view it is about.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.pace: dict[str, float] = {}
        """Seconds per square millimetre that each model took the last time."""
        self.problem: str | None = None
        """Why `request` would refuse, in words for the user."""

        self.slide = LayerChooser(viewer.layers, lambda layer: isinstance(layer, Image), "no image is open")
        self.slide.setToolTip("the image layer of the slide, whichever plugin opened it")
        self.mpp = QDoubleSpinBox(decimals=4, minimum=0.0, maximum=10.0, singleStep=0.01)
        self.mpp.setSuffix(" \u00b5m/px")
        self.mpp.setSpecialValueText(UNKNOWN)
        self.model = ModelChooser()
        self.model.setToolTip("a packaged model, or a file: .safetensors, or a HoVer-Net checkpoint (.tar, .pth)")
        self.target = Chooser()
        for target in Target:
            self.target.addItem(target.value, target)
        self.shapes = LayerChooser(viewer.layers, lambda layer: isinstance(layer, Shapes), "nothing drawn yet")
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("draw a rectangle on the slide")
        self.drawn = QWidget()
        row = QHBoxLayout(self.drawn)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.shapes, 1)
        row.addWidget(self.draw)
        self.tissue_only = QCheckBox("Skip bare glass")
        self.tissue_only.setChecked(True)
        self.tissue_only.setToolTip("leave out tiles without tissue")
        self.extent = QLabel()

        self._layout = QFormLayout()
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, widget in (
            ("Slide", self.slide),
            ("Pixel size", self.mpp),
            ("Model", self.model),
            ("Region", self.target),
            ("Drawn in", self.drawn),
        ):
            self._layout.addRow(name, widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._layout)
        layout.addWidget(self.extent)
        layout.addWidget(self.tissue_only)

        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self.draw.clicked.connect(self.start_drawing)
        self.slide.chosen.connect(self._slide_chosen)
        for signal in (self.mpp.valueChanged, self.model.chosen, self.shapes.chosen, self.target.currentIndexChanged):
            signal.connect(self.look)
        self._slide_chosen()

    def request(self) -> SegmentRequest:
        """Give what the form asks for.

        Raises
        ------
        ValueError
            If it cannot be done yet; the message says what is missing.
        """
        layer = self.slide.layer
        if layer is None:
            raise ValueError("Open a slide first (File > Open, or File > Open Sample > Pathprune).")
        mpp = self._mpp()
        slide = slide_of(layer, mpp)
        if mpp is None:
            raise ValueError("Say how large a pixel is: about 0.25 \u00b5m for a 40x scan, 0.5 \u00b5m for 20x.")
        if self.model.model is None:
            raise ValueError("Choose a model.")
        return SegmentRequest(slide, self.model.model, self._region().box, self.tissue_only.isChecked())

    def look(self, _: object = None) -> None:
        """Look at layers and view, and say what would be segmented, or why nothing can be."""
        before = (self.problem, self.extent.text())
        self._layout.setRowVisible(self.drawn, self.target.currentData() is Target.DRAWN)
        try:
            self.extent.setText(self._extent_text() if self.slide.layer is not None else "")
        except ValueError:
            self.extent.setText("")
        try:
            self.request()
            self.problem = None
        except ValueError as error:
            self.problem = str(error)
        if (self.problem, self.extent.text()) != before:
            self.changed.emit()

    def start_drawing(self) -> None:
        """Let the user draw a rectangle, on a layer that lies on the slide as it should."""
        layer = self.slide.layer
        if layer is None:
            return
        if self.shapes.layer is None:
            self.shapes.choose(self._viewer.add_shapes(ndim=2, name="region", **DRAWN_STYLE, **placed(layer)))
        shapes = self.shapes.layer
        self._viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"

    def disconnect_viewer(self) -> None:
        """Look and listen no more."""
        self._timer.stop()
        self.slide.disconnect_viewer()
        self.shapes.disconnect_viewer()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Look while there is somebody to see it."""
        super().showEvent(event)
        self.look()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Rest."""
        self._timer.stop()
        super().hideEvent(event)

    def _slide_chosen(self) -> None:
        layer = self.slide.layer
        known = None if layer is None else mpp_of(layer)
        self.mpp.blockSignals(True)
        self.mpp.setValue(0.0 if known is None else known[0])
        self.mpp.blockSignals(False)
        self.mpp.setEnabled(layer is not None and known is None)
        self.mpp.setToolTip(
            "from the layer" if known is not None else "nobody knows it; 40x is about 0.25, 20x about 0.5"
        )
        self.look()

    def _mpp(self) -> Mpp | None:
        given = self.mpp.value()
        return mpp_of(self.slide.layer) or ((given, given) if given > 0 else None)

    def _region(self) -> Region:
        return region_of(self.target.currentData(), self._viewer, self.slide.layer, self.shapes.layer)

    def _extent_text(self) -> str:
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
            text += f"\nabout {format_duration(pace * area_mm2)}, as fast as the last run"
        elif self.target.currentData() is Target.SLIDE or megapixels > LARGE_MPX:
            text += f"\n{megapixels:,.1f} megapixels: this may take long"
        if megapixels > LARGE_MPX:
            text += f"\n{LARGE_ADVICE}"
        return text
