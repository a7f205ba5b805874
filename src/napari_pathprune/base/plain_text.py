"""Text of files and paths, made safe to show on a terminal and in logs."""

from __future__ import annotations

import logging
import traceback
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that act instead of being shown: controls, directions, surrogates, line ends."""
_KEPT: Final = frozenset("\n\t\u200d\u200c")
"""Line ends and tabs that this package writes itself, and the joiners of scripts that need them."""


def escape_controls(text: str) -> str:
    r"""Return a text in which characters that a terminal would obey are written as escapes.

    Texts come from model files, slides and paths, and could move the cursor, change colours or set the window's title.
    Bytes of a path that are not Unicode, which Python stores as surrogates, could not be printed at all.

    Parameters
    ----------
    text
        Any text. Line feeds and tabs stay.

    Examples
    --------
    >>> escape_controls("\x1b[31mred")
    '\\x1b[31mred'
    >>> escape_controls("µm, 细胞")
    'µm, 细胞'
    """
    if text.isprintable():
        return text
    return "".join(_escape(one) for one in text)


def _escape(one: str) -> str:
    if one in _KEPT or unicodedata.category(one) not in _HIDDEN:
        return one
    return one.encode("unicode_escape").decode("ascii")


def get_plain_logger(name: str) -> logging.Logger:
    r"""Return a logger that escapes what it is asked to insert into a message, and the tracebacks of errors.

    Names of files, texts of model files and messages of other libraries could move the cursor, change colours or fake
    lines of the log. Line feeds and tabs are escaped too, except in tracebacks. Numbers stay numbers.

    Parameters
    ----------
    name
        Name of the module.

    Examples
    --------
    >>> logger = get_plain_logger("napari_pathprune.example")
    >>> record = logger.makeRecord("", logging.WARNING, "", 0, "left out: %s", ("a\x1b[31m.png",), None)
    >>> _ = logger.filter(record)
    >>> record.getMessage()
    'left out: a\\x1b[31m.png'
    """
    logger = logging.getLogger(name)
    logger.addFilter(_escape_record)
    return logger


def _escape_record(record: logging.LogRecord) -> bool:
    """Escape the arguments of a record; it is always kept."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            value if isinstance(value, int | float) else _escape_argument(value) for value in record.args
        )
    if record.exc_info and not record.exc_text:
        record.exc_text = escape_controls("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    return True


def _escape_argument(value: object) -> str:
    return escape_controls(str(value)).replace("\n", "\\n").replace("\t", "\\t")
