"""The part of a slide to work on: the current view, a drawn region, or the whole slide."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.plugin.layers.slide_from_layer import get_shape

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Shapes
    from numpy.typing import NDArray


FUZZ_PX: Final = 1e-3
"""Tolerance for float rounding around whole numbers of pixels."""


class RegionKind(Enum):
    """How the user chooses a region; the values are the labels of the choice."""

    VIEWPORT = "Current view"
    DRAWN = "Drawn region"
    SLIDE = "Whole slide"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a slide.

    Attributes
    ----------
    box
        (y0, x0, y1, x1) in level-0 pixels, within the slide.
    note
        A hint for the user; may be empty.
    """

    box: Box
    note: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        y0, x0, y1, x1 = self.box
        return y1 - y0, x1 - x0


def find_region(kind: RegionKind, viewer: ViewerModel, layer: Layer, shapes: Shapes | None = None) -> Region:
    """Return the region of a slide that the user has chosen.

    Parameters
    ----------
    kind
        How it is chosen.
    viewer
        Shows the slide.
    layer
        The layer of the slide.
    shapes
        The layer with the drawn region.

    Raises
    ------
    ValueError
        If the slide is out of view, nothing is drawn on it, or the view is three-dimensional.
    """
    if kind is RegionKind.VIEWPORT:
        region = Region(find_viewport(viewer, layer))
        outside = "the slide is out of view; zoom to it (the home button shows everything)"
    elif kind is RegionKind.DRAWN:
        region = find_drawn_region(shapes, layer)
        outside = "the drawn region lies outside the slide; draw it on the slide"
    else:
        region = Region((0, 0, *get_shape(layer)))
        outside = "the slide is empty"
    if 0 in region.shape:
        raise ValueError(outside)
    return region


def find_viewport(viewer: ViewerModel, layer: Layer) -> Box:
    """Return the box of level-0 pixels of a layer that the canvas shows (in grid mode: one cell of it).

    Raises
    ------
    ValueError
        If the view is three-dimensional.
    """
    if viewer.dims.ndisplay != 2:
        raise ValueError("the view is three-dimensional; switch it to 2D first")
    canvas = viewer.canvas
    height, width = canvas.viewbox_size(viewer.layers) if canvas.grid.enabled else canvas.size
    zoom = viewer.scene.camera.zoom
    half = np.array([height, width]) / 2 / zoom
    corners = np.asarray(viewer.scene.camera.center)[-2:] + half * [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    world = np.tile(np.asarray(viewer.dims.point, float), (4, 1))
    world[:, list(viewer.dims.displayed)] = corners
    return _bound(world, layer)


def find_drawn_region(shapes: Shapes | None, layer: Layer) -> Region:
    """Return the bounding box of the selected shapes, or of the last shape if none is selected.

    Raises
    ------
    ValueError
        If nothing is drawn.
    """
    if shapes is None or shapes.nshapes == 0:
        raise ValueError("nothing is drawn yet; draw a rectangle or a polygon on the slide")
    chosen = sorted(shapes.selected_data) or [shapes.nshapes - 1]
    points = np.concatenate([np.asarray(shapes.data[i]) for i in chosen])
    world = np.array([shapes.data_to_world(point) for point in points])
    is_box = len(chosen) == 1 and shapes.shape_type[chosen[0]] == "rectangle" and _is_upright(world[:, -2:])
    what = "the last shape" if not shapes.selected_data else "the selected shape" + "s" * (len(chosen) > 1)
    return Region(_bound(world, layer), "" if is_box else f"the bounding box of {what}")


def _bound(world: NDArray[np.float64], layer: Layer) -> Box:
    """Return the box of pixels between world points (N, D), clipped to the layer. Pixel centres are whole numbers."""
    points = np.array([layer.world_to_data(point) for point in world])[:, -2:] + 0.5
    (y0, x0), (y1, x1) = np.floor(points.min(axis=0) + FUZZ_PX), np.ceil(points.max(axis=0) - FUZZ_PX)
    return clip_box((int(y0), int(x0), int(y1), int(x1)), get_shape(layer))


def _is_upright(corners: NDArray[np.float64]) -> bool:
    sides = np.abs(np.diff(corners, axis=0))
    return bool(np.all(sides.min(axis=1) <= 1e-6 * max(float(sides.max()), 1e-12)))
