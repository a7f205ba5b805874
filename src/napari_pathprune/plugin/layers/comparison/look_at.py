"""Camera positions in level-0 pixels of a slide, for the canvas and for the cells of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pathprune.base.box import Box

MARGIN: Final = 0.95
"""Share of the canvas that a box fills."""


def look_at_point(viewer: ViewerModel, slide: Layer, y: float, x: float, field_px: float) -> None:
    """Centre the view on a point of a slide; come closer if less than a field around it would fill the canvas.

    Parameters
    ----------
    viewer
        The viewer.
    slide
        Layer of the slide.
    y, x
        The point in level-0 pixels.
    field_px
        Side of the field that is shown at most, in level-0 pixels.
    """
    zoom = _find_zoom(viewer, slide, y, x, field_px, field_px)
    _move(viewer, slide, y, x, max(viewer.scene.camera.zoom, zoom))


def look_at_box(viewer: ViewerModel, slide: Layer, box: Box) -> None:
    """Fit a box of level-0 pixels of a slide into the canvas, or into each cell of the grid."""
    y0, x0, y1, x1 = box
    y, x = (y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2
    _move(viewer, slide, y, x, MARGIN * _find_zoom(viewer, slide, y, x, y1 - y0, x1 - x0))


def is_centred_in(viewer: ViewerModel, slide: Layer, box: Box) -> bool:
    """Return whether the centre of the view lies in a box of level-0 pixels of a slide."""
    displayed = list(viewer.dims.displayed)
    point = np.asarray(viewer.dims.point, float)
    point[displayed] = np.asarray(viewer.scene.camera.center)[-len(displayed) :]
    y, x = slide.world_to_data(point)[-2:]
    y0, x0, y1, x1 = box
    return bool(y0 <= y < y1 and x0 <= x < x1)


def _move(viewer: ViewerModel, slide: Layer, y: float, x: float, zoom: float) -> None:
    centre = np.asarray(slide.data_to_world((y, x)))[-2:]
    viewer.scene.camera.center = (0.0, float(centre[0]), float(centre[1]))
    viewer.scene.camera.zoom = zoom


def _find_zoom(viewer: ViewerModel, slide: Layer, y: float, x: float, height_px: float, width_px: float) -> float:
    """Return the zoom at which a field fills the canvas or a cell."""
    step = np.asarray(slide.data_to_world((y + 1.0, x)))[-2:] - np.asarray(slide.data_to_world((y, x)))[-2:]
    world_px = float(np.linalg.norm(step))
    canvas = viewer.canvas
    height, width = canvas.viewbox_size(viewer.layers) if canvas.grid.enabled else canvas.size
    return float(min(height / (height_px * world_px), width / (width_px * world_px)))
