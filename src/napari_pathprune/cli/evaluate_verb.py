"""``pathprune evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Device, Json, make_table, print_json, print_result


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Model files or packaged names.")],
    data: Annotated[Path, typer.Option(help="Annotated images: a labelled folder, a PanNuke fold, or CoNSeP.")],
    only: Annotated[list[str] | None, typer.Option(help="Names of the images to score; all if not given.")] = None,
    zoom: Annotated[float, typer.Option(help="Magnification that brings the images to the model's mpp.")] = 1.0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score models on annotated images.

    PQ, DQ, SQ, AJI and Dice are means over images; mPQ+ (over types) and F1 (of centres) are pooled over nuclei.
    `--json` prints all scores, by type and by image. All models are scored on the same tiles, on every device.

    Example: `pathprune evaluate hovernet-s hovernet-s-compact --data data/`
    """
    from napari_pathprune.workflows.evaluate.evaluate import evaluate as run
    from napari_pathprune.workflows.evaluate.score import COLUMNS, ModelScored

    events = show_progress(run(models, data, only=tuple(only or ()), zoom=zoom, device=device), "scoring")
    scores = [event.score for event in events if isinstance(event, ModelScored)]
    if as_json:
        print_json({"scores": [score.to_dict() for score in scores]})
    else:  # one column a model, so that two models fit into 80 characters
        names, *rows = zip(COLUMNS, *(score.row() for score in scores), strict=True)
        print_result(make_table(names, rows, f"{data}"))
