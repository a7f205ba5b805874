"""No character of a file acts on a terminal."""

from __future__ import annotations

import os

import pytest

from napari_pathprune.base.plain_text import escape_controls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\0b\rc", r"a\x00b\rc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        (os.fsdecode(b"\xff"), r"\udcff"),
        ("[bold]x[/nope]", "[bold]x[/nope]"),
        ("two\nlines, µm, 细胞", "two\nlines, µm, 细胞"),
    ],
)
def test_only_characters_that_act_are_escaped(text: str, shown: str) -> None:
    assert escape_controls(text) == shown
    shown.encode()
