"""Where there is tissue, so that glass is not segmented. Meant to miss nothing rather than to be exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_pathprune.base.box import Box, check_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.pixels import PixelSource

ASSUMED_MPP = 0.5  # where a slide does not say: between the two usual scans, and only the mask's coarseness hangs on it
SHORT_SIDE_PX = 96  # small images keep at least this many mask pixels, if they have them
BLOCK_PX = 4096  # a single level is read in blocks, never at once
BUDGET_PX = 1_500_000_000  # above this many pixels only SAMPLE_PX of every CELL_PX are looked at: 40 Gpx become 2.5
CELL_PX, SAMPLE_PX = 1024, 256  # sampled windows start at multiples of 256, where tiles usually do

CHROMA = (7.0, 12.0)  # grey levels between the strongest and weakest channel; glass is below, pale eosin above
DARKNESS = (25.0, 40.0)  # grey levels below the glass; for tissue without colour
SPECK_PX, HOLE_PX = (
    1,
    4000,
)  # mask pixels; at 8 um a cell, and a quarter of a square millimetre
BLACK = 30  # brightest channel of scanner borders and empty regions


@dataclass(frozen=True, slots=True, eq=False)
class TissueMask:
    """A coarse map of the tissue.

    Attributes
    ----------
    mask
        (h, w) bool over the whole slide.
    scale
        Mask pixels per level-0 pixel (y, x).
    """

    mask: NDArray[np.bool_]
    scale: tuple[float, float]

    def covers(self, box: Box) -> float:
        """Return the share of a level-0 box that is tissue, 0 to 1. What lies outside the slide is none.

        Examples
        --------
        >>> half = TissueMask(np.array([[True, False]]), scale=(0.01, 0.01))
        >>> half.covers((0, 50, 100, 150))
        0.5
        """
        y0, x0, y1, x1 = check_box(box)
        rows, ys = _overlaps(y0 * self.scale[0], y1 * self.scale[0], self.mask.shape[0])
        columns, xs = _overlaps(x0 * self.scale[1], x1 * self.scale[1], self.mask.shape[1])
        area = (y1 - y0) * self.scale[0] * (x1 - x0) * self.scale[1]
        return min(float(ys @ self.mask[rows, columns] @ xs) / area, 1.0) if area else 0.0


def tissue_mask(slide: PixelSource, mpp: float = 8.0) -> TissueMask:
    """Find the tissue of a slide.

    Colour, or darkness where there is no colour, against the glass: Otsu's threshold (doi:10.1109/TSMC.1979.4310076),
    kept within bounds so that slides of nothing but tissue or nothing but glass come out as such. Black borders and
    evenly filled regions are no tissue; holes are filled, and the mask is widened by a pixel.

    Parameters
    ----------
    slide
        Read at its coarsest level that is fine enough, in blocks. Where that is more than 1.5 gigapixels, windows of
        256 px stand for cells of 1024 px.
    mpp
        Size of a mask pixel in um, about; small images get a finer mask.

    Raises
    ------
    ValueError
        If `mpp` is not a positive number.
    """
    if not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f"a pixel size is a positive number of um, got {mpp}")
    own = max(slide.mpp) if slide.mpp else ASSUMED_MPP
    wanted = max(1.0, min(mpp / own, min(slide.shape) / SHORT_SIDE_PX))
    level = max(i for i, factors in enumerate(slide.downsamples) if i == 0 or max(factors) <= wanted * 1.01)
    step = max(1, round(wanted / max(slide.downsamples[level])))
    h, w = slide.levels[level].shape[:2]
    if h * w <= BUDGET_PX:
        mask, cell = _widened(_is_tissue(_reduced(slide, level, step))), step
    else:
        mask, cell = _widened(_sampled(slide, level, step)), CELL_PX
    downsample = slide.downsamples[level]
    return TissueMask(mask, (1 / (cell * downsample[0]), 1 / (cell * downsample[1])))


def _reduced(slide: PixelSource, level: int, step: int) -> NDArray[np.uint8]:
    """Average a level over step x step px, reading block by block."""
    h, w = slide.levels[level].shape[:2]
    out = np.empty((-(-h // step), -(-w // step), 3), np.uint8)
    block = max(BLOCK_PX // step, 1)
    for y in range(0, out.shape[0], block):
        for x in range(0, out.shape[1], block):
            part = out[y : y + block, x : x + block]
            y0, x0 = y * step, x * step
            pixels = slide.read((y0, x0, y0 + part.shape[0] * step, x0 + part.shape[1] * step), level)
            part[...] = cv2.resize(pixels, part.shape[1::-1], interpolation=cv2.INTER_AREA)
    return out


def _sampled(slide: PixelSource, level: int, step: int) -> NDArray[np.bool_]:
    """Cells of a huge level that show tissue in the window that stands for them."""
    h, w = slide.levels[level].shape[:2]
    rows, columns = -(-h // CELL_PX), -(-w // CELL_PX)
    side = max(SAMPLE_PX // step, 1)
    collage = np.empty((rows * side, columns * side, 3), np.uint8)
    offset = CELL_PX // 2
    for row in range(rows):
        for column in range(columns):
            y0, x0 = min(row * CELL_PX + offset, h - SAMPLE_PX), min(column * CELL_PX + offset, w - SAMPLE_PX)
            pixels = slide.read((y0, x0, y0 + SAMPLE_PX, x0 + SAMPLE_PX), level)
            collage[row * side : (row + 1) * side, column * side : (column + 1) * side] = cv2.resize(
                pixels, (side, side), interpolation=cv2.INTER_AREA
            )
    return np.asarray(_is_tissue(collage).reshape(rows, side, columns, side).any(axis=(1, 3)), np.bool_)


def _is_tissue(overview: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tissue pixels of an (h, w, 3) uint8 overview."""
    smooth = cv2.GaussianBlur(overview.astype(np.float32), (3, 3), 0.6)
    brightest, faintest = smooth.max(axis=2), smooth.min(axis=2)
    nothing = (brightest < BLACK) | _even(overview)
    seen = ~nothing
    if not seen.any():
        return np.zeros(seen.shape, np.bool_)
    glass = float(np.percentile(brightest[seen], 99))
    chroma, darkness = brightest - faintest, glass - smooth.mean(axis=2)
    coloured = chroma > _bounded_otsu(chroma[seen], CHROMA)
    dark = darkness > _bounded_otsu(darkness[seen], DARKNESS)
    blended = cv2.dilate(nothing.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # grey, but only half filled
    tissue: NDArray[np.bool_] = seen & (coloured | (dark & ~blended))
    return tissue


def _even(overview: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Colourless places without any grain: filled by a program, not seen by a scanner."""
    window = np.ones((5, 5), np.uint8)
    grain = (cv2.dilate(overview, window) - cv2.erode(overview, window)).max(axis=2)
    colour = overview.max(axis=2) - overview.min(axis=2)
    even: NDArray[np.bool_] = (grain <= 1) & (colour <= 2)
    return even


def _bounded_otsu(values: NDArray[np.float32], bounds: tuple[float, float]) -> float:
    levels = np.rint(values).clip(0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return min(max(float(threshold), bounds[0]), bounds[1])


def _widened(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Specks dropped, holes filled (fat and lumina belong to the tissue), a margin of one pixel."""
    parts = tissue & ~_small_parts(tissue, SPECK_PX, at_border=True)
    whole = parts | _small_parts(~parts, HOLE_PX, at_border=False)
    wide: NDArray[np.bool_] = cv2.dilate(whole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return wide


def _small_parts(mask: NDArray[np.bool_], most_px: int, *, at_border: bool) -> NDArray[np.bool_]:
    """Find connected parts of at most so many pixels; those that touch the border only if they count too."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    left, top, width, height, area = stats.T
    small = area <= most_px
    if not at_border:
        h, w = mask.shape
        small &= (left > 0) & (top > 0) & (left + width < w) & (top + height < h)
    small[0] = False  # what is not in the mask at all
    found: NDArray[np.bool_] = small[parts]
    return found


def _overlaps(start: float, stop: float, size: int) -> tuple[slice, NDArray[np.float64]]:
    """Find the mask pixels that start..stop touches, and how much of each lies within."""
    first, last = min(max(math.floor(start), 0), size), max(min(math.ceil(stop), size), 0)
    pixels = np.arange(first, max(first, last), dtype=np.float64)
    return slice(first, max(first, last)), np.minimum(pixels + 1, stop) - np.maximum(pixels, start)
