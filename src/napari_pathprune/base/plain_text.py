"""Text of files and paths, made safe to show on a terminal."""

from __future__ import annotations

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
