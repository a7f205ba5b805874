"""The instance table: one row per nucleus, one array per column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import ndimage

from napari_pathprune.instances.numbering import renumber
from napari_pathprune.instances.outlines.outline import trace_outline

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class InstanceTable:
    """Nuclei as a struct of arrays. Positions are (y, x) in pixels; the centre of a pixel is a whole number.

    Parameters
    ----------
    id
        (N,) int32, values of the instance map.
    y, x
        (N,) float64, centroid.
    box
        (N, 4) int64, (y0, x0, y1, x1), half open.
    area
        (N,) float64, square pixels.
    type
        (N,) int16, 0 for an untyped network or a nucleus without a type.
    type_probability
        (N,) float32, share of the pixels of the nucleus that are of its type; 0 without a type.
    points
        (P, 2) float32, concatenated outlines of all nuclei.
    offsets
        (N + 1,) int64; the outline of row i is ``points[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> import numpy as np
    >>> instances = np.zeros((8, 8), np.int32)
    >>> instances[1:4, 2:7] = 5
    >>> table = InstanceTable.from_instance_map(instances)
    >>> len(table), table.id.tolist(), table.area.tolist(), (table.y[0], table.x[0])
    (1, [5], [15.0], (np.float64(2.0), np.float64(4.0)))
    >>> table.contour(0).tolist()
    [[0.5, 1.5], [0.5, 6.5], [3.5, 6.5], [3.5, 1.5]]
    """

    id: NDArray[np.int32]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    box: NDArray[np.int64]
    area: NDArray[np.float64]
    type: NDArray[np.int16]
    type_probability: NDArray[np.float32]
    points: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.id)
        columns = (self.y, self.x, self.box, self.area, self.type, self.type_probability)
        assert all(len(column) == n for column in columns)
        assert len(self.offsets) == n + 1
        assert len(self.points) == self.offsets[-1]

    def __len__(self) -> int:
        """Return the number of nuclei."""
        return len(self.id)

    def contour(self, row: int) -> NDArray[np.float32]:
        """Return the outline of one nucleus, (P, 2), (y, x); the first point is not repeated."""
        return self.points[self.offsets[row] : self.offsets[row + 1]]

    @classmethod
    def empty(cls) -> Self:
        """Return a table without rows."""
        return cls(
            np.zeros(0, np.int32),
            np.zeros(0),
            np.zeros(0),
            np.zeros((0, 4), np.int64),
            np.zeros(0),
            np.zeros(0, np.int16),
            np.zeros(0, np.float32),
            np.zeros((0, 2), np.float32),
            np.zeros(1, np.int64),
        )

    @classmethod
    def from_instance_map(
        cls, instances: NDArray[Any], types: NDArray[Any] | None = None, origin: tuple[int, int] = (0, 0)
    ) -> Self:
        """Measure the nuclei of an instance map.

        The type of a nucleus is the most frequent of the most probable types of its pixels. If that is the background,
        it is the second most frequent, as in HoVer-Net (doi:10.1016/j.media.2019.101563).

        Parameters
        ----------
        instances
            (H, W) integers, 0 background.
        types
            (T, H, W) probabilities of the types, background first; None for an untyped network.
        origin
            Position (y, x) of the first pixel. Centroids are rounded once, and so do not depend on where a map begins.

        Returns
        -------
        InstanceTable
            Rows in ascending order of id.

        Raises
        ------
        ValueError
            If a map has another shape or number type.
        """
        ids, numbers = renumber(instances)
        if types is not None and (types.ndim != 3 or types.shape[1:] != instances.shape):
            raise ValueError(
                f"got types of shape {types.shape}; expected (T, {instances.shape[0]}, {instances.shape[1]}), "
                "like the instances"
            )
        n = len(ids)
        if n == 0:
            return cls.empty()
        pixels = np.flatnonzero(numbers)
        owner = numbers.ravel()[pixels].astype(np.intp) - 1
        rows = pixels // numbers.shape[1]
        columns = pixels - rows * numbers.shape[1]
        area = np.bincount(owner, minlength=n)
        kind, share = _find_majority(owner, area, types, pixels)

        boxes = np.empty((n, 4), np.int64)
        outlines: list[NDArray[np.float32]] = []
        for row, (down, across) in enumerate(ndimage.find_objects(numbers)):
            y0, x0 = down.start + origin[0], across.start + origin[1]
            boxes[row] = y0, x0, down.stop + origin[0], across.stop + origin[1]
            mask = (numbers[down, across] == row + 1).view(np.uint8)
            outlines.append((trace_outline(mask, (0, 0)) + np.array((y0, x0))).astype(np.float32))
        return cls(
            ids.astype(np.int32),
            np.bincount(owner, rows + origin[0], n) / area,
            np.bincount(owner, columns + origin[1], n) / area,
            boxes,
            area.astype(np.float64),
            kind,
            share,
            np.concatenate(outlines),
            np.cumsum([0, *(len(points) for points in outlines)], dtype=np.int64),
        )

    @classmethod
    def concatenate(cls, tables: Iterable[InstanceTable]) -> Self:
        """Return one table of the rows of several; ids do not change."""
        parts = [table for table in tables if len(table)]
        if not parts:
            return cls.empty()
        starts = np.cumsum([0, *(len(part.points) for part in parts)])
        ends = [part.offsets[1:] + start for part, start in zip(parts, starts, strict=False)]
        return cls(
            np.concatenate([part.id for part in parts]),
            np.concatenate([part.y for part in parts]),
            np.concatenate([part.x for part in parts]),
            np.concatenate([part.box for part in parts]),
            np.concatenate([part.area for part in parts]),
            np.concatenate([part.type for part in parts]),
            np.concatenate([part.type_probability for part in parts]),
            np.concatenate([part.points for part in parts]),
            np.concatenate([np.zeros(1, np.int64), *ends]),
        )

    def select(self, rows: NDArray[Any]) -> InstanceTable:
        """Return the table of some rows.

        Parameters
        ----------
        rows
            A bool mask (N,), or row numbers in the order of the result.
        """
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        gathered = np.arange(offsets[-1]) + np.repeat(self.offsets[index] - offsets[:-1], lengths)
        return InstanceTable(
            self.id[index],
            self.y[index],
            self.x[index],
            self.box[index],
            self.area[index],
            self.type[index],
            self.type_probability[index],
            self.points[gathered],
            offsets,
        )

    def with_ids(self, ids: NDArray[Any]) -> InstanceTable:
        """Return the same nuclei with other ids (N,)."""
        assert len(ids) == len(self)
        return replace(self, id=np.asarray(ids, np.int32))

    def transform(
        self, scale: tuple[float, float] = (1.0, 1.0), offset: tuple[float, float] = (0.0, 0.0)
    ) -> InstanceTable:
        """Return the table in another pixel grid, whose pixel edges are ``edges * scale + offset``.

        Edges are scaled rather than centres: pixel 0 at scale 2 covers the pixels 0 and 1, so its centre is 0.5. Boxes
        are rounded outwards, and areas are scaled by both factors.

        Parameters
        ----------
        scale
            New pixels per old pixel (y, x); from view pixels to level 0 this is the inverse of ``View.scale``.
        offset
            Position of the corner of the old grid (y, x), in new pixels.
        """
        (sy, sx), (oy, ox) = scale, offset
        assert sy > 0
        assert sx > 0
        factor = np.array((sy, sx))
        shift = np.array((oy, ox)) + 0.5 * factor - 0.5
        edges = self.box * np.array((sy, sx, sy, sx)) + np.array((oy, ox, oy, ox))
        slack = 1e-6  # rounding errors must not add a row of pixels
        box = np.concatenate([np.floor(edges[:, :2] + slack), np.ceil(edges[:, 2:] - slack)], axis=1)
        return replace(
            self,
            y=self.y * sy + shift[0],
            x=self.x * sx + shift[1],
            box=box.astype(np.int64),
            area=self.area * (sy * sx),
            points=(self.points * factor + shift).astype(np.float32),
        )


def _find_majority(
    owner: NDArray[Any], area: NDArray[Any], types: NDArray[Any] | None, pixels: NDArray[Any]
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Return the type of each instance, and the share of its pixels of that type."""
    n = len(area)
    if types is None:
        return np.zeros(n, np.int16), np.zeros(n, np.float32)
    count = len(types)
    likeliest = types.reshape(count, -1)[:, pixels].argmax(axis=0)
    votes = np.bincount(owner * count + likeliest, minlength=n * count).reshape(n, count)
    kind = votes.argmax(axis=1)
    if count > 1:
        second = 1 + votes[:, 1:].argmax(axis=1)
        has_second = votes[np.arange(n), second] > 0
        kind = np.where((kind == 0) & has_second, second, kind)
    share = np.where(kind > 0, votes[np.arange(n), kind] / area, 0.0)
    return kind.astype(np.int16), share.astype(np.float32)
