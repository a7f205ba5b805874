"""The workflows from a shell: ``pathprune --help``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Final

import typer

from napari_pathprune.base.error_line import error_line, is_mistake
from napari_pathprune.cli.compress_verb import compress
from napari_pathprune.cli.demo_verb import demo
from napari_pathprune.cli.evaluate_verb import evaluate
from napari_pathprune.cli.finetune_verb import finetune
from napari_pathprune.cli.info_verb import info
from napari_pathprune.cli.prune_verb import prune
from napari_pathprune.cli.segment_verb import segment
from napari_pathprune.cli.train_verb import train

MISTAKE: Final = 2
STOPPED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    help="Prune nuclei networks until they are interactive, and see what was lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for verb in (demo, info, prune, train, finetune, compress, segment, evaluate):
    app.command()(verb)


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
        if not is_mistake(error):
            raise
        print(f"pathprune: {error_line(error)}", file=sys.stderr)
        code = MISTAKE
    if code == STOPPED:
        print("pathprune: stopped", file=sys.stderr)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
