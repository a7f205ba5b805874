"""The command line ``pathprune``: its verbs, its exit codes, and one line for any error."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Final

import typer

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.error_line import error_line, is_mistake
from napari_pathprune.base.event_log import ProcessEnded, log_event
from napari_pathprune.base.plain_text import escape_controls
from napari_pathprune.cli.compare_verb import compare
from napari_pathprune.cli.compress_verb import compress
from napari_pathprune.cli.demo_verb import demo
from napari_pathprune.cli.evaluate_verb import SHIFT_PX, evaluate
from napari_pathprune.cli.finetune_verb import finetune
from napari_pathprune.cli.info_verb import info
from napari_pathprune.cli.options.arguments import complete_option, repeat_option
from napari_pathprune.cli.options.field_options import expand_options
from napari_pathprune.cli.prune_verb import prune
from napari_pathprune.cli.segment_verb import segment
from napari_pathprune.cli.train_verb import train

UNEXPECTED: Final = 1
"""Exit code after any other error; a traceback is printed."""
MISTAKE: Final = 2
"""Exit code after an error that the user can solve."""
STOPPED: Final = 130
"""Exit code after Ctrl-C, as in shells."""
UNLABELLED: Final = "--unlabelled"
"""The option that takes several values in a row, as a shell expands ``slides/*.svs``."""
SHIFT: Final = "--shift"
"""The option of ``evaluate`` that may stand without its number."""
VERBS: Final = (demo, info, prune, train, finetune, compress, segment, compare, evaluate)


def build_app(verb: str | None = None) -> typer.Typer:
    """Return the typer application.

    Parameters
    ----------
    verb
        Name of the only verb that is called. The others are listed without the options of their settings, which take
        seconds to import. None for complete options of all verbs.
    """
    app = typer.Typer(
        help="Prune nuclei networks until they are interactive, and see what was lost.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    for one in VERBS:
        app.command()(expand_options(one, drop=verb not in {None, one.__name__}))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its code.

    An error that the user can solve ends with one clear line and exit code 2; Ctrl-C with exit code 130.

    Parameters
    ----------
    arguments
        The words after ``pathprune``; None for those of this process.
    """
    keep_freed_memory()
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # error_line describes damaged files in one line
    for stream in (sys.stdout, sys.stderr):  # a terminal without Unicode shows escapes instead of a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    given = repeat_option(sys.argv[1:] if arguments is None else arguments, UNLABELLED) or ["--help"]
    given = complete_option(given, SHIFT, SHIFT_PX) if given[0] == evaluate.__name__ else given
    line = ""
    try:
        code = build_app(given[0])(args=given, prog_name="pathprune", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = STOPPED
    except Exception as error:
        line = error_line(error)
        if not is_mistake(error):
            log_event(ProcessEnded(UNEXPECTED, line))
            sys.excepthook = _print_traceback
            raise
        print(f"pathprune: {line}", file=sys.stderr)
        code = MISTAKE
    if code == STOPPED:
        print("pathprune: stopped", file=sys.stderr)
    log_event(ProcessEnded(code or 0, line))
    sys.exit(code or 0)


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an unexpected error without what a terminal would obey."""
    print(escape_controls("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)
