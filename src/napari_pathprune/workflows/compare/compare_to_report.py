"""Comparison of results on disk, with a report and a list of disagreements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from napari_pathprune.base.output_path import check_output_file
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.slide import Slide
from napari_pathprune.workflows.compare.compare import BlockCompared, CompareFinished, compare
from napari_pathprune.workflows.compare.comparison import Comparison
from napari_pathprune.workflows.compare.comparison_report import Compared, write_comparison_report
from napari_pathprune.workflows.compare.disagreements import write_disagreements
from napari_pathprune.workflows.compare.read_segmentation import read_segmentation
from napari_pathprune.workflows.compare.segmentation import Segmentation

SUFFIXES: Final = ("", ".truth-a", ".truth-b")
"""What the names of the CSV files end with, before .csv."""


@dataclass(frozen=True, slots=True, eq=False)
class ReportWritten:
    """The report and the lists of disagreements are written.

    Parameters
    ----------
    comparisons
        That of A and B; then those of the annotation with A and with B, if there is one.
    files
        The files that were written, the report first.
    done, total
        Numbers of blocks.
    """

    comparisons: tuple[Comparison, ...]
    files: tuple[Path, ...]
    done: int
    total: int
    is_milestone: bool = True

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"Wrote {', '.join(map(str, self.files))}"

    def to_dict(self) -> dict[str, Any]:
        """Return the comparisons and the names of the files as JSON values."""
        return {
            "comparisons": [one.to_dict() for one in self.comparisons],
            "files": [str(file) for file in self.files],
        }


def compare_to_report(
    path_a: Path, path_b: Path, report: Path, *, truth: Path | None = None, slide: Path | None = None
) -> Iterator[BlockCompared | ReportWritten]:
    """Compare two results, and both with an annotation, and write a report.

    Parameters
    ----------
    path_a, path_b
        Result folders or label images; see `read_segmentation`.
    report
        The HTML file to write. Disagreements are written beside it, as CSV.
    truth
        An annotation of the same slide.
    slide
        The slide, for the pictures. By default the one that a result names, if it is there.

    Yields
    ------
    BlockCompared, ReportWritten

    Raises
    ------
    ValueError
        If a result cannot be read, the report is not an HTML file or has a name that cannot be written, or the results
        are of different slides.
    OSError
        If a file cannot be read or written; files to write are checked before anything is read.
    """
    if report.suffix.lower() not in {".html", ".htm"}:
        raise ValueError(f"got {report} for the report; name it {report.with_suffix('.html').name}")
    suffixes = SUFFIXES[:1] if truth is None else SUFFIXES
    for file in (report, *(_find_csv(report, suffix) for suffix in suffixes)):
        check_output_file(file)
    a, b = _name_apart([(path_a, read_segmentation(path_a)), (path_b, read_segmentation(path_b))])
    pairs = [(a, b, False)]
    if truth is not None:
        known = replace(read_segmentation(truth), name="annotation")
        known = replace(known, mpp=known.mpp or a.mpp or b.mpp)
        pairs += [(known, a, True), (known, b, True)]
    compared: list[Compared] = []
    with ExitStack() as stack:
        tissue = _open_tissue(stack, [a, b], slide)
        done = total = 0
        for number, (first, second, is_truth) in enumerate(pairs):
            for event in compare(first, second, is_truth=is_truth):
                total = event.total * len(pairs)
                done = number * event.total + event.done
                if isinstance(event, CompareFinished):
                    compared.append(Compared(event.comparison, first, second))
                yield BlockCompared(done, total)
        files = write_comparison(compared, report, tissue)
    comparisons = tuple(one.comparison for one in compared)
    yield ReportWritten(comparisons, files, total, total)


def write_comparison(compared: Sequence[Compared], report: Path, slide: Slide | None) -> tuple[Path, ...]:
    """Write the report of comparisons and the disagreements of each beside it; return the files.

    Parameters
    ----------
    compared, slide
        See `write_comparison_report`.
    report
        The HTML file.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    write_comparison_report(compared, report, slide)
    files = [report]
    for one, suffix in zip(compared, SUFFIXES, strict=False):
        files.append(_find_csv(report, suffix))
        comparison = one.comparison
        write_disagreements(comparison.disagreements, files[-1], comparison.type_names, comparison.mpp)
    return tuple(files)


def _find_csv(report: Path, suffix: str) -> Path:
    """Return the list of disagreements that lies beside a report."""
    return report.with_name(f"{report.stem}{suffix}.csv")


def _name_apart(sides: Sequence[tuple[Path, Segmentation]]) -> list[Segmentation]:
    """Name results by their files if they have the same name, and by letter if that is the same too."""
    names = [side.name for _, side in sides]
    if len(set(names)) < len(names):
        names = [path.absolute().name for path, _ in sides]
    if len(set(names)) < len(names):
        names = [f"{name} ({letter})" for name, letter in zip(names, "AB", strict=False)]
    return [replace(side, name=name) for (_, side), name in zip(sides, names, strict=True)]


def _open_tissue(stack: ExitStack, sides: Sequence[Segmentation], path: Path | None) -> Slide | None:
    """Open the slide that was passed, or the one that a result names if it can still be read."""
    shape = sides[0].slide_shape
    if path is not None:
        slide = stack.enter_context(open_slide(path))
        if slide.shape != shape:
            got, expected = (f"{height} x {width} px" for height, width in (slide.shape, shape))
            raise ValueError(f"{path} has {got}, the results {expected}; pass the slide of the results")
        return slide
    for side in sides:
        if side.slide_path is not None and side.slide_path.is_file():
            try:
                slide = stack.enter_context(open_slide(side.slide_path))
            except (OSError, ValueError):
                continue
            if slide.shape == shape:
                return slide
    return None
