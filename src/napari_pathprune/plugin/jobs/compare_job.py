"""The workflow of the Compare dock: compare, then paint the difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas

if TYPE_CHECKING:
    from napari_pathprune.slides.slide import Slide
    from napari_pathprune.workflows.compare.compare import BlockCompared
    from napari_pathprune.workflows.compare.comparison import Comparison
    from napari_pathprune.workflows.compare.segmentation import Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonReady:
    """A comparison and its difference.

    Attributes
    ----------
    comparison
        The numbers and lists.
    difference
        Labels of the compared region with the values of `Status`: an array, or a list of levels if it is large.
    done, total, line, is_milestone
        See `base.event.Event`.
    """

    comparison: Comparison
    difference: Any
    done: int
    total: int
    line: str
    is_milestone: bool = True


@dataclass(frozen=True, slots=True)
class FilesWritten:
    """The report of a comparison and its list of disagreements were written.

    Attributes
    ----------
    files
        The report first.
    done, total, line, is_milestone
        See `base.event.Event`.
    """

    files: tuple[Path, ...]
    line: str
    done: int = 1
    total: int = 1
    is_milestone: bool = True


def compare_and_paint(a: Segmentation, b: Segmentation, *, is_truth: bool) -> Iterator[BlockCompared | ComparisonReady]:
    """Compare two segmentations and paint where they differ.

    Yields
    ------
    BlockCompared, ComparisonReady

    Raises
    ------
    ValueError
        As `workflows.compare.compare.compare`.
    """
    from napari_pathprune.workflows.compare.compare import CompareFinished, compare  # imports scipy
    from napari_pathprune.workflows.compare.difference import paint_difference

    for event in compare(a, b, is_truth=is_truth):
        if not isinstance(event, CompareFinished):
            yield event
            continue
        canvas = NucleiCanvas(event.comparison.region)
        for box, labels in paint_difference(event.comparison, a, b):
            canvas.add(box, labels)
        yield ComparisonReady(event.comparison, canvas.data, event.done, event.total, event.line)


def export_comparison(
    comparison: Comparison, a: Segmentation, b: Segmentation, slide: Slide, path: Path
) -> Iterator[FilesWritten]:
    """Write the report of a comparison, and its disagreements as CSV beside it.

    Yields
    ------
    FilesWritten

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from napari_pathprune.workflows.compare.compare_to_report import write_comparison
    from napari_pathprune.workflows.compare.comparison_report import Compared

    files = write_comparison([Compared(comparison, a, b)], path, slide)
    yield FilesWritten(files, f"Wrote {' and '.join(file.name for file in files)}.")
