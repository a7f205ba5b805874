"""The choice of a Shapes layer with a region, and the start of drawing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari.layers import Shapes
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_pathprune.plugin.layers.slide_from_layer import copy_placement
from napari_pathprune.plugin.widgets.choosers import LayerChooser

if TYPE_CHECKING:
    from napari.components import ViewerModel

DRAWN_STYLE: Final = {"face_color": "transparent", "edge_color": "yellow", "edge_width": 4}


class DrawRegion(QWidget):  # type: ignore[misc]
    """A list of Shapes layers, and a button to draw a rectangle on the slide.

    Parameters
    ----------
    viewer
        The viewer whose layers can be chosen.
    slide
        The list of slides, whose chosen layer is drawn on.

    Attributes
    ----------
    shapes
        The list of Shapes layers.
    draw
        The button.
    """

    def __init__(self, viewer: ViewerModel, slide: LayerChooser) -> None:
        super().__init__()
        self._viewer, self._slide = viewer, slide
        self.shapes = LayerChooser(viewer.layers, lambda layer: isinstance(layer, Shapes), "No shapes layer")
        self.draw = QPushButton("Draw")
        for widget, name, tip in (
            (self.shapes, "Shapes", "Shapes layer with the region: the selected shapes, or the last one"),
            (self.draw, "Draw", "Draw a rectangle on the slide"),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.shapes, 1)
        row.addWidget(self.draw)
        self.draw.clicked.connect(self.start)

    @property
    def layer(self) -> Any:  # noqa: ANN401 - napari has no types
        """The chosen Shapes layer, or None."""
        return self.shapes.layer

    def start(self) -> None:
        """Activate the rectangle tool on a Shapes layer that is aligned with the slide."""
        slide = self._slide.layer
        if slide is None:
            return
        if self.shapes.layer is None:
            self.shapes.choose(self._viewer.add_shapes(ndim=2, name="region", **DRAWN_STYLE, **copy_placement(slide)))
        shapes = self.shapes.layer
        self._viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"

    def disconnect_viewer(self) -> None:
        """Stop following the layer list."""
        self.shapes.disconnect_viewer()
