"""``pathprune segment``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_pathprune.cli.options.arguments import assign_folders, parse_region
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Device, Json, Out, print_json, print_result


def segment(
    slides: Annotated[list[Path], typer.Argument(metavar="SLIDE...", help="Slides or pictures.")],
    model: Annotated[str, typer.Option(help="A model file, or the name of a packaged model.")],
    out: Out,
    region: Annotated[str | None, typer.Option(help="x,y,w,h in level-0 pixels; the whole slide if not given.")] = None,
    mpp: Annotated[float | None, typer.Option(help="Pixel size of the slide in um, if its file lacks it.")] = None,
    device: Device = "auto",
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Do not skip tiles without tissue.")] = False,
    phases: Annotated[
        int,
        typer.Option(metavar="1|4", help="Average the maps over 4 shifts of half the stride, for 4 times the cost."),
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Resume a stopped run; skip finished slides.")] = False,
    as_json: Json = False,
) -> None:
    """Segment the nuclei of slides. Writes labels.ome.zarr, instances.parquet, nuclei.geojson and run.json.

    Example: `pathprune segment slide.svs --model hovernet-s-compact -o result --region 0,0,1000,1000`
    """
    from napari_pathprune.inference.phases import check_phases
    from napari_pathprune.slides.reader import open_slide
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.segment.result_files import RUN
    from napari_pathprune.workflows.segment.result_folder import segment_to_folder
    from napari_pathprune.workflows.segment.run_facts import check_run

    check_phases(phases)
    checkpoint = load(model)
    folders = assign_folders(slides, out)
    results = []
    with ExitStack() as stack:  # an error in any slide shows before hours are spent on the first one
        opened = [stack.enter_context(open_slide(path, mpp=mpp)) for path in slides]
        boxes = [None if region is None else parse_region(region, slide.shape) for slide in opened]
        for slide, box, folder in zip(opened, boxes, folders, strict=True):
            check_run(slide, checkpoint, folder, model_name=model, region=box)
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
                phases=phases,
            )
            for _ in show_progress(events, path.name):
                pass
            results.append(json.loads((folder / RUN).read_text(encoding="utf-8")))
    if as_json:
        print_json({"results": results})
        return
    for result in results:
        print_result(
            f"{result['slide']}: {result['nuclei']} nuclei in {result['megapixels']:.1f} megapixels of "
            f"{result['model_mpp']:g} um, {result['seconds']:.0f} s; {_describe_skipped(result)}see {result['folder']}",
        )


def _describe_skipped(result: Mapping[str, Any]) -> str:
    """Return how much was skipped as glass; empty if nothing, or in the record of an earlier version."""
    skipped = result.get("skipped_megapixels", 0.0)
    return f"{skipped:.1f} megapixels without tissue were skipped (--everywhere segments them too); " if skipped else ""
