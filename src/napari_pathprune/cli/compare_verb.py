"""``pathprune compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Json, make_table, print_json, print_result

Report = Annotated[Path, typer.Option("-o", "--out", metavar="REPORT", help="The HTML file to write.")]


def compare(
    a: Annotated[Path, typer.Argument(help="A result folder of `pathprune segment`, or a label image.")],
    b: Annotated[Path, typer.Argument(help="Another result of the same slide.")],
    out: Report,
    truth: Annotated[Path | None, typer.Option(help="An annotation of the slide: a folder or a label image.")] = None,
    slide: Annotated[Path | None, typer.Option(help="The slide, for pictures; by default found by itself.")] = None,
    as_json: Json = False,
) -> None:
    """Compare two segmentations of a slide, where both cover it.

    Writes a report with the regions where they disagree most, and beside it a list of disagreements (CSV). The scores
    of A and B are agreement; with `--truth`, both are also scored against the annotation, which is accuracy.

    Example: `pathprune compare dense/ compact/ -o report.html`
    """
    from napari_pathprune.base.score_names import format_score, score_name
    from napari_pathprune.workflows.compare.compare_to_report import ReportWritten, compare_to_report

    events = show_progress(compare_to_report(a, b, out, truth=truth, slide=slide), "comparing")
    written = next(event for event in events if isinstance(event, ReportWritten))
    if as_json:
        print_json(written.to_dict())
        return
    columns = [f"{one.word}: {one.name_a}, {one.name_b}" for one in written.comparisons]
    rows = [
        (score_name(key), *(format_score(one.scores()[key]) for one in written.comparisons))
        for key in written.comparisons[0].scores()
    ]
    rows += [
        ("nuclei", *(f"{one.nuclei_a:,}, {one.nuclei_b:,}" for one in written.comparisons)),
        ("disagreements", *(f"{len(one.disagreements):,}" for one in written.comparisons)),
    ]
    print_result(make_table(("", *columns), rows, f"{a} and {b}"))
    if written.comparisons[0].ceiling_line:
        print_result(written.comparisons[0].agreement_line)
