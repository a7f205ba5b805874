"""``pathprune demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune.cli.show_progress import err, show_progress
from napari_pathprune.cli.terminal import Json, Out, say, say_json, table_of


def demo(
    out: Out = Path("pathprune-demo"),
    viewer: Annotated[bool, typer.Option("--viewer", help="Show the result in napari.")] = False,
    as_json: Json = False,
) -> None:
    """Do the main job on the packaged slide and model.

    Example: `pathprune demo --out pathprune-demo`
    """
    from napari_pathprune.workflows.demo.demo import COLUMNS, DemoDone, DemoStage, run_demo

    done = None
    for event in show_progress(run_demo(out), "demo"):
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
    from napari_pathprune.workflows.demo.demo import packaged_slide

    try:
        from napari_pathprune.plugin.layers.side_by_side import show_results
    except ImportError as error:
        raise ValueError(
            f"the viewer needs napari and Qt ({error.name} is missing): pip install 'napari-pathprune[all]'"
        ) from error
    show_results(packaged_slide(), folder)
