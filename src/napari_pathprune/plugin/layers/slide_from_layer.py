"""Slides from image layers of any reader, and the placement of results on them.

The only module where napari's world coordinates (scale, units, affine) are converted to pixels and mpp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import pint
from napari.layers import Image, Layer
from napari.utils.transforms import Affine

from napari_pathprune.plugin.shelf.shelf import unwrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.reader import Mpp, Pixels, Slide

SAME_COLOUR: Final = 0.1
"""Red, green and blue of a grey differ by less, of 1 ..."""
STRONG_COLOUR: Final = 0.5
"""... and those of the colour of a channel by more."""
PLACEMENT: Final = ("scale", "rotate", "shear", "affine", "units", "axis_labels")
MPP_KEYS: Final = ("mpp", "resolution")
SAME_UM: Final = 5e-5
"""Pixel sizes are entered with four decimals."""
MPP_LIMITS: Final = (0.01, 100.0)
"""Plausible pixel sizes of a microscope in um; values outside are mistaken units."""
_ENTERED: WeakKeyDictionary[Layer, tuple[float, float]] = WeakKeyDictionary()
"""Pixel sizes that the user has entered; the layers stay as they are."""


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
        If the layer is not a two-dimensional 8-bit image, or is one colour channel of an image.
    """
    if not is_slide_layer(layer):
        raise ValueError(f"got layer {layer.name!r}, expected a two-dimensional image; choose the layer of the slide")
    if _is_channel(layer):
        raise ValueError(
            f"got layer {layer.name!r}, one colour channel of an image; open the file with Pathprune, or colour its "
            "three layers red, green and blue, select them, and choose Merge to RGB in their context menu"
        )
    path = layer.metadata.get("path") or layer.source.path
    from napari_pathprune.slides.reader import slide_from_arrays  # imports cv2 and tifffile, which docks open without

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

    The size that the user has entered is used, else the scale of the layer if it has a unit of length, else the
    metadata of the layer, else the file.
    """
    entered = _ENTERED.get(unwrap(layer))
    return read_mpp(layer) if entered is None else entered


def enter_mpp(layer: Layer, size_um: float | None) -> None:
    """Remember the pixel size that the user has entered for a layer, instead of the one that it states.

    Parameters
    ----------
    layer
        The layer, which is not changed.
    size_um
        Size of a level-0 pixel in um; None, or the size that the layer states, to forget what was entered.
    """
    stated = read_mpp(layer)
    if not size_um or (stated is not None and abs(stated[0] - size_um) < SAME_UM):
        _ENTERED.pop(unwrap(layer), None)
    else:
        _ENTERED[unwrap(layer)] = (size_um, size_um)


def is_mpp_entered(layer: Layer) -> bool:
    """Return whether the pixel size of a layer is the one that the user has entered."""
    return unwrap(layer) in _ENTERED


def read_mpp(layer: Layer) -> Mpp | None:
    """Return the pixel size that a layer, its metadata or its file state; None if none of them does."""
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
    shape, mpp = _look_into_file(str(layer.source.path)) if layer.source.path else (None, None)
    return mpp if shape == get_shape(layer) else None


def find_slide_file(layer: Layer) -> Path | None:
    """Return the file of a layer if it is a slide with the pixels of the layer that this package reads, else None."""
    from napari_pathprune.plugin.layers.napari_reader import SUFFIXES  # imports dask, which docks open without

    path = str(layer.metadata.get("path") or layer.source.path or "")
    if not path.lower().endswith(SUFFIXES) or not layer.rgb:
        return None
    return Path(path) if _look_into_file(path)[0] == get_shape(layer) else None


@lru_cache(maxsize=32)
def _look_into_file(path: str) -> tuple[tuple[int, int] | None, Mpp | None]:
    """Return shape and mpp of the slide in a file, and None for both if this package does not read it."""
    from napari_pathprune.slides.reader import open_slide

    try:
        with open_slide(path) as slide:
            return slide.shape, slide.mpp
    except (OSError, ValueError):
        return None, None


def _is_channel(layer: Layer) -> bool:
    """Return whether a layer is one of those into which readers split an image with a channel axis.

    They are added to each other, or their colours run from black or white to one strong colour, whatever the colormap
    is called.
    """
    if layer.rgb:
        return False
    if layer.blending == "additive":
        return True
    faint, strong = np.ptp(layer.colormap.map(np.array([0.0, 1.0]))[:, :3], axis=1)
    return bool(faint < SAME_COLOUR and strong > STRONG_COLOUR)


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
