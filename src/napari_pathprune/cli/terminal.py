"""Results on the terminal, tables and text or JSON, and the arguments that most verbs share."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from napari_pathprune.base.output_path import check_output_path
from napari_pathprune.base.plain_text import escape_controls


def _check_out(path: Path) -> Path:
    check_output_path(path)
    return path


Model = Annotated[str, typer.Argument(help="A model file, or the name of a packaged model.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where to write the result.", callback=_check_out)]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to run the network.")]


def print_result(content: str | Table) -> None:
    """Print a text without markup and escape sequences, or a table."""
    content = escape_controls(content) if isinstance(content, str) else content
    Console().print(content, highlight=False, markup=False, soft_wrap=isinstance(content, str))


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """Return a table with the first column, of words, aligned left, and the others, of numbers, aligned right.

    Cells are shown as they are: brackets are not markup, and escape sequences are not obeyed.
    """
    table = Table(title=Text(escape_controls(title), style="table.title"))
    for index, column in enumerate(columns):
        table.add_column(Text(escape_controls(column)), justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(escape_controls(cell)) for cell in row))
    return table
