"""Editable layers of nuclei: new ones, and parts of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.layers import Labels

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.instances.palette import names_by_number
from napari_pathprune.plugin.layers.annotation.annotation import Annotation
from napari_pathprune.plugin.layers.nuclei_canvas import EDITABLE_PX
from napari_pathprune.plugin.layers.nuclei_layer import OUTLINED, outline_width
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement
from napari_pathprune.plugin.shelf.shelf import ShelfResult, result_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_pathprune.slides.reader import Mpp

NAME: Final = "annotation"


def add_annotation(
    viewer: ViewerModel,
    slide: Image,
    region: Box,
    labels: NDArray[Any],
    types: Mapping[int, int],
    type_names: Sequence[str],
    mpp: Mpp,
) -> Annotation:
    """Add an editable layer of nuclei to a viewer, on its place on the slide, and make it the active one.

    Parameters
    ----------
    viewer
        The viewer that shows the slide.
    slide
        The layer of the slide.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    labels
        (y1 - y0, x1 - x0) integers, 0 background. They are copied.
    types, type_names, mpp
        See `Annotation`.
    """
    outline_px = outline_width(region, mpp)
    layer = Labels(
        np.ascontiguousarray(labels, np.int32).copy(),
        name=NAME,
        opacity=OUTLINED,
        visible=False,  # drawn once it is complete
        metadata={**result_metadata("", slide.name, region, tuple(type_names)), "mpp": mpp},
        **copy_placement(slide, region[:2]),
    )
    layer.contour = outline_px or 1
    annotation = Annotation(layer, region, mpp, type_names, types)
    layer.visible = True
    viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    return annotation


def check_editable(region: Box) -> None:
    """Raise if a region is too large to be edited.

    Raises
    ------
    ValueError
        If it has more than `EDITABLE_PX` pixels.
    """
    y0, x0, y1, x1 = region
    if (y1 - y0) * (x1 - x0) > EDITABLE_PX:
        side = int(EDITABLE_PX**0.5)
        raise ValueError(
            f"got a region of {x1 - x0:,} x {y1 - y0:,} px, expected at most {side:,} x {side:,}; "
            "zoom in or draw a smaller region"
        )


def crop_result(result: ShelfResult, region: Box) -> tuple[NDArray[np.int32], dict[int, int]]:
    """Return the nuclei of a result in a region.

    Parameters
    ----------
    result
        A result on the shelf, of one scale or several.
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide.

    Returns
    -------
    labels
        (y1 - y0, x1 - x0) int32, 0 where the result has no nuclei or does not reach.
    types
        Type of each nucleus in the region.

    Raises
    ------
    ValueError
        If the result and the region do not overlap.
    """
    y0, x0, y1, x1 = region
    top, left = result.region[:2]
    data = result.layer.data[0] if result.layer.multiscale else result.layer.data
    moved = (y0 - top, x0 - left, y1 - top, x1 - left)
    a, b, c, d = clip_box(moved, (data.shape[0], data.shape[1]))
    if c <= a or d <= b:
        raise ValueError(f"{result.name} has no nuclei in this region; choose another result, or a model")
    labels = np.zeros((y1 - y0, x1 - x0), np.int32)
    labels[a - moved[0] : c - moved[0], b - moved[1] : d - moved[1]] = np.asarray(data[a:c, b:d])
    known = read_types(result.layer, result.type_names)
    present = np.unique(labels)
    return labels, {int(number): known.get(int(number), 0) for number in present if number}


def read_types(layer: Labels, type_names: Sequence[str]) -> dict[int, int]:
    """Return the type of each nucleus of a layer, from its features.

    Parameters
    ----------
    layer
        A Labels layer with the features ``index`` and ``type``; without them no nucleus has a type.
    type_names
        Names of the types, background first.
    """
    features = layer.features
    if "index" not in features or "type" not in features:
        return {}
    numbers = {name: number for number, name in enumerate(names_by_number(type_names))}
    pairs = zip(features["index"], features["type"], strict=True)
    return {int(index): numbers.get(str(name), 0) for index, name in pairs}
