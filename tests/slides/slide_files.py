"""Tiny slides in the formats of scanners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_pathprune.slides.slide import Slide


def paint(h: int, w: int, seed: int = 0) -> np.ndarray:
    """Return pink tissue with purple discs: smooth enough for JPEG, and different everywhere."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    image = np.stack(
        [220 + 12 * np.sin(x / 17), 150 + 20 * np.sin(y / 23 + x / 31), 190 + 10 * np.cos(y / 13)], axis=-1
    )
    centres = rng.integers((6, 6), (max(h - 6, 7), max(w - 6, 7)), (max(h * w // 900, 3), 2))
    disc = np.hypot(*np.mgrid[-5:6, -5:6]) < 5.5
    for cy, cx in centres:
        patch = image[cy - 5 : cy + 6, cx - 5 : cx + 6]
        patch[disc[: patch.shape[0], : patch.shape[1]]] = (90, 60, 140)
    return image.clip(0, 255).astype(np.uint8)


def halve(image: np.ndarray) -> np.ndarray:
    """Average blocks of 2 x 2 pixels and drop an odd row or column, as scanners do."""
    h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    blocks = image[:h, :w].reshape(h // 2, 2, w // 2, 2, -1).mean(axis=(1, 3))
    return np.rint(blocks).astype(np.uint8)


def read_level(slide: Slide, level: int = 0) -> np.ndarray:
    """Read a whole level."""
    h, w = slide.levels[level].shape[:2]
    return slide.read((0, 0, h, w), level)


GREY = paint(50, 70)[..., 0]
RGB = paint(50, 70)
ALPHA = np.where(np.arange(70) < 30, 255, 0).astype(np.uint8)[None].repeat(50, 0)
ON_WHITE = np.where(ALPHA[..., None] > 0, RGB, 255)
"""RGB with ALPHA, on white."""


def write_svs(path: Path, image: np.ndarray, compression: str = "jpeg", mpp: str = "|MPP = 0.4990") -> None:
    """Write an Aperio file: baseline, thumbnail, one coarser level, label and macro."""
    h, w = image.shape[:2]
    text = f"Aperio Image Library v11.2.1 \r\n{w}x{h} [0,0 {w}x{h}] (64x64) JPEG/RGB Q=70|AppMag = 20{mpp}"
    tiled = {"tile": (64, 64), "compression": compression, "photometric": "rgb", "metadata": None}
    plain = {"compression": "lzw", "photometric": "rgb", "metadata": None, "rowsperstrip": 16}
    extra = np.full((40, 30, 3), 7, np.uint8)
    with tifffile.TiffWriter(path) as tif:
        tif.write(image, description=text, **tiled)
        tif.write(halve(halve(image)), description=text.replace(" [", " -> thumbnail ["), **plain)
        tif.write(halve(image), description=text, **tiled)
        tif.write(extra, description="Aperio Image Library v11.2.1 \r\nlabel 30x40", subfiletype=1, **plain)
        tif.write(extra, description="Aperio Image Library v11.2.1 \r\nmacro 30x40", subfiletype=9, **plain)


def write_ome(path: Path, image: np.ndarray, unit: str = "\u00b5m", size: tuple[float, float] = (0.25, 0.26)) -> None:
    """Write an OME-TIFF pyramid of three levels in SubIFDs."""
    metadata = {"axes": "YXS", "PhysicalSizeY": size[0], "PhysicalSizeX": size[1]}
    metadata |= {"PhysicalSizeYUnit": unit, "PhysicalSizeXUnit": unit}
    options = {"tile": (64, 64), "photometric": "rgb", "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(image, subifds=2, metadata=metadata, **options)
        tif.write(halve(image), subfiletype=1, metadata=None, **options)
        tif.write(halve(halve(image)), subfiletype=1, metadata=None, **options)


def write_pyramid(path: Path, image: np.ndarray, **options: object) -> None:
    """Write a tiled TIFF whose coarser levels are later pages, marked as reduced."""
    options = {"tile": (64, 64), "photometric": "rgb", "compression": "deflate", "metadata": None} | options
    with tifffile.TiffWriter(path) as tif:
        tif.write(image, **options)
        tif.write(halve(image), subfiletype=1, **options)
        tif.write(halve(halve(image)), subfiletype=1, **options)
