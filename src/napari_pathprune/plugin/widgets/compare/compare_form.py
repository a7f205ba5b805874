"""The form of the Compare dock: two results and their slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_pathprune.plugin.layers.comparison.compare_grid import MARK
from napari_pathprune.plugin.layers.segmentation_from_layer import (
    find_slide_layer,
    is_nuclei_layer,
    segmentation_from_layer,
)
from napari_pathprune.plugin.layers.slide_from_layer import is_slide_layer
from napari_pathprune.plugin.shelf.shelf import shelf_of, unwrap
from napari_pathprune.plugin.widgets.choosers import LayerChooser
from napari_pathprune.workflows.compare.segmentation import Segmentation, find_common_region

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pathprune.base.box import Box


@dataclass(frozen=True, slots=True, eq=False)
class CompareRequest:
    """What to compare.

    Attributes
    ----------
    layer_a, layer_b, slide_layer
        The layers of the results and of their slide.
    a, b
        The nuclei of the results.
    region
        (y0, x0, y1, x1) that both cover, in level-0 pixels.
    is_truth
        Whether A is an annotation.
    """

    layer_a: Any
    layer_b: Any
    slide_layer: Any
    a: Segmentation
    b: Segmentation
    region: Box
    is_truth: bool


class CompareForm(QWidget):  # type: ignore[misc]
    """Two results, their slide, and whether the first one is an annotation.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.

    Attributes
    ----------
    changed
        Signal without arguments: the choice or the list of layers has changed.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer, self._shelf = viewer, shelf_of(viewer)
        self.a = LayerChooser(viewer.layers, _is_result, "No nuclei yet")
        self.b = LayerChooser(viewer.layers, _is_result, "No nuclei yet")
        self.slide = LayerChooser(viewer.layers, _is_slide, "No image layer")
        self.is_truth = QCheckBox("A is an annotation (the truth)")
        self.open = QPushButton("Open result folder...")
        for widget, name, tip in (
            (self.a, "Result A", "Result on the left: the reference, such as the dense model or an annotation"),
            (self.b, "Result B", "Result on the right, such as the compact model"),
            (self.slide, "Slide", "Image layer of the slide that both results are from"),
            (self.is_truth, "A is an annotation", "Scores are then called accuracy; without it they are agreement"),
            (
                self.open,
                "Open result folder",
                "Add a result folder of pathprune segment as a layer, as result B",
            ),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, widget in (("A (left)", self.a), ("B (right)", self.b), ("Slide", self.slide)):
            form.addRow(title, widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.is_truth)
        layout.addWidget(self.open)
        self.a.chosen.connect(self._choose_slide)
        self._shelf.results_changed.connect(self._offer_results)
        for chooser in (self.a, self.b, self.slide):
            chooser.chosen.connect(self.changed.emit)
        self.b.chosen.connect(self._offer_results)  # the shelf may know a result before the list has it
        self._offer_results()
        self._choose_slide()

    @property
    def problem(self) -> str | None:
        """Why nothing can be compared yet, as a sentence for the user; None if something can."""
        if self.a.layer is None or self.b.layer is None or self.a.layer is self.b.layer:
            return "Choose two results: segment a region with two models, or open result folders"
        if self.slide.layer is None:
            return "Open the slide of the results (File > Open)"
        return None

    def request(self) -> CompareRequest:
        """Return what to compare.

        Raises
        ------
        ValueError
            If the results are not of one slide or do not overlap; the message describes what to do.
        """
        if self.problem is not None:
            raise ValueError(self.problem)
        layer_a, layer_b, slide = (unwrap(one.layer) for one in (self.a, self.b, self.slide))
        known = {layer.name for layer in self._viewer.layers if _is_slide(layer)}
        for layer in (layer_a, layer_b):
            own = layer.metadata.get("slide")
            if own in known and own != slide.name:
                raise ValueError(f"{layer.name} is of slide {own}, not of {slide.name}; choose results of one slide")
        a, b = (segmentation_from_layer(layer, slide) for layer in (layer_a, layer_b))
        return CompareRequest(layer_a, layer_b, slide, a, b, find_common_region(a, b), self.is_truth.isChecked())

    def disconnect_viewer(self) -> None:
        """Stop following the viewer and the shelf."""
        for chooser in (self.a, self.b, self.slide):
            chooser.disconnect_viewer()
        self._shelf.results_changed.disconnect(self._offer_results)

    def _offer_results(self) -> None:
        """Choose the two latest results of the shelf if the same layer is chosen twice."""
        if self.a.layer is not self.b.layer:
            return
        latest = [result.layer for result in self._shelf.results][-2:]
        others = [layer for layer in self._viewer.layers if _is_result(layer)]
        pair = latest if len(latest) == 2 else others[:2]
        if len(pair) == 2:
            for chooser, layer in zip((self.a, self.b), pair, strict=True):
                index = next((i for i in range(chooser.count()) if unwrap(chooser.itemData(i)) is unwrap(layer)), -1)
                if index >= 0:
                    chooser.setCurrentIndex(index)

    def _choose_slide(self) -> None:
        slides = [layer for layer in self._viewer.layers if _is_slide(layer)]
        slide = find_slide_layer(self.a.layer, slides)
        if slide is not None and self.slide.count() == len(slides):
            self.slide.setCurrentIndex(next(i for i, layer in enumerate(slides) if layer is slide))


def _is_result(layer: Layer) -> bool:
    return is_nuclei_layer(layer) and not layer.metadata.get(MARK) and layer.name != "difference"


def _is_slide(layer: Layer) -> bool:
    return is_slide_layer(layer) and not layer.metadata.get(MARK)
