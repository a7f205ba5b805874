"""A slide at the resolution of a model: one pixel size, one pixel grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_pathprune.base.box import Box, check_box, clip_box
from napari_pathprune.slides.padding import choose_side_px, read_on_white
from napari_pathprune.slides.pixels import PixelSource, fits_slide
from napari_pathprune.slides.resample import compute_taps, resample
from napari_pathprune.slides.resolution import MPP_LIMITS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SNAP = 0.05  # the pixel sizes of 40x scanners differ by a few percent, which is not worth the blur of resampling
MOST_ENLARGED = 4  # at 1 um per pixel a lymphocyte has 6 px across; coarser images, such as macros, show no nuclei
FUZZ = 1e-6  # view px: the rounding error of a float that should be a whole number


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A slide at one pixel size. Boxes are (y0, x0, y1, x1) in view pixels unless stated otherwise.

    Attributes
    ----------
    slide
        Source of the pixels.
    mpp
        Requested pixel size in um.
    level
        The coarsest level that is at least as fine as `mpp`.
    scale
        View pixels per level-0 pixel (y, x). If a level is within 5 % of `mpp`, the view is that level, not resampled.
    shape
        Height and width in view pixels.
    """

    slide: PixelSource
    mpp: float
    level: int
    scale: tuple[float, float]
    shape: tuple[int, int]

    def read(self, box: Box) -> NDArray[np.uint8]:
        """Read a box as (h, w, 3) uint8, mirrored where it reaches outside the slide.

        Boxes that overlap have identical pixels in the overlap. A level finer than the view is averaged over the area
        of each view pixel; if level 0 is coarser than the view, it is interpolated with a cubic. Black padding, where
        nothing was scanned, is read as white; see `slides.padding`.
        """
        y0, x0, y1, x1 = check_box(box)
        ratios = self._ratios()
        if ratios == (1.0, 1.0) or y0 == y1 or x0 == x1:
            return self._read_level((y0, x0, y1, x1))
        rows, columns = compute_taps(y0, y1, ratios[0]), compute_taps(x0, x1, ratios[1])
        pixels = self._read_level((rows.start, columns.start, rows.stop, columns.stop))
        return resample(pixels, rows, columns)

    def to_level0(self, box: Box) -> Box:
        """Return the level-0 pixels that a box touches, clipped to the slide."""
        return _scale_outwards(box, (1 / self.scale[0], 1 / self.scale[1]), self.slide.shape)

    def from_level0(self, box: Box) -> Box:
        """Return the view pixels that a box of level-0 pixels touches, clipped to the view."""
        return _scale_outwards(box, self.scale, self.shape)

    @property
    def note(self) -> str | None:
        """One line for the user if the view differs from level 0, else None."""
        if self.scale == (1.0, 1.0):
            return None
        mpp = self.slide.mpp
        assert mpp is not None
        own = f"{mpp[0]:.4g}" if abs(mpp[0] - mpp[1]) < 1e-3 * mpp[0] else f"{mpp[0]:.4g} x {mpp[1]:.4g}"
        return f"slide {own} um/px is read at {self.mpp:.4g} um/px, the pixel size of the model"

    def _read_level(self, box: Box) -> NDArray[np.uint8]:
        """Read a box in the pixels of the level, with white padding."""
        mpp = self.slide.mpp
        level_mpp = mpp and math.sqrt(math.prod(mpp) * math.prod(self.slide.downsamples[self.level]))
        read = partial(self.slide.read, level=self.level)
        return read_on_white(read, box, choose_side_px(level_mpp), is_reduced=self.level > 0)

    def _ratios(self) -> tuple[float, float]:
        """Return the view pixels per pixel of the level that is read, exactly 1 if the view is that level."""
        downsample = self.slide.downsamples[self.level]
        ratios = (self.scale[0] * downsample[0], self.scale[1] * downsample[1])
        return (1.0, 1.0) if all(math.isclose(r, 1.0, rel_tol=1e-9) for r in ratios) else ratios


def view_at(slide: PixelSource, mpp: float) -> View:
    """Return a view of a slide at `mpp` um per pixel.

    Raises
    ------
    ValueError
        If the pixel size of the slide is unknown, `mpp` is not plausible, or the slide would have to be enlarged more
        than 4 times.
    """
    if not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f"got a pixel size of {mpp} um; expected a positive number")
    if not MPP_LIMITS[0] <= mpp <= MPP_LIMITS[1]:
        raise ValueError(
            f"got a pixel size of {mpp:g} um for the model; expected {MPP_LIMITS[0]} to {MPP_LIMITS[1]} um; "
            "correct mpp in the model file"
        )
    if slide.mpp is None:
        raise ValueError(
            f"{slide.name}: the slide does not state its pixel size; pass mpp in um per pixel, "
            "or --mpp in a shell (about 0.25 for a 40x scan, 0.5 for 20x)"
        )
    scale = (slide.mpp[0] / mpp, slide.mpp[1] / mpp)
    if max(scale) > MOST_ENLARGED + FUZZ:
        raise ValueError(
            f"{slide.name}: got {max(slide.mpp):.4g} um per pixel, which would be enlarged {max(scale):.3g} times for "
            f"a model of {mpp:.4g} um; up to {MOST_ENLARGED} times show nuclei; take a finer scan, or correct the "
            "pixel size with mpp (--mpp in a shell)"
        )
    ratios = [(scale[0] * fy, scale[1] * fx) for fy, fx in slide.downsamples]
    level = next((i for i in range(len(ratios) - 1, 0, -1) if max(ratios[i]) <= 1 + SNAP and fits_slide(slide, i)), 0)
    if all(abs(r - 1) <= SNAP for r in ratios[level]):
        fy, fx = slide.downsamples[level]
        return View(slide, mpp, level, (1 / fy, 1 / fx), (slide.levels[level].shape[0], slide.levels[level].shape[1]))
    h, w = (math.ceil(n * s - FUZZ) for n, s in zip(slide.shape, scale, strict=True))
    return View(slide, mpp, level, scale, (h, w))


def _scale_outwards(box: Box, scale: tuple[float, float], shape: tuple[int, int]) -> Box:
    """Scale a box, round it outwards and clip it to a shape."""
    y0, x0, y1, x1 = check_box(box)
    (sy, sx) = scale
    outwards = (
        math.floor(y0 * sy + FUZZ),
        math.floor(x0 * sx + FUZZ),
        math.ceil(y1 * sy - FUZZ),
        math.ceil(x1 * sx - FUZZ),
    )
    return clip_box(outwards, shape)
