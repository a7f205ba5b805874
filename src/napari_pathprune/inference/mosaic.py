"""Network maps of a slide, put together from the tiles predicted so far."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_pathprune.inference.maps import NetworkMaps
from napari_pathprune.inference.phases import list_phases
from napari_pathprune.slides.tiles import EDGE_PX, align_down

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.inference.predict import Predictor
    from napari_pathprune.slides.view import View


class Mosaic:
    """The maps of a slide, which do not depend on how they are cut into tiles.

    Every input of the network starts at a multiple of its stride, or a fixed phase before one, and the part of its maps
    that depends on where the input ends is cut off. So any two inputs of a phase give the same maps where they overlap,
    and maps can be put together from whatever was predicted. They are stored as float16 to save memory. Only the
    rounding of the convolutions is left to the size of an input: their libraries choose other kernels for very small
    ones, and some values change in the last bit of float16.

    Parameters
    ----------
    view
        The slide at the model's pixel size.
    predictor
        The network.
    maps_px
        Largest side of the maps of one input; larger boxes are predicted in parts.
    phases
        Number of shifts that the maps are averaged over; see `phases.list_phases`. The work grows with it.
    """

    def __init__(self, view: View, predictor: Predictor, maps_px: int, phases: int = 1) -> None:
        self._view, self._predictor = view, predictor
        self._phases = list_phases(phases, predictor.stride_px)
        self._step = max(align_down(maps_px, predictor.stride_px), predictor.stride_px)
        self._blocks: list[tuple[Box, NDArray[np.float16]]] = []
        height, width = view.shape
        self.bounds: Box = (-EDGE_PX, -EDGE_PX, height + EDGE_PX, width + EDGE_PX)
        """The box in which there are maps: the slide and the mirrored image around it."""

    def add(self, *boxes: Box) -> None:
        """Predict what is still missing of some boxes, which are clipped to the bounds."""
        clipped = [intersect(box, self.bounds) for box in boxes]
        parts = [part for box in clipped for part in _find_rectangles(~self._known(box), box[:2])]
        for part in _merge(parts, 2 * (self._predictor.margin_px + self._predictor.padding_px)):
            for top, bottom in pairwise(_cut(part[0], part[2], self._step, self._predictor.stride_px)):
                for left, right in pairwise(_cut(part[1], part[3], self._step, self._predictor.stride_px)):
                    self._predict((top, left, bottom, right))

    def read(self, box: Box) -> tuple[NetworkMaps, NDArray[np.bool_]]:
        """Return the maps of a box inside the bounds, and (H, W) bool, where they are known; they are 0 elsewhere."""
        known = np.zeros((box[2] - box[0], box[3] - box[1]), np.bool_)
        count = len(self._blocks[0][1]) if self._blocks else 3
        stack = np.zeros((count, *known.shape), np.float32)
        for where, block in self._blocks:
            target, source = _overlap(box, where)
            stack[:, *target] = block[:, *source]
            known[target] = True
        types = stack[3:] if count > 3 else None
        return NetworkMaps(stack[0], stack[1], stack[2], types), known

    def keep(self, boxes: Sequence[Box]) -> None:
        """Drop the maps that lie outside some boxes."""
        kept = []
        for where, block in self._blocks:
            parts = [intersect(where, box) for box in boxes]
            parts = [part for part in parts if part[0] < part[2] and part[1] < part[3]]
            if not parts:
                continue
            y0, x0, y1, x1 = zip(*parts, strict=True)
            hull = (min(y0), min(x0), max(y1), max(x1))
            if hull != where:
                block = block[:, *_overlap(hull, where)[1]].copy()  # noqa: PLW2901
            kept.append((hull, block))
        self._blocks = kept

    def _known(self, box: Box) -> NDArray[np.bool_]:
        known = np.zeros((max(box[2] - box[0], 0), max(box[3] - box[1], 0)), np.bool_)
        for where, _ in self._blocks:
            known[_overlap(box, where)[0]] = True
        return known

    def _predict(self, box: Box) -> None:
        first, *others = self._phases
        stack = self._predict_phase(box, first)
        for phase in others:
            stack += self._predict_phase(box, phase)
        if others:
            stack /= len(self._phases)
        self._blocks.append((box, stack.astype(np.float16)))

    def _predict_phase(self, box: Box, phase: tuple[int, int]) -> NDArray[np.float32]:
        """Return the maps (3 + T, h, w) of a box from an input that starts a phase before a multiple of the stride."""
        predictor = self._predictor
        lost = predictor.margin_px + predictor.padding_px
        y0, x0 = (
            align_down(start - lost + shift, predictor.stride_px) - shift
            for start, shift in zip(box[:2], phase, strict=True)
        )
        height, width = (predictor.fit_side(stop + lost - start) for start, stop in zip((y0, x0), box[2:], strict=True))
        maps = predictor.predict(self._view.read((y0, x0, y0 + height, x0 + width))).maps
        top, left = box[0] - y0 - predictor.margin_px, box[1] - x0 - predictor.margin_px
        window = slice(top, top + box[2] - box[0]), slice(left, left + box[3] - box[1])
        parts = [maps.nuclear[None], maps.horizontal[None], maps.vertical[None]]
        parts += [] if maps.types is None else [maps.types]
        return np.concatenate([part[:, *window] for part in parts])


def intersect(one: Box, other: Box) -> Box:
    """Return the common part of two boxes; it has no pixels if they do not overlap."""
    y0, x0 = max(one[0], other[0]), max(one[1], other[1])
    return y0, x0, max(min(one[2], other[2]), y0), max(min(one[3], other[3]), x0)


def grow_box(box: Box, by: int) -> Box:
    """Return a box that is larger on all sides."""
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _overlap(box: Box, other: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where the common part of two boxes lies in each of them."""
    y0, x0, y1, x1 = intersect(box, other)
    return (
        (slice(y0 - box[0], y1 - box[0]), slice(x0 - box[1], x1 - box[1])),
        (slice(y0 - other[0], y1 - other[0]), slice(x0 - other[1], x1 - other[1])),
    )


def _find_rectangles(mask: NDArray[np.bool_], origin: Sequence[int]) -> list[Box]:
    """Cut the True pixels of a mask into rectangles, from top to bottom."""
    left = mask.copy()
    found: list[Box] = []
    for y in range(len(left)):
        while left[y].any():
            x0 = int(left[y].argmax())
            gap = np.flatnonzero(~left[y, x0:])
            x1 = x0 + int(gap[0]) if len(gap) else left.shape[1]
            full: NDArray[np.bool_] = np.append(left[y:, x0:x1].all(axis=1), False)
            height = int(full.argmin())
            left[y : y + height, x0:x1] = False
            found.append((origin[0] + y, origin[1] + x0, origin[0] + y + height, origin[1] + x1))
    return found


def _merge(boxes: Sequence[Box], loss: int) -> list[Box]:
    """Replace pairs of boxes by the box around both where this is less work: an input is larger by a loss."""

    def work(box: Box) -> int:
        return (box[2] - box[0] + loss) * (box[3] - box[1] + loss)

    left = list(boxes)
    merged: list[Box] = []
    while left:
        box = left.pop()
        for other in left:
            y0, x0, y1, x1 = zip(box, other, strict=True)
            hull = (min(y0), min(x0), max(y1), max(x1))
            if work(hull) <= work(box) + work(other):
                left.remove(other)
                left.append(hull)
                break
        else:
            merged.append(box)
    return merged


def _cut(start: int, stop: int, step: int, stride: int) -> list[int]:
    """Return the edges of parts of start..stop that are at most `step` long and meet at multiples of the stride."""
    first = align_down(start, stride) + step
    return [start, *range(first, stop, step), stop]
