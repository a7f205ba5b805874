"""Results as layers: their names, their place in the layer list, and older results of the same place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_pathprune.plugin.layers.nuclei_layer import FILLED, OUTLINED, make_attributes, outline_width
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement, get_shape

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from napari_pathprune.base.box import Box
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


def name_result(slide: Layer, region: Box, model_name: str) -> str:
    """Return the name of a result: slide, region and model.

    Parameters
    ----------
    slide
        Layer of the slide.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    model_name
        Name of the model without folder and suffix.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Image
    >>> slide = Image(np.zeros((40, 60, 3), np.uint8), name="CMU-1")
    >>> name_result(slide, (0, 0, 40, 60), "hovernet-s"), name_result(slide, (10, 5, 30, 35), "hovernet-s")
    ('CMU-1, whole: hovernet-s', 'CMU-1, 5,10 30\u00d720: hovernet-s')
    """
    y0, x0, y1, x1 = region
    is_whole = region == (0, 0, *get_shape(slide))
    place = "whole" if is_whole else f"{x0},{y0} {x1 - x0}\u00d7{y1 - y0}"
    return f"{slide.name}, {place}: {model_name}"


def arrange_result(viewer: ViewerModel, layer: Labels, slide: Layer) -> None:
    """Put a new result above its slide and the older results of it, and show the scale bar.

    Older results are kept, and hidden where they overlap the new one. In the grid of the viewer, where layers that
    follow one another share a cell, the result is put directly above its slide, and all older results of the slide
    are hidden and moved to the top of the list, so that the cells of other slides keep their layers.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        The result, whose metadata state ``slide`` and ``region``.
    slide
        Layer of the slide.
    """
    layers, is_grid = viewer.layers, viewer.canvas.grid.enabled
    older = [other for other in find_results(viewer, slide.name) if other is not layer]
    for other in older:
        if is_grid or _overlap(other.metadata["region"], layer.metadata["region"]):
            other.visible = False
    if is_grid:
        for other in older:
            layers.move(layers.index(other), len(layers))
    if slide in layers:
        own = layers.index(slide)
        top = own if is_grid else max([own, *(layers.index(other) for other in older)])
        if is_grid:
            slide.visible = True
        if top + 1 < layers.index(layer):
            layers.move(layers.index(layer), top + 1)
    if all(unit.dimensionality for unit in layer.units):
        viewer.canvas.overlays.scale_bar.visible = True


def find_results(viewer: ViewerModel, slide_name: str) -> list[Any]:
    """Return the layers of results of a slide, from the bottom of the layer list."""
    return [
        layer
        for layer in viewer.layers
        if layer.metadata.get("slide") == slide_name and len(layer.metadata.get("region") or ()) == 4
    ]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
