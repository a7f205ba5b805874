"""The nuclei on which two segmentations disagree."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.base.atomic import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.matching import Matching
    from napari_pathprune.slides.resolution import Mpp

COLUMNS: Final = (
    "disagreement",
    "y_px",
    "x_px",
    "area_a_px",
    "area_b_px",
    "area_a_um2",
    "area_b_um2",
    "type_a",
    "type_b",
    "probability_a",
    "probability_b",
    "iou",
    "id_a",
    "id_b",
)


class Status(IntEnum):
    """What two segmentations say about a nucleus; the values are the labels of a difference layer."""

    AGREED = 1
    ONLY_A = 2
    ONLY_B = 3
    TYPE_CHANGED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Disagreements:
    """A struct of arrays with one row for each nucleus that is in one segmentation only, or changes its type.

    Parameters
    ----------
    status
        (N,) int8, a `Status`.
    id_a, id_b
        (N,) int64, 0 in a row without one.
    y, x
        (N,) float64, centroid in level-0 pixels; that of a for a pair.
    area_a, area_b
        (N,) int64, pixels; 0 in a row without the nucleus.
    type_a, type_b
        (N,) int64, indices of the names of the comparison; 0 without a type or a nucleus.
    probability_a, probability_b
        (N,) float64, probabilities of the types.
    iou
        (N,) float64, of a pair; 0 for other rows.
    """

    status: NDArray[np.int8]
    id_a: NDArray[np.int64]
    id_b: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    area_a: NDArray[np.int64]
    area_b: NDArray[np.int64]
    type_a: NDArray[np.int64]
    type_b: NDArray[np.int64]
    probability_a: NDArray[np.float64]
    probability_b: NDArray[np.float64]
    iou: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.status)

    def count(self, status: Status) -> int:
        """Return the number of rows of one status."""
        return int(np.count_nonzero(self.status == status))


@dataclass(frozen=True, slots=True, eq=False)
class TypedNuclei:
    """Types of the nuclei of one segmentation, in the rows of its side of an overlap table.

    Parameters
    ----------
    types
        (N,) int64, indices of the names of the comparison.
    probabilities
        (N,) float64.
    """

    types: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def find_disagreements(matching: Matching, a: TypedNuclei, b: TypedNuclei, *, has_types: bool) -> Disagreements:
    """List the nuclei of a matching that are unpaired or whose types differ.

    Parameters
    ----------
    matching
        Its overlaps hold the positions and areas.
    a, b
        The types of both sides, one row for each id of the overlaps.
    has_types
        Whether both segmentations have types; if not, types do not differ.

    Returns
    -------
    Disagreements
        First the nuclei in a only, then those in b only, then those of another type.
    """
    overlaps = matching.overlaps
    pair_a = np.searchsorted(overlaps.ids_a, matching.pairs[:, 0])
    pair_b = np.searchsorted(overlaps.ids_b, matching.pairs[:, 1])
    is_changed = a.types[pair_a] != b.types[pair_b] if has_types else np.zeros(len(pair_a), np.bool_)
    only_a = np.searchsorted(overlaps.ids_a, matching.only_a)
    only_b = np.searchsorted(overlaps.ids_b, matching.only_b)
    counts = (len(only_a), len(only_b), int(is_changed.sum()))
    in_a = np.concatenate([only_a, np.full(counts[1], -1), pair_a[is_changed]])
    in_b = np.concatenate([np.full(counts[0], -1), only_b, pair_b[is_changed]])
    centre = np.concatenate(
        [overlaps.centre_a[only_a], overlaps.centre_b[only_b], overlaps.centre_a[pair_a[is_changed]]]
    )

    return Disagreements(
        np.repeat(np.array([Status.ONLY_A, Status.ONLY_B, Status.TYPE_CHANGED], np.int8), counts),
        _take(overlaps.ids_a, in_a),
        _take(overlaps.ids_b, in_b),
        centre[:, 0],
        centre[:, 1],
        _take(overlaps.area_a, in_a),
        _take(overlaps.area_b, in_b),
        _take(a.types, in_a),
        _take(b.types, in_b),
        _take(a.probabilities, in_a),
        _take(b.probabilities, in_b),
        np.concatenate([np.zeros(counts[0] + counts[1]), matching.iou[is_changed]]),
    )


def describe_status(status: int, name_a: str, name_b: str) -> str:
    """Return a status in words.

    Examples
    --------
    >>> describe_status(Status.ONLY_A, "hovernet-s", "hovernet-s-compact")
    'only in hovernet-s'
    """
    return {
        Status.AGREED: "agreed",
        Status.ONLY_A: f"only in {name_a}",
        Status.ONLY_B: f"only in {name_b}",
        Status.TYPE_CHANGED: "type changed",
    }[Status(status)]


def write_disagreements(rows: Disagreements, path: Path, type_names: Sequence[str], mpp: Mpp | None) -> None:
    """Write disagreements as CSV, one row a nucleus; empty cells where there is no nucleus, type or pixel size.

    Parameters
    ----------
    rows
        The disagreements of a comparison.
    path
        The file; replaced once the new one is complete.
    type_names
        Names of the types of the comparison.
    mpp
        Size of a level-0 pixel in um (y, x), or None if unknown.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    um2 = None if mpp is None else mpp[0] * mpp[1]
    words = {status: status.name.lower() for status in Status}
    with write_atomically(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in range(len(rows)):
            sides = [
                (int(ids[row]), int(area[row]), int(kind[row]), float(probability[row]))
                for ids, area, kind, probability in (
                    (rows.id_a, rows.area_a, rows.type_a, rows.probability_a),
                    (rows.id_b, rows.area_b, rows.type_b, rows.probability_b),
                )
            ]
            writer.writerow(
                [
                    words[Status(int(rows.status[row]))],
                    f"{rows.y[row]:.1f}",
                    f"{rows.x[row]:.1f}",
                    *(area if number else "" for number, area, _, _ in sides),
                    *(f"{area * um2:.2f}" if number and um2 else "" for number, area, _, _ in sides),
                    *(type_names[kind] if number else "" for number, _, kind, _ in sides),
                    *(f"{probability:.3f}" if number and kind else "" for number, _, kind, probability in sides),
                    f"{rows.iou[row]:.3f}" if rows.iou[row] else "",
                    *(number or "" for number, _, _, _ in sides),
                ]
            )


def _take(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values of rows, and 0 for row -1."""
    return np.where(rows >= 0, values[rows], 0) if len(values) else np.zeros(len(rows), values.dtype)
