"""The workflows from a shell: ``pathprune --help``."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune import cli_training
from napari_pathprune.arguments import folders_of, region_of
from napari_pathprune.mistakes import MISTAKE, STOPPED, line_of
from napari_pathprune.progress import err, followed
from napari_pathprune.terminal import Json, Model, Out, say, say_json, table_of

app = typer.Typer(
    help="Prune nuclei networks until they are interactive, and see what was lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake ends with one clear line and exit code 2."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it says of a damaged file, we say in one line
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(args=given or ["--help"], prog_name="pathprune", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = STOPPED
    except Exception as error:
        line = line_of(error)
        if line is None:
            raise
        print(f"pathprune: {line}", file=sys.stderr)
        code = MISTAKE
    if code == STOPPED:
        print("pathprune: stopped", file=sys.stderr)
    sys.exit(code or 0)


@app.command()
def demo(
    out: Out = Path("pathprune-demo"),
    viewer: Annotated[bool, typer.Option("--viewer", help="Show the result in napari.")] = False,
    as_json: Json = False,
) -> None:
    """Do the main job on the packaged slide and model.

    Example: `pathprune demo --out pathprune-demo`
    """
    from napari_pathprune.workflows.demo import COLUMNS, DemoDone, DemoStage, run_demo

    done = None
    for event in followed(run_demo(out), "demo"):
        if isinstance(event, DemoStage):
            err.print(event.line, highlight=False)
        elif isinstance(event, DemoDone):
            done = event
    assert done is not None
    if as_json:
        say_json(done.to_dict())
    else:
        say(table_of(COLUMNS, done.rows, "Dense and compact on the same tissue"))
        say(f"Look at {out / 'side-by-side.png'}; everything else lies beside it.")
    if viewer:
        _show(out)


def _show(folder: Path) -> None:
    from napari_pathprune.workflows.demo import packaged_slide

    try:
        from napari_pathprune.plugin.side_by_side import show_results
    except ImportError as error:
        raise ValueError(
            f"the viewer needs napari and Qt ({error.name} is missing): pip install 'napari-pathprune[all]'"
        ) from error
    show_results(packaged_slide(), folder)


@app.command()
def info(model: Model, as_json: Json = False) -> None:
    """Tell what a model is, what it costs, what happened to it, and its channel groups.

    Example: `pathprune info hovernet-s`
    """
    from napari_pathprune.workflows.describe import describe

    description = describe(model)
    if as_json:
        say_json(description.to_dict())
        return
    say(table_of(("", "value"), description.facts(), str(model)))
    say(table_of(description.GROUP_COLUMNS, description.group_rows(), "Channel groups"))


@app.command()
def prune(
    model: Model,
    out: Out,
    ratio: Annotated[float | None, typer.Option(help="Share of channels to remove, 0 to below 1.")] = None,
    params: Annotated[float | None, typer.Option(help="Share of the parameters to keep.")] = None,
    macs: Annotated[float | None, typer.Option(help="Share of the multiply-accumulates to keep.")] = None,
    faster: Annotated[float | None, typer.Option(help="How many times faster to run, as measured here.")] = None,
    criterion: Annotated[str, typer.Option(help="How filters are scored: l1, l2, bn_scale, fpgm, random.")] = "l2",
    decider: Annotated[
        str, typer.Option(help="Who decides in shared channels: producers, mean, sum, max, convolved, shortcut.")
    ] = "producers",
    scope: Annotated[str, typer.Option(help="local (the same ratio in every group) or global.")] = "local",
    first: Annotated[str | None, typer.Option(help="Groups to prune before the others: internal or skip.")] = None,
    max_skip_ratio: Annotated[float | None, typer.Option(help="Cap on the ratio of skip groups.")] = None,
    cap: Annotated[
        list[str] | None, typer.Option(metavar="GLOB=R", help="Cap on the ratio of groups by name; repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Groups by name that stay whole; repeatable.")
    ] = None,
    round_to: Annotated[int, typer.Option(help="Keep multiples of so many channels.")] = 1,
    min_channels: Annotated[int, typer.Option(help="Keep at least so many channels in every group.")] = 1,
    as_json: Json = False,
) -> None:
    """Prune a model in one shot; layers that are added to each other lose the same channels.

    `pathprune info MODEL` lists the channel groups that `--keep` and `--cap` name.

    Example: `pathprune prune hovernet-s -o small.safetensors --params 0.1`
    """
    from napari_pathprune.pruning.limits import cap_of
    from napari_pathprune.workflows.prune import PruneTarget, prune_checkpoint

    target = PruneTarget.from_shares(ratio=ratio, params=params, macs=macs, faster=faster)
    report = prune_checkpoint(
        model,
        out,
        target,
        criterion=criterion,
        decider=decider,  # type: ignore[arg-type] # what these words may be, the engine says
        scope=scope,  # type: ignore[arg-type]
        first=first,  # type: ignore[arg-type]
        max_skip_ratio=max_skip_ratio,
        caps=dict(map(cap_of, cap or ())),
        keep=keep or (),
        round_to=round_to,
        min_channels=min_channels,
    )
    if as_json:
        say_json(report.to_dict())
    else:
        say(report.summary())


app.command()(cli_training.train)
app.command()(cli_training.finetune)
app.command()(cli_training.compress)


@app.command()
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
    from napari_pathprune.workflows.results import segment_to_folder

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
            for event in followed(events, path.name):
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


@app.command()
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
    from napari_pathprune.workflows.evaluate import evaluate as run
    from napari_pathprune.workflows.score import COLUMNS, Score

    events = followed(run(models, data, only=tuple(only or ()), zoom=zoom, device=device), "scoring")
    scores = [event for event in events if isinstance(event, Score)]
    if as_json:
        say_json({"scores": [score.to_dict() for score in scores]})
    else:
        names, *rows = zip(COLUMNS, *(score.row() for score in scores), strict=True)  # a column a model: 80 fit two
        say(table_of(names, rows, f"{data}"))


if __name__ == "__main__":
    main()
