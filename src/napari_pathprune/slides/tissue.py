"""Tissue detection, so that glass is not segmented. It favours missing nothing over being exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_pathprune.base.box import Box, check_box
from napari_pathprune.slides.pixels import fits_slide

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.pixels import PixelSource

ASSUMED_MPP = 0.5  # if unknown: close to both usual scans, and only the coarseness of the mask depends on it
SHORT_SIDE_PX = 96  # masks of small images have at least this many pixels per side, if the image does
BLOCK_PX = 4096  # levels are read in blocks of this size
BUDGET_PX = 1_500_000_000  # above this number of pixels only SAMPLE_PX of every CELL_PX are read: 2.5 of 40 Gpx
CELL_PX, SAMPLE_PX = 1024, 256  # windows start at multiples of 256, as the tiles of a file usually do

CHROMA = (7.0, 12.0)  # grey levels between the strongest and the weakest channel: glass is below, pale eosin above
DARKNESS = (25.0, 40.0)  # grey levels below the glass, for tissue without colour
SPECK_PX = 1  # mask pixels: at 8 um about a cell
HOLE_PX = 4000  # mask pixels: at 8 um a quarter of a square millimetre
BLACK = 30  # the brightest channel of scanner borders and empty regions is below, on glass of the usual brightness
WHITE = 254  # missing and transparent parts of a slide are read as white
DIM = 180.0  # on slides with darker glass, white was not scanned, ...
GLASS_SHARE = 0.05  # ... if at least such a share of the rest looks like glass, ...
GLASS_GRAIN = 6  # ... as bright as any of it, and even: grey levels between neighbours
FULL_BRIGHTNESS = 243.0
FULL_CONTRAST = 80.0  # grey levels between glass and the strongest tenth of the tissue, at least, of an ordinary slide
LOW_CONTRAST = 0.5
NOISES = 6.0  # glass alone deviates by fewer times the tenth percentile of its grain


@dataclass(frozen=True, slots=True, eq=False)
class TissueMask:
    """A coarse map of the tissue of a slide.

    Attributes
    ----------
    mask
        (h, w) bool, the whole slide.
    scale
        Mask pixels per level-0 pixel (y, x).
    """

    mask: NDArray[np.bool_]
    scale: tuple[float, float]

    def coverage(self, box: Box) -> float:
        """Return the share of a level-0 box that is tissue, 0 to 1. There is no tissue outside the slide.

        Examples
        --------
        >>> half = TissueMask(np.array([[True, False]]), scale=(0.01, 0.01))
        >>> half.coverage((0, 50, 100, 150))
        0.5
        """
        y0, x0, y1, x1 = check_box(box)
        rows, ys = _weigh_pixels(y0 * self.scale[0], y1 * self.scale[0], self.mask.shape[0])
        columns, xs = _weigh_pixels(x0 * self.scale[1], x1 * self.scale[1], self.mask.shape[1])
        area = (y1 - y0) * self.scale[0] * (x1 - x0) * self.scale[1]
        return min(float(ys @ self.mask[rows, columns] @ xs) / area, 1.0) if area else 0.0


def find_tissue(slide: PixelSource, mpp: float = 8.0) -> TissueMask:
    """Find the tissue of a slide.

    Tissue is more colourful or darker than glass by Otsu's threshold (doi:10.1109/TSMC.1979.4310076). The threshold is
    bounded, so that a slide full of tissue and a slide of glass alone are recognized; the bounds are lower on pale and
    dark slides. Black borders and uniformly filled regions are not tissue. Holes are filled, and the mask is dilated by
    a pixel.

    Parameters
    ----------
    slide
        Read in blocks, at the coarsest level that is fine enough. If that level has more than 1.5 gigapixels, a window
        of 256 px is read in each cell of 1024 px.
    mpp
        Approximate size of a mask pixel in um; small images get a finer mask.

    Raises
    ------
    ValueError
        If `mpp` is not positive.
    """
    if not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f"got a pixel size of {mpp} um; expected a positive number")
    own = max(slide.mpp) if slide.mpp else ASSUMED_MPP
    target = max(1.0, min(mpp / own, min(slide.shape) / SHORT_SIDE_PX))
    levels = range(len(slide.levels) - 1, 0, -1)
    level = next((i for i in levels if max(slide.downsamples[i]) <= target * 1.01 and fits_slide(slide, i)), 0)
    step = max(1, round(target / max(slide.downsamples[level])))
    h, w = slide.levels[level].shape[:2]
    if h * w <= BUDGET_PX:
        mask, cell = _clean_up(_classify(_reduce(slide, level, step))), step
    else:
        mask, cell = _clean_up(_sample(slide, level, step)), CELL_PX
    downsample = slide.downsamples[level]
    return TissueMask(mask, (1 / (cell * downsample[0]), 1 / (cell * downsample[1])))


def _reduce(slide: PixelSource, level: int, step: int) -> NDArray[np.uint8]:
    """Average a level over squares of step x step px, reading block by block."""
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


def _sample(slide: PixelSource, level: int, step: int) -> NDArray[np.bool_]:
    """Return the cells of a huge level that have tissue in their window."""
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
    return np.asarray(_classify(collage).reshape(rows, side, columns, side).any(axis=(1, 3)), np.bool_)


def _classify(overview: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the tissue pixels of an (h, w, 3) uint8 overview."""
    smooth = cv2.GaussianBlur(overview.astype(np.float32), (3, 3), 0.6)
    brightest, faintest = _max_channel(smooth), _min_channel(smooth)
    chroma, grey = brightest - faintest, (smooth[..., 0] + smooth[..., 1] + smooth[..., 2]) / 3
    padding = _find_padding(overview, brightest)
    contrast = 1.0
    for grain in (1, 0):  # a pale or dark slide has little grain, so that only what has none was filled in
        blank = padding | _is_uniform(overview, grain)
        scanned = ~blank
        if not scanned.any():
            return np.zeros(scanned.shape, np.bool_)
        pure = scanned & ~_surround(padding)
        pure = pure if pure.any() else scanned
        darkness = float(np.percentile(brightest[pure], 99)) - grey
        contrast, noise = _measure_contrast(smooth, chroma, darkness, pure)
        if contrast >= LOW_CONTRAST:
            break
    coloured = chroma > _bound_otsu(chroma[pure], CHROMA, contrast, noise)
    dark = darkness > _bound_otsu(darkness[pure], DARKNESS, contrast, noise)
    tissue: NDArray[np.bool_] = scanned & (coloured | (dark & ~_surround(blank)))
    return tissue


def _find_padding(overview: NDArray[np.uint8], brightest: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the black pixels where nothing was scanned, and the white ones of a slide whose glass is dark."""
    white = _min_channel(overview) >= WHITE
    lit = (brightest > 1) & ~_surround(white)
    glass = float(np.percentile(brightest[lit], 99)) if lit.any() else FULL_BRIGHTNESS
    if white.any():
        alike = lit & (brightest > 0.9 * glass) & (_find_grain(overview) <= GLASS_GRAIN)
        if glass > DIM or alike.sum() < GLASS_SHARE * lit.sum():  # white is the glass of this slide
            white[...], lit = False, brightest > 1
            glass = float(np.percentile(brightest[lit], 99))
    padding: NDArray[np.bool_] = white | (brightest < min(BLACK * glass / FULL_BRIGHTNESS, BLACK))
    return padding


def _surround(blank: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the blank pixels and those next to them, which are grey mixtures of blank and glass."""
    wide: NDArray[np.bool_] = cv2.dilate(blank.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return wide


def _measure_contrast(
    smooth: NDArray[np.float32], chroma: NDArray[np.float32], darkness: NDArray[np.float32], scanned: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the contrast of a slide, 1 for that of an ordinary one or more, and the noise of its glass.

    The contrast is that of the strongest tenth of all that stands out from the noise; so neither glass nor a stroke
    of a pen counts.
    """
    change = np.abs(cv2.Laplacian(smooth, cv2.CV_32F))
    grain = ((change[..., 0] + change[..., 1] + change[..., 2]) / 3)[scanned]
    around = cv2.blur(darkness, (5, 5))[scanned]
    brightest = grain[around <= np.percentile(around, 10)]  # where tissue has texture, this is glass
    noise = NOISES * min(float(np.percentile(some, 10)) for some in (grain, brightest))
    above = np.maximum(*(values - np.percentile(values, 2) for values in (chroma[scanned], darkness[scanned])))
    strong = above[above > noise]
    if not strong.size:
        return 1.0, noise
    return min(float(np.percentile(strong, 90)) / FULL_CONTRAST, 1.0), noise


def _is_uniform(overview: NDArray[np.uint8], most: int) -> NDArray[np.bool_]:
    """Return the grey pixels with at most so much grain, which were filled in by a program and not scanned."""
    colour = _max_channel(overview) - _min_channel(overview)
    uniform: NDArray[np.bool_] = (_find_grain(overview) <= most) & (colour <= 2)
    return uniform


def _find_grain(overview: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest difference of grey levels around each pixel."""
    window = np.ones((5, 5), np.uint8)
    return _max_channel(cv2.dilate(overview, window) - cv2.erode(overview, window))


def _max_channel(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the strongest of three channels, several times faster than `max`."""
    strongest: NDArray[Any] = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return strongest


def _min_channel(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the weakest of three channels."""
    weakest: NDArray[Any] = np.minimum(np.minimum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return weakest


def _bound_otsu(values: NDArray[np.float32], bounds: tuple[float, float], contrast: float, noise: float) -> float:
    """Compute Otsu's threshold, clipped to bounds; those of a slide of low contrast are lower, but above the noise."""
    levels = np.rint(values).clip(0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    if contrast == 1:
        return min(max(float(threshold), bounds[0]), bounds[1])
    floor = min(float(np.percentile(values, 2)) + noise, bounds[0])
    return max(min(max(float(threshold), contrast * bounds[0]), contrast * bounds[1]), floor)


def _clean_up(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks, fill holes (fat and lumina belong to the tissue) and add a margin of one pixel."""
    parts = tissue & ~_find_small_parts(tissue, SPECK_PX, at_border=True)
    whole = parts | _find_small_parts(~parts, HOLE_PX, at_border=False)
    wide: NDArray[np.bool_] = cv2.dilate(whole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return wide


def _find_small_parts(mask: NDArray[np.bool_], largest_px: int, *, at_border: bool) -> NDArray[np.bool_]:
    """Return the connected parts of at most `largest_px` pixels, including those at the border if `at_border`."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    left, top, width, height, area = stats.T
    small = area <= largest_px
    if not at_border:
        h, w = mask.shape
        small &= (left > 0) & (top > 0) & (left + width < w) & (top + height < h)
    small[0] = False  # the background
    found: NDArray[np.bool_] = small[parts]
    return found


def _weigh_pixels(start: float, stop: float, size: int) -> tuple[slice, NDArray[np.float64]]:
    """Return the mask pixels that start..stop touches, and the share of each that lies within."""
    first, last = min(max(math.floor(start), 0), size), max(min(math.ceil(stop), size), 0)
    pixels = np.arange(first, max(first, last), dtype=np.float64)
    return slice(first, max(first, last)), np.minimum(pixels + 1, stop) - np.maximum(pixels, start)
