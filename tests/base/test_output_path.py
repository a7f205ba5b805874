"""A path that cannot be written is refused before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_pathprune.base.output_path import check_output_file, check_output_folder, check_output_path


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


def test_folders_that_cannot_be_written_are_refused_and_none_is_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "file/inner", "dangling/inner"):
        with pytest.raises(NotADirectoryError):
            check_output_folder(tmp_path / name)
    check_output_folder(tmp_path / "new" / "inner")
    assert not (tmp_path / "new").exists()


def test_files_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IsADirectoryError):
        check_output_file(tmp_path)
    with pytest.raises(NotADirectoryError):
        check_output_file(tmp_path / "file" / "report.html")
    with pytest.raises(ValueError, match="is not UTF-8"):
        check_output_file(tmp_path / os.fsdecode(b"report\xff.html"))
    check_output_file(tmp_path / "file")
    check_output_file(tmp_path / "new" / "report.html")
