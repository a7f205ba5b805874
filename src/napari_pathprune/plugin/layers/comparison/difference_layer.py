"""Colours of a difference layer: agreed, only in A, only in B, type changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils import DirectLabelColormap

from napari_pathprune.workflows.compare.difference import STATUS_COLOURS
from napari_pathprune.workflows.compare.disagreements import Status, describe_status

if TYPE_CHECKING:
    from napari_pathprune.workflows.compare.comparison import Comparison


def make_difference_colormap() -> DirectLabelColormap:
    """Return the colours of the values of `Status`; all other labels are transparent."""
    clear = (0.0, 0.0, 0.0, 0.0)
    colour_of: dict[int | None, tuple[float, ...]] = {None: clear, 0: clear}
    for status, colour in STATUS_COLOURS.items():
        colour_of[int(status)] = (*(side / 255 for side in colour), 1.0)
    return DirectLabelColormap(color_dict=colour_of)


def list_statuses(comparison: Comparison) -> list[tuple[str, tuple[int, int, int], int]]:
    """Return name, colour and number of nuclei of each status, for a legend.

    Types that change are left out if a segmentation has no types.
    """
    rows = comparison.disagreements
    return [
        (
            describe_status(status, "A", "B"),
            colour,
            comparison.agreed if status == Status.AGREED else rows.count(Status(status)),
        )
        for status, colour in STATUS_COLOURS.items()
        if status != Status.TYPE_CHANGED or comparison.has_types
    ]
