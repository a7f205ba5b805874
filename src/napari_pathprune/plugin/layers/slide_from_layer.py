"""Slides from image layers of any reader, and the placement of results on them.

The only module where napari's world coordinates (scale, units, affine) are converted to pixels and mpp.
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

PLACEMENT: Final = ("scale", "rotate", "shear", "affine", "units", "axis_labels")
MPP_KEYS: Final = ("mpp", "resolution")
MPP_LIMITS: Final = (0.01, 100.0)
"""Plausible pixel sizes of a microscope in um; values outside are mistaken units."""


def is_slide_layer(layer: Layer) -> bool:
    """Return whether a layer can be a slide: a two-dimensional image, in colour or greyscale."""
    return isinstance(layer, Image) and layer.ndim == 2


def slide_from_layer(layer: Layer, mpp: Mpp | None = None) -> Slide:
    """Return the slide of an image layer, whichever reader opened it.

    Parameters
    ----------
    layer
        An image layer with numpy, zarr or dask arrays: RGB, RGBA (composed on white) or greyscale, uint8.
    mpp
        Pixel size in um (y, x); by default the one that `find_mpp` returns.

    Raises
    ------
    ValueError
        If the layer is not a two-dimensional 8-bit image.
    """
    if not is_slide_layer(layer):
        raise ValueError(f"got layer {layer.name!r}, expected a two-dimensional image; choose the layer of the slide")
    path = layer.metadata.get("path") or layer.source.path
    return slide_from_arrays(get_levels(layer), mpp or find_mpp(layer), layer.name, path)


def get_levels(layer: Layer) -> Sequence[Pixels]:
    """Return the arrays of a layer, finest first."""
    return tuple(layer.data) if layer.multiscale else (layer.data,)


def get_shape(layer: Layer) -> tuple[int, int]:
    """Return the height and width of a layer in level-0 pixels."""
    height, width = get_levels(layer)[0].shape[:2]
    return int(height), int(width)


def find_mpp(layer: Layer) -> Mpp | None:
    """Return the size of a level-0 pixel in um (y, x), or None if it is unknown.

    The scale of the layer is used if it has a unit of length, else the metadata of the layer, else the file.
    """
    unit_um = [pint.Quantity(1.0, unit) for unit in layer.units[-2:]]
    if all(unit.check("[length]") for unit in unit_um):
        origin = np.asarray(layer.data_to_world((0.0, 0.0)))[-2:]
        sides = [np.asarray(layer.data_to_world(axis))[-2:] - origin for axis in np.eye(2)]
        factors = np.array([unit.to("micrometer").magnitude for unit in unit_um])
        return _keep_plausible([float(np.linalg.norm(side * factors)) for side in sides])
    for key in MPP_KEYS:
        value = layer.metadata.get(key)
        if value is not None:
            try:
                return _keep_plausible([float(v) for v in np.broadcast_to(np.asarray(value, float), 2)])
            except (TypeError, ValueError):  # the reader uses this key for something else
                continue
    return _find_mpp_in_file(str(layer.source.path), get_shape(layer)) if layer.source.path else None


@lru_cache(maxsize=32)
def _find_mpp_in_file(path: str, shape: tuple[int, int]) -> Mpp | None:
    """Return the mpp in the file of a layer that another reader opened without its pixel size."""
    try:
        with open_slide(path) as slide:
            return slide.mpp if slide.shape == shape else None
    except (OSError, ValueError):  # a format that this package does not read
        return None


def _keep_plausible(mpp: list[float]) -> Mpp | None:
    low, high = MPP_LIMITS
    return (mpp[0], mpp[1]) if all(math.isfinite(size) and low <= size <= high for size in mpp) else None


def copy_placement(layer: Layer, origin: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Return the attributes of a new layer that puts its pixel (0, 0) on pixel `origin` of `layer`.

    Parameters
    ----------
    layer
        The layer of a slide.
    origin
        (y, x) in level-0 pixels of `layer`.
    """
    attributes = {key: getattr(layer, key) for key in PLACEMENT}
    physical = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, translate=layer.translate)
    translate: NDArray[np.float64] = np.asarray(physical(np.asarray(origin, float)))
    return {**attributes, "translate": translate}
