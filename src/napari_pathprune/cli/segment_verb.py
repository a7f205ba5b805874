"""``pathprune segment``."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune.cli.arguments import folders_of, region_of
from napari_pathprune.cli.show_progress import err, show_progress
from napari_pathprune.cli.terminal import Json, Out, say, say_json


def segment(
    slides: Annotated[list[Path], typer.Argument(metavar="SLIDE...", help="Slides or pictures.")],
    model: Annotated[str, typer.Option(help="A model file, or the name of a packaged model.")],
    out: Out,
    region: Annotated[str | None, typer.Option(help="x,y,w,h in level-0 pixels; the whole slide if not given.")] = None,
    mpp: Annotated[float | None, typer.Option(help="Pixel size of the slide in um, if it does not say.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Do not skip tiles without tissue.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Find the nuclei of slides. Writes labels.ome.zarr, instances.parquet, nuclei.geojson and run.json.

    Example: `pathprune segment slide.svs --model hovernet-s-compact -o result --region 0,0,1000,1000`
    """
    from napari_pathprune.slides.reader import open_slide
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.segment.result_folder import segment_to_folder

    checkpoint = load(model)
    folders = folders_of(slides, out)
    results = []
    with ExitStack() as stack:  # a mistake in any slide shows before hours are spent on the first one
        opened = [stack.enter_context(open_slide(path, mpp=mpp)) for path in slides]
        boxes = [None if region is None else region_of(region, slide.shape) for slide in opened]
        for path, slide, box, folder in zip(slides, opened, boxes, folders, strict=True):
            events = segment_to_folder(
                slide,
                checkpoint,
                folder,
                model_name=model,
                region=box,
                device=device,
                tissue_only=not everywhere,
                resume=resume,
            )
            for event in show_progress(events, path.name):
                note = getattr(event, "note", None)
                if note:
                    err.print(note, highlight=False)
            results.append(json.loads((folder / "run.json").read_text(encoding="utf-8")))
    if as_json:
        say_json({"results": results})
        return
    for result in results:
        say(
            f"{result['slide']}: {result['nuclei']} nuclei in {result['megapixels']:.1f} megapixels of "
            f"{result['model_mpp']:g} um, {result['seconds']:.0f} s; see {result['folder']}",
        )
