"""Layers of any reader -> slides; and back: where on the slide a result lies.

The only place where napari's world (scale, units, affine) meets pixels and mpp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pint
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_pathprune.slides.reader import Slide, open_slide, slide_from_arrays

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_pathprune.slides.reader import Mpp, Pixels

PLACED_BY: Final = ("scale", "rotate", "shear", "affine", "units", "axis_labels")
MPP_KEYS: Final = ("mpp", "resolution")
MPP_LIMITS: Final = (0.01, 100.0)
"""Sizes of a pixel in um that a microscope can mean; outside of it a unit went wrong."""


def is_slide_layer(layer: Layer) -> bool:
    """Say whether a layer may be a slide: a flat image in colour, or a grey one."""
    return isinstance(layer, Image) and layer.ndim == 2


def slide_of(layer: Layer, mpp: Mpp | None = None) -> Slide:
    """Give the slide in an image layer, whoever read it: numpy, zarr and dask arrays, RGB, RGBA (on white), grey.

    Parameters
    ----------
    layer
        An image layer.
    mpp
        Size of a pixel in um (y, x); by default what `mpp_of` finds.

    Raises
    ------
    ValueError
        If the layer is no flat 8-bit image.
    """
    if not is_slide_layer(layer):
        raise ValueError(f"layer {layer.name!r} is not a flat image; choose the layer of the slide")
    path = layer.metadata.get("path") or layer.source.path
    return slide_from_arrays(levels_of(layer), mpp or mpp_of(layer), layer.name, path)


def levels_of(layer: Layer) -> Sequence[Pixels]:
    """Give the arrays of a layer, finest first."""
    return tuple(layer.data) if layer.multiscale else (layer.data,)


def shape_of(layer: Layer) -> tuple[int, int]:
    """Give height and width of a layer in level-0 pixels."""
    height, width = levels_of(layer)[0].shape[:2]
    return int(height), int(width)


def mpp_of(layer: Layer) -> Mpp | None:
    """Give the size of a level-0 pixel in um (y, x): from units, else the metadata, else the file, else None."""
    unit_um = [pint.Quantity(1.0, unit) for unit in layer.units[-2:]]
    if all(unit.check("[length]") for unit in unit_um):
        origin = np.asarray(layer.data_to_world((0.0, 0.0)))[-2:]
        sides = [np.asarray(layer.data_to_world(axis))[-2:] - origin for axis in np.eye(2)]
        factors = np.array([unit.to("micrometer").magnitude for unit in unit_um])
        return _believed([float(np.linalg.norm(side * factors)) for side in sides])
    for key in MPP_KEYS:
        value = layer.metadata.get(key)
        if value is not None:
            try:
                return _believed([float(v) for v in np.broadcast_to(np.asarray(value, float), 2)])
            except (TypeError, ValueError):  # another reader's idea of that word
                continue
    return _mpp_of_file(str(layer.source.path), shape_of(layer)) if layer.source.path else None


@lru_cache(maxsize=32)
def _mpp_of_file(path: str, shape: tuple[int, int]) -> Mpp | None:
    """Ask the file of a layer, which another reader opened without its pixel size."""
    try:
        with open_slide(path) as slide:
            return slide.mpp if slide.shape == shape else None
    except (OSError, ValueError):  # not a slide that we read
        return None


def _believed(mpp: list[float]) -> Mpp | None:
    low, high = MPP_LIMITS
    return (mpp[0], mpp[1]) if all(math.isfinite(size) and low <= size <= high for size in mpp) else None


def placed(layer: Layer, origin: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Give the attributes of a new layer whose pixel (0, 0) lies on pixel `origin` of `layer`."""
    attributes = {key: getattr(layer, key) for key in PLACED_BY}
    physical = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, translate=layer.translate)
    translate: NDArray[np.float64] = np.asarray(physical(np.asarray(origin, float)))
    return {**attributes, "translate": translate}
