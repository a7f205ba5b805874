"""Segmentations from Labels layers of any origin, placed on the layer of their slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.layers import Labels

from napari_pathprune.base.box import Box, clip_box
from napari_pathprune.plugin.layers.slide_from_layer import find_mpp, get_levels, get_shape, is_slide_layer
from napari_pathprune.workflows.compare.segmentation import Segmentation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

SAME_PX: Final = 0.05
"""Largest deviation of the size of a label pixel, and of twice its position, from whole pixels of the slide."""


def is_nuclei_layer(layer: Layer) -> bool:
    """Return whether a layer can hold the nuclei of a slide: two-dimensional labels."""
    return isinstance(layer, Labels) and layer.ndim == 2


def find_slide_layer(layer: Layer | None, layers: Iterable[Layer]) -> Layer | None:
    """Return the layer of the slide that the nuclei of a layer are from: that of the metadata, else the first."""
    slides = [other for other in layers if is_slide_layer(other)]
    name = None if layer is None else layer.metadata.get("slide")
    named = [slide for slide in slides if slide.name == name]
    colour = [slide for slide in slides if slide.rgb]
    return next(iter([*named, *colour, *slides]), None)


def segmentation_from_layer(layer: Layer, slide: Layer) -> Segmentation:
    """Return the nuclei of a Labels layer in level-0 pixels of its slide; the labels are not copied.

    Types and probabilities are those of the features; nuclei that were painted since have no type. The region is that
    of the metadata, or the whole layer.

    Parameters
    ----------
    layer
        Two-dimensional labels, also multiscale ones.
    slide
        The image layer that they were found on.

    Raises
    ------
    ValueError
        If the labels are rotated against the slide, or have pixels of another size.
    """
    origin = find_origin(layer, slide)
    labels = get_levels(layer)[0]
    box = (origin[0], origin[1], origin[0] + labels.shape[0], origin[1] + labels.shape[1])
    region = clip_box(_read_region(layer) or box, get_shape(slide))
    ids, types, probabilities, names = _read_features(layer)
    return Segmentation(
        layer.name,
        labels,
        region,
        get_shape(slide),
        origin,
        ids=ids,
        types=types,
        probabilities=probabilities,
        type_names=names,
        mpp=find_mpp(slide),
        slide=slide.name,
        model=str(layer.metadata.get("model") or ""),
        phases=int(layer.metadata.get("phases") or 1),
    )


def find_origin(layer: Layer, slide: Layer) -> tuple[int, int]:
    """Return the position (y, x) of the first label pixel, in level-0 pixels of the slide.

    Raises
    ------
    ValueError
        If the labels are rotated against the slide, or have pixels of another size.
    """
    points = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    placed = np.array([slide.world_to_data(layer.data_to_world(point))[-2:] for point in points])
    origin, sides = placed[0], placed[1:] - placed[0]
    if np.abs(sides - 100 * np.eye(2)).max() > 100 * SAME_PX or np.abs(origin - origin.round()).max() > 0.5:
        raise ValueError(
            f"{layer.name} does not have the pixels of {slide.name}; compare labels in level-0 pixels of the slide"
        )
    y, x = origin.round().astype(int)
    return int(y), int(x)


def _read_region(layer: Layer) -> Box | None:
    region = layer.metadata.get("region")
    if region is None or len(region) != 4:
        return None
    y0, x0, y1, x1 = (int(side) for side in region)
    return y0, x0, y1, x1


def _read_features(layer: Layer) -> tuple[Any, Any, Any, tuple[str, ...]]:
    """Return ids, types, probabilities and the names of the types, background first."""
    features = layer.features
    if "index" not in features or not len(features):
        return None, None, None, ()
    features = features[features["index"] > 0]  # other rows have no nucleus
    ids = features["index"].to_numpy().astype(np.int64)
    names = tuple(str(name) for name in layer.metadata.get("type_names", ()))
    if "type" not in features:
        return ids, np.zeros(len(ids), np.int64), None, ()
    found = features["type"].astype(str)
    if len(names) < 2:  # of a result without types every nucleus has the same name
        others = sorted(set(found.unique()))
        names = ("background", *others) if len(others) > 1 else ()
    numbers = {name: number for number, name in enumerate(names) if number}
    types = found.map(numbers).fillna(0).to_numpy().astype(np.int64)
    has_probability = "probability" in features
    probabilities = features["probability"].to_numpy().astype(np.float64) if has_probability else None
    return ids, types, probabilities, names
