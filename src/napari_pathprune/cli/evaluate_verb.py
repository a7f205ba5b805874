"""``pathprune evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Device, Json, make_table, print_json, print_result

SHIFT_PX: Final = 5
"""Largest shift of ``--shift`` without a number."""


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Model files or packaged names.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Annotated images: a labelled folder, a PanNuke fold, or CoNSeP. With --shift also slides and "
            "pictures; the packaged slide if not given."
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Names of the images to score; all if not given.")] = None,
    zoom: Annotated[float, typer.Option(help="Magnification that brings the images to the model's mpp.")] = 1.0,
    shift: Annotated[
        int | None,
        typer.Option(
            metavar="[PX]",
            help=f"Measure the ceiling of agreement instead: each model against itself on the images shifted by 1 to "
            f"PX px ({SHIFT_PX} without a number). No labels are needed.",
        ),
    ] = None,
    to_card: Annotated[
        bool, typer.Option("--to-card", help="Note the ceiling in the model files, for reports and docks.")
    ] = False,
    phases: Annotated[
        int,
        typer.Option(metavar="1|4", help="Average the maps over 4 shifts of half the stride, for 4 times the cost."),
    ] = 1,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score models on annotated images, or measure how well they agree with themselves (`--shift`).

    PQ, DQ, SQ, AJI and Dice are means over images; mPQ+ (over types) and F1 (of centres) are pooled over nuclei.
    `--json` prints all scores, by type and by image. All models are scored on the same tiles, on every device.

    Example: `pathprune evaluate hovernet-s hovernet-s-compact --data data/`
    """
    if shift is not None:
        _measure(models, data, shift, tuple(only or ()), zoom, device, phases, to_card=to_card, as_json=as_json)
        return
    if data is None:
        raise ValueError("got no images to score the models on; name a folder of annotated ones with --data")
    if to_card:
        raise ValueError("got --to-card without --shift; the card takes the ceiling of agreement only")
    from napari_pathprune.workflows.evaluate.evaluate import evaluate as run
    from napari_pathprune.workflows.evaluate.score import COLUMNS, ModelScored

    events = show_progress(
        run(models, data, only=tuple(only or ()), zoom=zoom, device=device, phases=phases), "scoring"
    )
    scores = [event.score for event in events if isinstance(event, ModelScored)]
    if as_json:
        print_json({"scores": [score.to_dict() for score in scores]})
    else:
        _print_columns(COLUMNS, [score.row() for score in scores], f"{data}")


def _measure(
    models: Sequence[str],
    data: Path | None,
    shift_px: int,
    only: Sequence[str],
    zoom: float,
    device: str,
    phases: int,
    *,
    to_card: bool,
    as_json: bool,
) -> None:
    """Measure the ceilings of agreement of models, print them, and note them in the cards if asked to."""
    from napari_pathprune.workflows.checkpoint_card import check_card, update_card
    from napari_pathprune.workflows.evaluate.measure_ceiling import COLUMNS, CeilingMeasured, measure_ceilings

    paths = [check_card(model) for model in models] if to_card else []
    events = show_progress(
        measure_ceilings(models, data, shift_px=shift_px, only=only, zoom=zoom, device=device, phases=phases),
        "shifting",
    )
    measured = [event for event in events if isinstance(event, CeilingMeasured)]
    for path, one in zip(paths, measured, strict=False):
        update_card(path, one.ceiling.to_card())
    if as_json:
        print_json({"ceilings": [one.to_dict() for one in measured]})
    else:
        _print_columns(
            COLUMNS, [one.row() for one in measured], f"each model against itself on {measured[0].ceiling.where}"
        )


def _print_columns(columns: Sequence[str], models: Sequence[Sequence[str]], title: str) -> None:
    """Print one column a model, so that two models fit into 80 characters."""
    names, *rows = zip(columns, *models, strict=True)
    print_result(make_table(names, rows, title))
