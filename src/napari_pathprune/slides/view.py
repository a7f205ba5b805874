"""A slide as a model wants to see it: one resolution, one pixel grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pathprune.base.box import Box, check_box, clip_box
from napari_pathprune.slides.resample import resample, taps_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pathprune.slides.reader import Slide

SNAP = 0.05  # scanners that are said to be 40x differ by a few percent; so small a step is not worth a blur
FUZZ = 1e-6  # view px: what float rounding may add to a whole number


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A slide at one pixel size. All boxes are (y0, x0, y1, x1) in view pixels unless said otherwise.

    Attributes
    ----------
    slide
        Where the pixels come from.
    mpp
        Pixel size in um that was asked for.
    level
        The coarsest level that is at least as fine as that.
    scale
        View pixels per level-0 pixel (y, x). Where a level is within 5 % of `mpp`, the view is that level, untouched.
    shape
        Height and width in view pixels.
    """

    slide: Slide
    mpp: float
    level: int
    scale: tuple[float, float]
    shape: tuple[int, int]

    def read(self, box: Box) -> NDArray[np.uint8]:
        """Read a box as (h, w, 3) uint8, mirrored where it reaches outside the slide.

        Two boxes that overlap give identical pixels where they do. Averages the covered area where the level is finer
        than the view, and interpolates with a cubic where level 0 is coarser.
        """
        y0, x0, y1, x1 = check_box(box)
        ratios = self._ratios()
        if ratios == (1.0, 1.0) or y0 == y1 or x0 == x1:
            return self.slide.read((y0, x0, y1, x1), self.level)
        rows, columns = taps_of(y0, y1, ratios[0]), taps_of(x0, x1, ratios[1])
        pixels = self.slide.read((rows.start, columns.start, rows.stop, columns.stop), self.level)
        return resample(pixels, rows, columns)

    def to_level0(self, box: Box) -> Box:
        """Return the box of the level-0 pixels that a box touches, within the slide."""
        return _scaled(box, (1 / self.scale[0], 1 / self.scale[1]), self.slide.shape)

    def from_level0(self, box: Box) -> Box:
        """Return the box of the view pixels that a box of level-0 pixels touches, within the view."""
        return _scaled(box, self.scale, self.shape)

    @property
    def note(self) -> str | None:
        """One line for the user where the view is not level 0 as it is, else None."""
        if self.scale == (1.0, 1.0):
            return None
        mpp = self.slide.mpp
        assert mpp is not None
        own = f"{mpp[0]:.4g}" if abs(mpp[0] - mpp[1]) < 1e-3 * mpp[0] else f"{mpp[0]:.4g} x {mpp[1]:.4g}"
        return f"slide {own} um/px is read at {self.mpp:.4g} um/px, as the model wants"

    def _ratios(self) -> tuple[float, float]:
        """View pixels per pixel of the level that is read; exactly 1 where the view is that level."""
        downsample = self.slide.downsamples[self.level]
        ratios = (self.scale[0] * downsample[0], self.scale[1] * downsample[1])
        return (1.0, 1.0) if all(math.isclose(r, 1.0, rel_tol=1e-9) for r in ratios) else ratios


def view_of(slide: Slide, mpp: float) -> View:
    """See a slide at `mpp` um per pixel.

    Raises
    ------
    ValueError
        If the slide does not know its own pixel size, or `mpp` is not a positive number.
    """
    if not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f"a pixel size is a positive number of um, got {mpp}")
    if slide.mpp is None:
        raise ValueError(
            f"{slide.name}: the slide does not say how large its pixels are; pass mpp in um per pixel, "
            "or --mpp in a shell (about 0.25 for a 40x scan, 0.5 for 20x)"
        )
    scale = (slide.mpp[0] / mpp, slide.mpp[1] / mpp)
    ratios = [(scale[0] * fy, scale[1] * fx) for fy, fx in slide.downsamples]
    level = max((i for i, r in enumerate(ratios) if max(r) <= 1 + SNAP), default=0)
    if all(abs(r - 1) <= SNAP for r in ratios[level]):
        fy, fx = slide.downsamples[level]
        return View(slide, mpp, level, (1 / fy, 1 / fx), (slide.levels[level].shape[0], slide.levels[level].shape[1]))
    h, w = (math.ceil(n * s - FUZZ) for n, s in zip(slide.shape, scale, strict=True))
    return View(slide, mpp, level, scale, (h, w))


def _scaled(box: Box, scale: tuple[float, float], shape: tuple[int, int]) -> Box:
    y0, x0, y1, x1 = check_box(box)
    (sy, sx) = scale
    outwards = (
        math.floor(y0 * sy + FUZZ),
        math.floor(x0 * sx + FUZZ),
        math.ceil(y1 * sy - FUZZ),
        math.ceil(x1 * sx - FUZZ),
    )
    return clip_box(outwards, shape)
