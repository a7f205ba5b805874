"""A result folder as a layer on its slide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_pathprune.plugin.layers.result_layer import name_result
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement, get_shape, is_slide_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.workflows.compare.segmentation import Segmentation


def add_folder_result(
    viewer: ViewerModel,
    found: Segmentation,
    data: Any,  # noqa: ANN401 - an array or levels
    attributes: Mapping[str, Any],
    slide: Layer | None = None,
) -> Any:  # noqa: ANN401 - napari has no types
    """Add the nuclei of a result folder, placed on the layer of their slide, which is opened if need be.

    Parameters
    ----------
    viewer
        The viewer.
    found
        The result; see `workflows.compare.read_segmentation`.
    data
        Labels of the whole slide: an array, or a list of levels.
    attributes
        Colours and features of the layer.
    slide
        The layer of the slide; by default the one of the same name or else shape.

    Returns
    -------
    Labels
        The new layer. Its metadata put it on the shelf.

    Raises
    ------
    ValueError
        If the slide is neither open nor where the result was made.
    """
    slide = _find_slide(viewer, found) if slide is None else slide
    if slide is None:
        raise ValueError(f"the result is placed on {found.slide or 'its slide'}; open that first")
    facts = {"model": found.model, "slide": slide.name, "region": found.region, "type_names": found.type_names}
    return viewer.add_labels(
        data,
        name=name_result(slide, found.region, found.name),
        multiscale=isinstance(data, list),
        metadata={**facts, "is_finished": True, "phases": found.phases},
        **attributes,
        **copy_placement(slide),
    )


def _find_slide(viewer: ViewerModel, found: Segmentation) -> Any:  # noqa: ANN401 - napari has no types
    """Return the layer of the slide of a result, best by its name; None if it cannot be found."""
    slides = [layer for layer in viewer.layers if is_slide_layer(layer) and get_shape(layer) == found.slide_shape]
    stem = Path(found.slide).stem
    named = [layer for layer in slides if stem and stem.startswith(layer.name)]
    if named or slides:
        return (named or slides)[0]
    if found.slide_path is None or not found.slide_path.is_file():
        return None
    return open_slide_layer(viewer, found.slide_path)


def find_slide_layer(viewer: ViewerModel, path: Path) -> Any:  # noqa: ANN401 - napari has no types
    """Return the layer of the slide in a file, whichever reader opened it; None if it is not open."""
    return next(
        (
            layer
            for layer in viewer.layers
            if is_slide_layer(layer) and str(layer.metadata.get("path") or layer.source.path or "") == str(path)
        ),
        None,
    )


def open_slide_layer(viewer: ViewerModel, path: Path) -> Any:  # noqa: ANN401 - napari has no types
    """Return the layer of the slide in a file; it is added if it is not open.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read.
    """
    from napari_pathprune.plugin.layers.napari_reader import (
        read_slide,
    )  # imports dask

    found = find_slide_layer(viewer, path)
    return found if found is not None else viewer.add_layer(Layer.create(*read_slide(str(path))[0]))
