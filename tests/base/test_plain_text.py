"""No character of a file acts on a terminal."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_pathprune.base import plain_text
from napari_pathprune.base.plain_text import escape_controls, get_plain_logger


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


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = get_plain_logger("napari_pathprune.tests.plain_text")
    yield logger
    logger.filters.clear()


def test_what_is_inserted_into_a_log_is_escaped(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("%d of %s: %s", 3, Path("a\x1b]0;title\x07.png"), ValueError("b\nWARNING: fake\ud800"))
    (record,) = caplog.records
    assert record.getMessage() == r"3 of a\x1b]0;title\x07.png: b\nWARNING: fake\ud800"
    assert record.args is not None
    assert record.args[0] == 3


def test_tracebacks_in_a_log_are_escaped(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    try:
        {}["\x1b[2J"]
    except KeyError:
        logger.exception("%s failed", "job\x1b[1m")
    assert "\x1b" not in caplog.text
    assert r"KeyError: '\x1b[2J'" in caplog.text
    assert "Traceback" in caplog.text


def test_every_logger_of_the_package_is_a_plain_one() -> None:
    source = Path(plain_text.__file__).parents[1]
    places = [path for path in source.rglob("*.py") if "getLogger(__name__)" in path.read_text(encoding="utf-8")]
    assert places == []
