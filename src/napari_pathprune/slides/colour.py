"""Conversion of grey, RGB and transparent pixels to RGB on white, the only colours used outside this room."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.slides.pixels import Key, Pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYOUTS = "grey (h, w), grey with alpha (h, w, 2), RGB (h, w, 3) or RGBA (h, w, 4)"


def check_pixels(shape: tuple[int, ...], dtype: object, name: str) -> None:
    """Raise if an image cannot be converted to RGB without guessing.

    Parameters
    ----------
    shape, dtype
        Shape and number type of the image.
    name
        Name of the image, with which the error message starts.

    Raises
    ------
    ValueError
        If the pixels are not 8 bit (how 10, 12 or 16 bits are scaled depends on the camera), their layout is not known,
        or there are none.
    """
    if np.dtype(dtype) != np.uint8:  # type: ignore[call-overload]
        raise ValueError(f"{name}: got {dtype} pixels; expected 8-bit ones (uint8); convert the image first")
    if len(shape) not in {2, 3} or (len(shape) == 3 and shape[2] not in {1, 2, 3, 4}):
        raise ValueError(f"{name}: got pixels of shape {shape}; expected {LAYOUTS}")
    if 0 in shape:
        raise ValueError(f"{name}: got an image without pixels, of shape {shape}")


def to_rgb(pixels: NDArray[np.uint8], *, premultiplied: bool = False) -> NDArray[np.uint8]:
    """Convert grey or colour pixels, with or without alpha, to RGB on white.

    Parameters
    ----------
    pixels
        (h, w), (h, w, 1), (h, w, 2), (h, w, 3) or (h, w, 4) uint8.
    premultiplied
        Whether the colours are already multiplied by alpha ("associated" alpha in TIFF).

    Returns
    -------
    ndarray
        (h, w, 3) uint8. The background is white, the colour of glass: transparent means "nothing was scanned here".

    Examples
    --------
    >>> to_rgb(np.array([[[200, 0, 0, 255], [200, 0, 0, 0]]], np.uint8)).tolist()
    [[[200, 0, 0], [255, 255, 255]]]
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    channels = pixels.shape[2]
    colour, alpha = (pixels[..., :-1], pixels[..., -1:]) if channels in {2, 4} else (pixels, None)
    if colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    if alpha is None or bool((alpha == 255).all()):
        return np.ascontiguousarray(colour)
    opacity = alpha.astype(np.uint32)
    weight = np.uint32(255) if premultiplied else opacity
    mixed: NDArray[np.uint32] = (colour * weight + 255 * (255 - opacity) + 127) // 255
    return np.asarray(np.minimum(mixed, 255), np.uint8)


class RgbLevel:
    """A lazy RGB version of a grey or transparent level: slices are converted when they are read."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and three channels."""
        return (*self._pixels.shape[:2], 3)  # type: ignore[return-value]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always uint8."""
        return np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        """Always 3."""
        return 3

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)

    def __getitem__(self, key: Key) -> NDArray[np.uint8]:
        """Read the slices (ys, xs) as RGB."""
        ys, xs = key[:2]
        return to_rgb(np.asarray(self._pixels[ys, xs]))
