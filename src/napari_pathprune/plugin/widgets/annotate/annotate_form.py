"""The form of the Annotate dock: slide, region, and the nuclei to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QWidget

from napari_pathprune.plugin.layers.annotation.annotation_layer import check_editable
from napari_pathprune.plugin.layers.region_kind import RegionKind, find_region
from napari_pathprune.plugin.layers.slide_from_layer import find_mpp
from napari_pathprune.plugin.shelf.preferences import read_preferences
from napari_pathprune.plugin.shelf.shelf import ShelfModel, ShelfResult, shelf_of, unwrap
from napari_pathprune.plugin.widgets.choosers import Chooser, LayerChooser
from napari_pathprune.plugin.widgets.draw_region import DrawRegion

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.reader import Mpp

Source = ShelfModel | ShelfResult | None
"""Where the first nuclei come from: a model, a result, or nowhere."""


@dataclass(frozen=True, slots=True, eq=False)
class AnnotateRequest:
    """What to annotate.

    Attributes
    ----------
    slide
        Image layer of the slide.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    mpp
        Size of a level-0 pixel in um (y, x).
    source
        Where the first nuclei come from.
    """

    slide: Image
    region: Box
    mpp: Mpp
    source: Source


class AnnotateForm(QWidget):  # type: ignore[misc]
    """Slide, region and first nuclei of an annotation.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.

    Attributes
    ----------
    changed
        Signal without arguments: another slide is chosen.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer, self._shelf = viewer, shelf_of(viewer)
        self.slide = LayerChooser(viewer.layers, lambda layer: isinstance(layer, Image), "No image layer")
        self.mpp = QDoubleSpinBox(decimals=4, minimum=0.0, maximum=10.0, singleStep=0.01)
        self.mpp.setSuffix(" \u00b5m/px")
        self.mpp.setSpecialValueText("unknown")
        self.region_kind = Chooser()
        for kind in (RegionKind.VIEWPORT, RegionKind.DRAWN):
            self.region_kind.addItem(kind.value, kind)
        self.drawn = DrawRegion(viewer, self.slide)
        self.source = Chooser()
        self._has_sources = False
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, widget, field, tip in (
            ("Slide", self.slide, self.slide, "Image layer of the slide, opened by any reader"),
            ("Pixel size", self.mpp, self.mpp, "The layer has no pixel size; 40x is about 0.25, 20x about 0.5"),
            ("Region", self.region_kind, self.region_kind, "Part of the slide to annotate"),
            ("Shapes", self.drawn, self.drawn.shapes, self.drawn.shapes.toolTip()),
            (
                "Start from",
                self.source,
                self.source,
                "The nuclei to correct: those that a model finds, those of a result, or none",
            ),
        ):
            self._layout.addRow(name, widget)
            field.setToolTip(tip)
            field.setAccessibleName(name)

        self.region_kind.currentIndexChanged.connect(self.refresh)
        self.slide.chosen.connect(self.refresh)
        self._shelf.models_changed.connect(self.refresh)
        self._shelf.results_changed.connect(self.refresh)
        self.refresh()

    def request(self) -> AnnotateRequest:
        """Return what to annotate.

        Raises
        ------
        ValueError
            If something is missing; the message describes what to do.
        """
        layer = self.slide.layer
        if layer is None:
            raise ValueError("Open a slide first (File > Open, or File > Open Sample > Pathprune)")
        entered = self.mpp.value()
        mpp = find_mpp(layer) or ((entered, entered) if entered > 0 else None)
        if mpp is None:
            raise ValueError("Enter the pixel size: about 0.25 \u00b5m/px for a 40x scan, 0.5 \u00b5m/px for 20x")
        region = find_region(self.region_kind.currentData(), self._viewer, layer, self.drawn.layer).box
        check_editable(region)
        return AnnotateRequest(unwrap(layer), region, mpp, self.source.currentData())

    def refresh(self, _: object = None) -> None:
        """List models and results of the chosen slide; the choice is kept if it still exists."""
        layer, before = self.slide.layer, self.source.currentData()
        self._layout.setRowVisible(self.drawn, self.region_kind.currentData() is RegionKind.DRAWN)
        self._layout.setRowVisible(self.mpp, layer is not None and find_mpp(layer) is None)
        results = [result for result in self._shelf.results if layer is not None and result.slide is unwrap(layer)]
        sources: list[tuple[str, Source]] = [
            *((f"Model: {model.name}", model) for model in self._shelf.models),
            *((f"Result: {result.layer.name}", result) for result in reversed(results)),
            ("No nuclei", None),
        ]
        self.source.blockSignals(True)
        self.source.clear()
        for text, source in sources:
            self.source.addItem(text, source)
            self.source.setItemData(self.source.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
        default = read_preferences().default_model
        chosen = before if self._has_sources else next((m for m in self._shelf.models if m.source == default), before)
        self._has_sources = True
        kept = next((i for i, (_, source) in enumerate(sources) if source is chosen), 0)
        self.source.setCurrentIndex(kept)
        self.source.blockSignals(False)
        self.changed.emit()

    def choose_source(self, source: Source) -> None:
        """Choose a model, a result, or None for no nuclei."""
        found = (self.source.itemData(i) for i in range(self.source.count()))
        self.source.setCurrentIndex(next(i for i, data in enumerate(found) if data is source))

    def disconnect_viewer(self) -> None:
        """Stop following the viewer."""
        self.slide.disconnect_viewer()
        self.drawn.disconnect_viewer()
        self._shelf.models_changed.disconnect(self.refresh, missing_ok=True)
        self._shelf.results_changed.disconnect(self.refresh, missing_ok=True)
