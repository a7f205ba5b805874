"""The nuclei of a Labels layer, as napari passes them to a writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import napari
import numpy as np
import pint
from napari.layers import Image

from napari_pathprune.base.box import Box
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.slide_from_layer import get_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.reader import Mpp

LARGEST_PX: Final = 2**29
"""Largest layer that is saved; the labels of a larger one do not fit into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedNuclei:
    """What the files of a result hold.

    Attributes
    ----------
    labels
        (h, w) int32, 0 background.
    box
        (y0, x0, y1, x1) of the labels in level-0 pixels of the slide.
    region
        (y0, x0, y1, x1) where nuclei were looked for.
    table
        The nuclei, in level-0 pixels of the slide.
    type_names
        Names of the types, background first; empty if the nuclei have no types.
    mpp
        Size of a level-0 pixel in um (y, x), or None if unknown.
    model, slide, slide_path
        Names of model and slide, and path of the slide; empty if unknown.
    slide_shape
        Height and width of the slide in level-0 pixels.
    """

    labels: NDArray[np.int32]
    box: Box
    region: Box
    table: InstanceTable
    type_names: tuple[str, ...]
    mpp: Mpp | None
    model: str
    slide: str
    slide_path: str
    slide_shape: tuple[int, int]


def collect_nuclei(data: Any, attributes: Mapping[str, Any]) -> SavedNuclei:  # noqa: ANN401 - arrays of any kind
    """Return the nuclei of a layer.

    Parameters
    ----------
    data
        Labels, or levels of a pyramid; the finest level is saved.
    attributes
        Of a layer, as in napari's layer data tuples. The features ``index``, ``type`` and ``probability`` and the
        metadata of `result_metadata` are used where the layer has them.

    Raises
    ------
    ValueError
        If the labels are not two-dimensional, or too large.
    """
    finest = data[0] if attributes.get("multiscale", isinstance(data, list)) else data
    if getattr(finest, "ndim", 0) != 2:
        raise ValueError(
            f"got labels of {getattr(finest, 'ndim', 0)} dimensions; expected the nuclei of a slide, (h, w)"
        )
    height, width = int(finest.shape[0]), int(finest.shape[1])
    if height * width > LARGEST_PX:
        raise ValueError(
            f"got labels of {width:,} x {height:,} px, too many to save from the viewer; use pathprune segment, which "
            "writes such results while it runs"
        )
    facts = attributes.get("metadata") or {}
    slide = _find_slide(str(facts.get("slide", "")))
    box, region = _locate((height, width), facts)
    labels = np.asarray(finest).astype(np.int32)
    types, probabilities, type_names = _read_types(attributes.get("features"), facts)
    table = InstanceTable.from_instance_map(labels)
    ids = table.id.tolist()
    table = replace(
        table,
        type=np.array([types.get(number, 0) for number in ids], np.int16),
        type_probability=np.array([probabilities.get(number, 0.0) for number in ids], np.float32),
    ).transform(offset=box[:2])
    return SavedNuclei(
        labels,
        box,
        region,
        table,
        type_names,
        _find_mpp(attributes, facts),
        str(facts.get("model", "")),
        str(facts.get("slide", "")),
        "" if slide is None else str(slide.metadata.get("path") or slide.source.path or ""),
        (max(box[2], region[2]), max(box[3], region[3])) if slide is None else get_shape(slide),
    )


def _find_slide(name: str) -> Image | None:
    """Return the layer of the slide in the viewer that is saved from, if it is there."""
    viewer = napari.current_viewer()
    layers = () if viewer is None else viewer.layers
    return next((layer for layer in layers if isinstance(layer, Image) and name and layer.name == name), None)


def _locate(shape: tuple[int, int], facts: Mapping[str, Any]) -> tuple[Box, Box]:
    """Return the boxes of the labels and of the region; labels of the size of the region lie on it."""
    given = facts.get("region")
    whole = (0, 0, *shape)
    if given is None or len(given) != 4:
        return whole, whole
    y0, x0, y1, x1 = (int(side) for side in given)
    return ((y0, x0, y1, x1) if (y1 - y0, x1 - x0) == shape else whole), (y0, x0, y1, x1)


def _read_types(
    features: Any,  # noqa: ANN401 - a DataFrame, a mapping or None
    facts: Mapping[str, Any],
) -> tuple[dict[int, int], dict[int, float], tuple[str, ...]]:
    """Return type and probability of each nucleus, and the names of the types."""
    names = tuple(str(name) for name in facts.get("type_names", ()))
    if features is None or "index" not in features or "type" not in features:
        return {}, {}, names
    is_nucleus = [int(number) > 0 for number in features["index"]]
    ids = [int(number) for number in compress(features["index"], is_nucleus)]
    found = [str(name) for name in compress(features["type"], is_nucleus)]
    if len(names) < 2 and len(set(found)) > 1:
        names = ("background", *sorted(set(found)))
    numbers = {name: number for number, name in enumerate(names) if number}
    types = {number: numbers.get(name, 0) for number, name in zip(ids, found, strict=True)}
    has_share = "probability" in features
    shares = compress(features["probability"], is_nucleus) if has_share else [1.0 if types[i] else 0.0 for i in ids]
    return types, {number: float(share) for number, share in zip(ids, shares, strict=True)}, names


def _find_mpp(attributes: Mapping[str, Any], facts: Mapping[str, Any]) -> Mpp | None:
    """Return the pixel size of the metadata, or else of scale and units."""
    given = facts.get("mpp")
    if given is not None:
        y, x = np.broadcast_to(np.asarray(given, float), 2)
        return float(y), float(x)
    sizes = [
        abs(float(step)) * pint.Quantity(1.0, unit)
        for step, unit in zip(
            attributes.get("scale", (1, 1)), attributes.get("units") or ("pixel", "pixel"), strict=True
        )
    ]
    if not all(size.check("[length]") for size in sizes):
        return None
    y, x = (size.to("micrometer").magnitude for size in sizes)
    return float(y), float(x)
