"""What the command line prints when it is through: a table or a line for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Model = Annotated[str, typer.Argument(help="A model file, or the name of a packaged model.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Where the result is written.")]


def say(content: str | Table) -> None:
    """Print a text, as it is, or a table."""
    Console().print(content, highlight=False, soft_wrap=isinstance(content, str))


def say_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """Make a table; the first column is of words, the others of numbers."""
    table = Table(title=title)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
