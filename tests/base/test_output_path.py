"""A path that cannot be written is refused before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_pathprune.base.output_path import check_output_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (os.fsdecode(b"result\xff"), r"'result\\udcff' is not UTF-8"),
        (f"{os.fsdecode(b'folder-xff'.replace(b'x', bytes([255])))}/a.safetensors", "is not UTF-8"),
        ("a\0b", "null character"),
        ("细" * 90, "more than 255 bytes"),
    ],
)
def test_paths_that_no_library_could_write_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_output_path(Path(name))


def test_other_paths_pass() -> None:
    check_output_path(Path("[bold]x/quo'te\"/ünïcode_细胞"))
