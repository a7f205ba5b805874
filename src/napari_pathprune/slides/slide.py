"""A slide: a pyramid of RGB levels that are read when they are sliced, and the size of a pixel."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import cv2
import numpy as np

from napari_pathprune.base.box import Box, check_box, clip_box
from napari_pathprune.base.mirror import mirror_indices
from napari_pathprune.base.out_of_memory import is_out_of_memory
from napari_pathprune.slides.level_fit import ALIKE, compare_levels
from napari_pathprune.slides.pixels import Pixels
from napari_pathprune.slides.resolution import Mpp
from napari_pathprune.slides.view import View, view_at

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Closable(Protocol):
    """An open file."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Slide:
    """A whole-slide image, or any other image. Close it after use, or open it in a `with` statement.

    Attributes
    ----------
    levels
        Finest first, each (h, w, 3) uint8, read when sliced. Several threads may read at the same time.
    mpp
        Size of a level-0 pixel in um (y, x), or None if unknown.
    name
        Name shown to the user.
    path
        Path of the file; None for a slide made from arrays.
    handle
        The open file; None if there is nothing to close.
    notes
        What the user should know about the file, in one line each.
    """

    levels: tuple[Pixels, ...]
    mpp: Mpp | None
    name: str
    path: Path | None = None
    handle: Closable | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    _faults: dict[int, str] = field(default_factory=dict, init=False, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0 in pixels."""
        return self.levels[0].shape[0], self.levels[0].shape[1]

    @property
    def downsamples(self) -> tuple[tuple[float, float], ...]:
        """Level-0 pixels per pixel of each level (y, x), computed from the shapes of the levels."""
        return tuple((self.shape[0] / level.shape[0], self.shape[1] / level.shape[1]) for level in self.levels)

    def read(self, box: Box, level: int = 0) -> NDArray[np.uint8]:
        """Read a box as (h, w, 3) uint8.

        The box may reach outside the level; pixels out there are mirrored at the level's edges.

        Parameters
        ----------
        box
            (y0, x0, y1, x1) in pixels of `level`.
        level
            Number of the level; 0 is the finest.

        Raises
        ------
        ValueError
            If the box is not valid, or the whole file is damaged. Damaged places are read as white, or from a finer
            level; see `list_damaged`.
        """
        y0, x0, y1, x1 = check_box(box)
        pixels = self.levels[level]
        h, w = pixels.shape[:2]
        if clip_box((y0, x0, y1, x1), (h, w)) == (y0, x0, y1, x1):
            return self._read_inside((y0, x0, y1, x1), level)
        ys, xs = mirror_indices(y0, y1, h), mirror_indices(x0, x1, w)
        if not (ys.size and xs.size):
            return np.empty((ys.size, xs.size, 3), np.uint8)
        inside = self._read_inside((int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1), level)
        mirrored: NDArray[np.uint8] = inside[ys - ys.min()][:, xs - xs.min()]
        return mirrored

    def list_damaged(self, level: int = 0) -> tuple[Box, ...]:
        """Return the boxes, in pixels of a level, that could not be read so far.

        In level 0 they are white; in other levels they are replaced by what the next finer one shows there.
        """
        return tuple(getattr(self.levels[level], "damaged", ()))

    def _read_inside(self, box: Box, level: int) -> NDArray[np.uint8]:
        """Read a box that lies inside a level, and replace what is damaged by what the next finer level shows."""
        y0, x0, y1, x1 = box
        pixels = np.asarray(self.levels[level][y0:y1, x0:x1])
        if not level:
            return pixels
        for top, left, bottom, right in self.list_damaged(level):
            common = max(top, y0), max(left, x0), min(bottom, y1), min(right, x1)
            if common[0] < common[2] and common[1] < common[3]:
                whole = self._read_finer((top, left, bottom, right), level)
                part = whole[common[0] - top : common[2] - top, common[1] - left : common[3] - left]
                pixels[common[0] - y0 : common[2] - y0, common[1] - x0 : common[3] - x0] = part
        return pixels

    def _read_finer(self, box: Box, level: int) -> NDArray[np.uint8]:
        """Return the pixels of a box of a level, reduced from the next finer one."""
        finer, coarser = self.downsamples[level - 1], self.downsamples[level]
        fy, fx = coarser[0] / finer[0], coarser[1] / finer[1]
        y0, x0, y1, x1 = (round(side * factor) for side, factor in zip(box, (fy, fx, fy, fx), strict=True))
        height, width = self.levels[level - 1].shape[:2]
        inside = clip_box((y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)), (height, width))
        pixels = self._read_inside(inside, level - 1)
        size = box[3] - box[1], box[2] - box[0]
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

    def fits(self, level: int) -> bool:
        """Return whether a level can be read and shows the same image as level 0, as far as a few windows tell.

        The result is kept. A level without texture fits.
        """
        if level not in self._faults:
            self._faults[level] = self._find_fault(level) if level else ""
        return not self._faults[level]

    def _find_fault(self, level: int) -> str:
        """Return why a level cannot be used; empty if it can."""
        last = next((i for i in range(level - 1, 0, -1) if self.fits(i)), 0)
        coarser = self.levels[level]
        try:
            score = compare_levels(self.levels[last], coarser, [(coarser.shape[0], coarser.shape[1])])[0]
        except (OSError, MemoryError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            return "cannot be read"
        return "" if score is None or score >= ALIKE else "shows another image"

    def list_notes(self) -> tuple[str, ...]:
        """Return `notes`, and a line about each level that was found not to fit."""
        faults = ((self.levels[level].shape, fault) for level, fault in sorted(self._faults.items()) if fault)
        return (*self.notes, *(f"the level of {w} x {h} px {fault} and is not used" for (h, w, *_), fault in faults))

    def at(self, mpp: float) -> View:
        """Return a view of the slide at `mpp` um per pixel.

        Raises
        ------
        ValueError
            If the pixel size of the slide is unknown, or `mpp` is not positive.
        """
        return view_at(self, mpp)

    def close(self) -> None:
        """Close the file. The levels cannot be read afterwards."""
        if self.handle is not None:
            self.handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
