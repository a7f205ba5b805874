"""``pathprune evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Json, say, say_json, table_of


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Model files or packaged names.")],
    data: Annotated[Path, typer.Option(help="Annotated images: a labelled folder, a PanNuke fold, or CoNSeP.")],
    only: Annotated[list[str] | None, typer.Option(help="Names of the images to score; all if not given.")] = None,
    zoom: Annotated[float, typer.Option(help="Magnification that brings the images to the model's mpp.")] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Json = False,
) -> None:
    """Score models on annotated images.

    PQ, DQ, SQ, AJI and Dice are means over images; mPQ+ (over types) and F1 (of centres) are pooled over nuclei. With
    `--json` all scores, by type and by image. All models meet the images in the same tiles, on every device.

    Example: `pathprune evaluate hovernet-s hovernet-s-compact --data data/`
    """
    from napari_pathprune.workflows.evaluate.evaluate import evaluate as run
    from napari_pathprune.workflows.evaluate.score import COLUMNS, ModelScored

    events = show_progress(run(models, data, only=tuple(only or ()), zoom=zoom, device=device), "scoring")
    scores = [event.score for event in events if isinstance(event, ModelScored)]
    if as_json:
        say_json({"scores": [score.to_dict() for score in scores]})
    else:
        names, *rows = zip(COLUMNS, *(score.row() for score in scores), strict=True)  # a column a model: 80 fit two
        say(table_of(names, rows, f"{data}"))
