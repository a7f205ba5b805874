"""A finished segmentation as a layer on its slide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_pathprune.plugin.layers.nuclei_layer import FILLED, OUTLINED, make_attributes, outline_width
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
    from napari_pathprune.slides.reader import Mpp


def add_result_layer(
    viewer: ViewerModel, slide: Image, canvas: NucleiCanvas, mpp: Mpp, name: str, metadata: Mapping[str, Any]
) -> Labels:
    """Add the nuclei of a region to a viewer, placed on their slide and coloured by type.

    Parameters
    ----------
    viewer
        The viewer.
    slide
        Image layer of the slide.
    canvas
        The nuclei.
    mpp
        Size of a level-0 pixel in um (y, x).
    name
        Name of the layer.
    metadata
        What the layer states of the result, such as ``type_names``.
    """
    table, data = canvas.table(), canvas.data
    outline_px = outline_width(canvas.region, mpp)
    layer = viewer.add_labels(
        data,
        name=name,
        multiscale=isinstance(data, list),
        metadata={"mpp": mpp, **metadata},
        **copy_placement(slide, canvas.region[:2]),
        **{
            **make_attributes(table, mpp, metadata.get("type_names", ())),
            "opacity": OUTLINED if outline_px else FILLED,
        },
    )
    layer.contour = outline_px
    return layer
