"""Files are written completely or not at all."""

import errno
import os
from pathlib import Path

import pytest

from napari_pathprune.base.atomic import open_to_append, write_atomically


def test_the_file_gets_its_name_at_the_end(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with write_atomically(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["numbers.txt"]
    assert path.read_text() == "new"


def write_half_and_fail(path, error):
    with write_atomically(path) as partial:
        partial.write_text("half")
        raise error


def test_a_failure_leaves_nothing_behind_and_the_old_file_as_it_was(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half_and_fail(path, ZeroDivisionError())
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("[Errno 28] Error writing bytes: No space left on device"),
    ],
)
def test_a_full_disk_is_explained_in_one_line(tmp_path, error):
    path = tmp_path / "numbers.txt"
    with pytest.raises(
        OSError, match=r"disk full while writing; free some space and write again: .*numbers\.txt"
    ) as info:
        write_half_and_fail(path, error)
    assert info.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(PermissionError, match="not yours"):
        write_half_and_fail(tmp_path / "a", PermissionError(errno.EACCES, "not yours"))


def test_links_at_the_old_temporary_name_and_at_the_path_are_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    path = tmp_path / "run.json"
    (tmp_path / ".run.json.part").symlink_to(precious)
    path.symlink_to(precious)
    with write_atomically(path) as partial:
        assert not partial.is_symlink()
        partial.write_text("new")
    assert precious.read_text() == "mine"
    assert not path.is_symlink()
    assert path.read_text() == "new"


def test_the_content_is_on_the_disk_before_the_file_gets_its_name(tmp_path, monkeypatch):
    path, steps = tmp_path / "numbers.txt", []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append(path.exists()), real(handle)))
    with write_atomically(path) as partial:
        partial.write_text("new")
    assert steps == [False, True]


def test_a_new_file_has_the_usual_permissions_and_a_long_name_fits(tmp_path):
    path, usual = tmp_path / ("y" * 250), tmp_path / "usual"
    usual.touch()
    with write_atomically(path) as partial:
        partial.write_text("new")
    assert path.stat().st_mode == usual.stat().st_mode


def test_nothing_is_appended_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    (tmp_path / "log.csv").symlink_to(precious)
    with (
        pytest.raises(OSError, match=r"log\.csv is a link, and nothing is written through links"),
        open_to_append(tmp_path / "log.csv"),
    ):
        pass
    assert precious.read_text(encoding="utf-8") == "mine"


def test_a_link_that_comes_after_the_check_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    (tmp_path / "log.csv").symlink_to(precious)
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    with pytest.raises(OSError, match="is a link"), open_to_append(tmp_path / "log.csv"):
        pass
    assert precious.read_text(encoding="utf-8") == "mine"
