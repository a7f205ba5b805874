"""Twins of the layers of a slide and its nuclei, which share their arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.layers import Labels, Layer
from napari.utils import DirectLabelColormap

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.plugin.layers.nuclei_layer import OUTLINED_PX
from napari_pathprune.plugin.layers.segmentation_from_layer import find_origin
from napari_pathprune.plugin.layers.slide_from_layer import PLACEMENT, copy_placement, get_levels

if TYPE_CHECKING:
    from napari_pathprune.instances.palette import Colour

_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def copy_slide(slide: Layer, name: str) -> Layer:
    """Return a hidden layer that shares the pixels of a slide and is shown in the same way."""
    data, attributes, kind = slide.as_layer_data_tuple()
    return Layer.create(data, {**attributes, "name": name, "visible": False}, kind)


def copy_nuclei(nuclei: Layer, slide: Layer, box: Box, colour: Colour) -> Any:  # noqa: ANN401
    """Return a layer of the labels in a box of the slide, all in one colour, which shares them where it can.

    Parts of arrays in memory are shared. Small parts of others are read and not editable. Large ones are shown whole.
    """
    origin = find_origin(nuclei, slide)
    first = get_levels(nuclei)[0]
    moved = (box[0] - origin[0], box[1] - origin[1], box[2] - origin[0], box[3] - origin[1])
    y0, x0, y1, x1 = clip_box(moved, (first.shape[0], first.shape[1]))
    is_shared = isinstance(first, np.ndarray) and not nuclei.multiscale
    is_part = is_shared or (y1 - y0) * (x1 - x0) <= OUTLINED_PX
    part = first[y0:y1, x0:x1] if is_shared else np.asarray(first[y0:y1, x0:x1]) if is_part else nuclei.data
    placement = (
        copy_placement(slide, (origin[0] + y0, origin[1] + x0))
        if is_part
        else {key: getattr(nuclei, key) for key in (*PLACEMENT, "translate")}
    )
    layer = Labels(
        part,
        multiscale=not is_part and nuclei.multiscale,
        colormap=DirectLabelColormap(color_dict={None: (*(side / 255 for side in colour), 1.0), 0: _CLEAR}),
        features=nuclei.features,
        opacity=1.0,
        visible=False,
        **placement,
    )
    layer.editable = is_shared
    return layer
