"""Windows of tissue in slides without annotation: which of them train, and which validate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages
from napari_pathprune.slides.tiles import cut_evenly
from napari_pathprune.slides.tissue import find_tissue
from napari_pathprune.slides.view import View
from napari_pathprune.workflows.unlabelled.slide_source import OpenSlides, SlideSource

Item = TypeVar("Item")
_LOG = get_plain_logger(__name__)
MOST_WINDOWS: Final = 1000
"""Largest number of training windows of a slide, spread evenly over its tissue."""
VALIDATION_WINDOWS: Final = 12
"""Largest number of validation windows, spread evenly over the tissue of all validation slides."""
HOLD_OUT: Final = 5
"""Of five or more slides, every fifth is held out for validation; of fewer, the last one."""
GUARD_TILES: Final = 2
"""Least distance between training and validation windows of the same slide, in patches."""
_TISSUE: Final = 0.5
"""Share of a window that is tissue, unless no window of the slide has so much."""
_VALIDATION_SHARE: Final = 0.2
"""Share of the windows of a single slide that are for validation."""
_SMALL: Final = 12
"""A single slide that is shorter than this, in patches, has windows of one patch instead of two."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a slide, in pixels of the model's pixel size."""

    source: SlideSource
    box: Box

    @property
    def name(self) -> str:
        """Name of the file, and the upper left corner."""
        return f"{self.source.path.name} [y {self.box[0]}, x {self.box[1]}]"


def split_windows(
    sources: Sequence[SlideSource], slides: OpenSlides, mpp: float, patch_px: int, *, is_validated: bool
) -> tuple[list[Window], list[Window]]:
    """Choose the windows for training and those for validation.

    Validation windows come from whole slides that are not trained on: those named for validation, or else every fifth
    one, or the last one of fewer than five. Of a single slide, a part at its end is held out, and between it and the
    training windows lies a guard of two patches.

    Parameters
    ----------
    sources
        The slides.
    slides
        Opens them.
    mpp
        Pixel size of the model, in um.
    patch_px
        Side of the network's input.
    is_validated
        Whether other images validate already, so that no slide needs to be held out.

    Returns
    -------
    training, validation

    Raises
    ------
    ValueError
        If a slide cannot be read or has no tissue, or if all slides are for validation.
    """
    held = [source.is_validation for source in sources]
    if all(held):
        raise ValueError("every slide without annotation is for validation; name at least one to train on")
    if is_validated and any(held):
        raise ValueError("got slides for validation beside annotated validation images; give one kind of them")
    if not any(held) and not is_validated and len(sources) > 1:
        every = range(HOLD_OUT - 1, len(sources), HOLD_OUT) if len(sources) >= HOLD_OUT else [len(sources) - 1]
        held = [index in every for index in range(len(sources))]
    training: list[Window] = []
    validation: list[Window] = []
    for source, is_held in zip(sources, held, strict=True):
        view = slides.view(source, mpp)
        if len(sources) == 1 and not is_validated:
            side_px = patch_px * (2 if max(view.shape) >= _SMALL * patch_px else 1)
            near, far = _split_far(find_windows(view, side_px), GUARD_TILES * patch_px)
            training += [Window(source, box) for box in spread(near, MOST_WINDOWS)]
            validation += [Window(source, box) for box in far]
            continue
        windows = [Window(source, box) for box in spread(find_windows(view, 2 * patch_px), MOST_WINDOWS)]
        (validation if is_held else training).extend(windows)
    if not validation and not is_validated:
        _LOG.warning("the slide is too small to hold a part out, so that nothing is validated; give another slide too")
    return training, spread(validation, VALIDATION_WINDOWS)


def read_windows(windows: Sequence[Window], slides: OpenSlides, mpp: float) -> LazyImages:
    """Return windows as unlabelled images, which are read from their slides at each access.

    Parameters
    ----------
    windows
        The windows.
    slides
        Opens their slides.
    mpp
        Pixel size of the model, in um.
    """
    count = Counter(window.source for window in windows)
    weights = np.array([window.source.weight / count[window.source] for window in windows], np.float64)

    def build(index: int) -> AnnotatedImage:
        window = windows[index]
        pixels = slides.view(window.source, mpp).read(window.box)
        empty = np.broadcast_to(np.int32(0), pixels.shape[:2])  # takes no memory
        return AnnotatedImage(window.name, pixels, empty, weight=float(weights[index]), annotator="nobody")

    names = tuple(window.name for window in windows)
    return LazyImages(names, weights, build, np.zeros(len(windows), np.bool_))


def summarise_windows(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of images in which the windows of each slide are one entry.

    Examples
    --------
    >>> summarise_windows(["a.svs [y 0, x 0]", "a.svs [y 0, x 640]", "tile-1"])
    ('a.svs (2 windows)', 'tile-1')
    """
    slides = Counter(name.rpartition(" [y ")[0] or name for name in names)
    is_window = {name.rpartition(" [y ")[0] for name in names}
    return tuple(
        f"{name} ({count} window{'s' if count > 1 else ''})" if name in is_window else name
        for name, count in slides.items()
    )


def is_summary(name: str) -> bool:
    """Return whether a name in a list of `summarise_windows` stands for the windows of a slide.

    Examples
    --------
    >>> is_summary("a.svs (2 windows)"), is_summary("tile-1")
    (True, False)
    """
    return name.endswith((" window)", " windows)"))


def find_windows(view: View, side_px: int) -> list[Box]:
    """Return the windows of a slide that are tissue, row by row, in view pixels.

    Raises
    ------
    ValueError
        If there is no tissue.
    """
    tissue = find_tissue(view.slide)
    boxes = cut_evenly((0, 0, *view.shape), side_px)
    coverage = np.array([tissue.coverage(view.to_level0(box)) for box in boxes])
    if not coverage.max() > 0.0:
        raise ValueError(f"{view.slide.name}: found no tissue in this slide; leave it out")
    least = min(_TISSUE, coverage.max())
    return [box for box, share in zip(boxes, coverage, strict=True) if share >= least]


def _split_far(boxes: Sequence[Box], guard_px: int) -> tuple[list[Box], list[Box]]:
    """Split windows across their longer extent into a near part and a far one, with a guard between them.

    Examples
    --------
    >>> row = [(0, x, 10, x + 10) for x in range(0, 100, 10)]
    >>> near, far = _split_far(row, guard_px=20)
    >>> near[-1][3], [box[1] for box in far]
    (60, [80, 90])
    """
    edges = np.array(boxes)
    extent = edges[:, 2:].max(axis=0) - edges[:, :2].min(axis=0)
    axis = int(extent.argmax())
    starts = np.unique(edges[:, axis])
    order = np.sort(edges[:, axis])
    first = order[min(len(order) - 1, int(np.ceil(len(order) * (1.0 - _VALIDATION_SHARE))))]
    first = max(first, starts[min(1, len(starts) - 1)])
    near = [box for box in boxes if box[axis + 2] <= first - guard_px]
    far = [box for box in boxes if box[axis] >= first]
    return (near, far) if near else (list(boxes), [])


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most a number of items, spread evenly.

    Examples
    --------
    >>> spread("abcde", 3)
    ['a', 'c', 'e']
    """
    if len(items) <= most:
        return list(items)
    return [items[int(index)] for index in np.linspace(0, len(items) - 1, most).round()]
