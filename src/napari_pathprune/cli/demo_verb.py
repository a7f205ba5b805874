"""``pathprune demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Json, Out, make_table, print_json, print_result


def demo(
    out: Out = Path("pathprune-demo"),
    viewer: Annotated[bool, typer.Option("--viewer", help="Show the result in napari.")] = False,
    as_json: Json = False,
) -> None:
    """Do the main job on the packaged slide and model: prune, segment with both models, and compare.

    Example: `pathprune demo --out pathprune-demo`
    """
    from napari_pathprune.workflows.demo.demo import COLUMNS, DemoDone, run_demo

    *_, done = show_progress(run_demo(out), "demo")
    assert isinstance(done, DemoDone)
    if as_json:
        print_json(done.to_dict())
    else:
        print_result(make_table(COLUMNS, done.rows, "Dense and compact on the same tissue"))
        print_result(f"Look at {out / 'side-by-side.png'}; all other files are in the same folder.")
    if viewer:
        _show_in_viewer(out)


def _show_in_viewer(folder: Path) -> None:
    from napari_pathprune.base.packaged_file import packaged_file
    from napari_pathprune.workflows.demo.demo import SLIDE

    try:
        from napari_pathprune.plugin.layers.side_by_side import show_results
    except ImportError as error:
        raise ValueError(
            f"the viewer needs napari and Qt ({error.name} is missing): pip install 'napari-pathprune[all]'"
        ) from error
    show_results(packaged_file(SLIDE), folder)
