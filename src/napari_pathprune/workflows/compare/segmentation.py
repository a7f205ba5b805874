"""One of the two segmentations to compare: its labels, its types, and the part of the slide that it covers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_pathprune.base.box import Box, clip_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.slides.resolution import Mpp


class Labels(Protocol):
    """A two-dimensional array of integers that is read when it is sliced: numpy, zarr or dask."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""

    def __getitem__(self, index: tuple[slice, slice]) -> Any:  # noqa: ANN401 - any array
        """Read a part."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The nuclei that a model or a person found in a region of a slide.

    Parameters
    ----------
    name
        Name for tables and reports, such as that of the model.
    labels
        (h, w) integers, 0 background, in level-0 pixels.
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide: where nuclei were looked for.
    slide_shape
        Height and width of the slide in level-0 pixels.
    origin
        Position (y, x) of the first label pixel, in level-0 pixels of the slide.
    ids, types, probabilities
        (N,) ids of the nuclei, their types as indices of `type_names`, and the probabilities of the types. Labels
        without a row have no type.
    type_names
        Names of the types, background first; empty if nuclei have no types.
    mpp
        Size of a level-0 pixel in um (y, x), or None if unknown.
    slide
        Name of the slide; empty if unknown.
    slide_path
        File of the slide; None if unknown.
    model
        Name of the packaged model, or path of the model file, that found the nuclei; empty if a person drew them, or if
        it is unknown.
    phases
        Number of shifts that the model's maps were averaged over.
    fingerprint
        `Checkpoint.fingerprint` of the model; empty if it is unknown.
    boxes
        (N, 4) boxes of all nuclei in level-0 pixels, which save reading empty parts; None if they are not known.

    Examples
    --------
    >>> found = Segmentation("model", np.eye(4, dtype=np.int32), (0, 0, 4, 4), (4, 4))
    >>> found.read((2, 2, 5, 5)).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    """

    name: str
    labels: Labels
    region: Box
    slide_shape: tuple[int, int]
    origin: tuple[int, int] = (0, 0)
    ids: NDArray[np.int64] | None = None
    types: NDArray[np.int64] | None = None
    probabilities: NDArray[np.float64] | None = None
    type_names: tuple[str, ...] = ()
    mpp: Mpp | None = None
    slide: str = ""
    slide_path: Path | None = None
    model: str = ""
    boxes: NDArray[np.int64] | None = None
    phases: int = 1
    fingerprint: str = ""

    def read(self, box: Box) -> NDArray[Any]:
        """Return the labels in a box of level-0 pixels of the slide; 0 where there are none."""
        top, left = self.origin
        moved = (box[0] - top, box[1] - left, box[2] - top, box[3] - left)
        y0, x0, y1, x1 = clip_box(moved, (self.labels.shape[0], self.labels.shape[1]))
        inside = np.asarray(self.labels[y0:y1, x0:x1])
        if (y0, x0, y1, x1) == moved:
            return inside
        labels = np.zeros((box[2] - box[0], box[3] - box[1]), inside.dtype)
        labels[y0 - moved[0] : y1 - moved[0], x0 - moved[1] : x1 - moved[1]] = inside
        return labels

    def look_up(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the types of nuclei and the probabilities of the types; 0 for nuclei that are not in the table."""
        types, probabilities = np.zeros(len(ids), np.int64), np.zeros(len(ids))
        if self.ids is None or self.types is None or not len(self.ids):
            return types, probabilities
        order = np.argsort(self.ids, kind="stable")
        place = np.minimum(np.searchsorted(self.ids, ids, sorter=order), len(order) - 1)
        row = order[place]
        is_known = self.ids[row] == ids
        types[is_known] = self.types[row[is_known]]
        if self.probabilities is not None:
            probabilities[is_known] = self.probabilities[row[is_known]]
        return types, probabilities


def find_common_region(a: Segmentation, b: Segmentation) -> Box:
    """Return the region that both segmentations cover, in level-0 pixels.

    Raises
    ------
    ValueError
        If the segmentations are of different slides, or their regions do not overlap.

    Examples
    --------
    >>> left, right = (
    ...     Segmentation(name, np.zeros((9, 9), np.int32), region, (9, 9))
    ...     for name, region in (("a", (0, 0, 9, 5)), ("b", (2, 3, 9, 9)))
    ... )
    >>> find_common_region(left, right)
    (2, 3, 9, 5)
    """
    if a.slide and b.slide and a.slide != b.slide:
        raise ValueError(f"{a.name} is of slide {a.slide}, {b.name} of {b.slide}; compare two results of one slide")
    if a.slide_shape != b.slide_shape:
        sizes = [f"{height} x {width}" for height, width in (a.slide_shape, b.slide_shape)]
        raise ValueError(
            f"{a.name} is of a slide of {sizes[0]} px, {b.name} of {sizes[1]} px; compare two results of one slide"
        )
    y0, x0 = max(a.region[0], b.region[0]), max(a.region[1], b.region[1])
    y1, x1 = min(a.region[2], b.region[2]), min(a.region[3], b.region[3])
    if y1 <= y0 or x1 <= x0:
        raise ValueError(
            f"{a.name} covers {a.region}, {b.name} covers {b.region} (y0, x0, y1, x1); compare results that overlap"
        )
    return y0, x0, y1, x1
