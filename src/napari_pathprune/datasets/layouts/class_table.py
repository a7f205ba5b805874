"""Tables of the class of each nucleus, as programs and spreadsheets write them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

SEPARATORS: Final = (",", ";", "\t")


def read_class_table(path: Path, columns: Sequence[str]) -> list[Mapping[str, str]]:
    r"""Return the rows of a table of classes, by the names of its columns in lower case.

    Commas, semicolons and tabs separate columns; a byte order mark, spaces around names, and capitals do not matter.

    Parameters
    ----------
    path
        The file, UTF-8.
    columns
        Columns that the table must have.

    Raises
    ------
    ValueError
        If the file is not such a table; the message names its columns.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.csv")
    >>> _ = path.write_text("Label; Class_name\n3; muscle\n")
    >>> read_class_table(path, ["label", "class_name"])
    [{'label': '3', 'class_name': 'muscle'}]
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        header = text.partition("\n")[0]
        separator = max(SEPARATORS, key=header.count)
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except (csv.Error, UnicodeDecodeError) as error:
        raise make_table_error(path, columns, "it is not a text in UTF-8") from error
    names = [name.strip().casefold() for name in lines[0]] if lines else []
    if not set(columns) <= set(names):
        raise make_table_error(path, columns, f"found {', '.join(map(repr, names[:6])) or 'nothing'}")
    rows = (line for line in lines[1:] if any(cell.strip() for cell in line))
    return [dict(zip(names, (cell.strip() for cell in line), strict=False)) for line in rows]


def parse_number(path: Path, columns: Sequence[str], row: Mapping[str, str], column: str) -> int:
    """Return a whole number of a row; numbers such as ``3.0`` count.

    Raises
    ------
    ValueError
        If it is something else; the message shows the row.
    """
    text = row.get(column, "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        shown = ", ".join(row.values())[:60]
        raise make_table_error(path, columns, f"{column} is {text!r} in the row {shown!r}, which is not a whole number")
    return int(number)


def make_table_error(path: Path, columns: Sequence[str], problem: str) -> ValueError:
    """Return the error for a file that is not a table of classes."""
    return ValueError(f"{path} is not a table of classes; expected columns {', '.join(columns)}; {problem}")
