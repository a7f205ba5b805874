"""The layer of nuclei that a process is still finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_pathprune.plugin.layers.nuclei_layer import FILLED, make_type_attributes
from napari_pathprune.plugin.layers.result_layer import arrange_result, name_result
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement
from napari_pathprune.plugin.shelf.shelf import result_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas


def add_growing_layer(
    viewer: ViewerModel,
    slide: Layer,
    canvas: NucleiCanvas,
    legend: tuple[tuple[int, ...], tuple[int, ...]],
    *,
    model: str,
    model_name: str,
    type_names: tuple[str, ...],
) -> Any:  # noqa: ANN401 - napari has no types
    """Add the nuclei found so far, placed on their slide and marked as unfinished.

    The layer shows the canvas itself: refresh it after the canvas has changed.

    Parameters
    ----------
    viewer
        The viewer.
    slide
        The layer of the slide.
    canvas
        Numbers of types, one for each pixel of the slide.
    legend
        Labels on the canvas, and the type that each of them stands for.
    model
        The model file, or the name of a packaged model.
    model_name
        The name of the model in the name of the layer.
    type_names
        Names of the types, background first.

    Returns
    -------
    Labels
        The new layer. The shelf does not offer it, since it is unfinished.
    """
    layer = viewer.add_labels(
        canvas.data,
        name=f"{name_result(slide, canvas.region, model_name)}, unfinished",
        opacity=FILLED,
        multiscale=isinstance(canvas.data, list),
        metadata=result_metadata(model, slide.name, canvas.region, type_names, is_finished=False),
        **make_type_attributes(*legend, type_names),
        **copy_placement(slide),
    )
    arrange_result(viewer, layer, slide)
    return layer
