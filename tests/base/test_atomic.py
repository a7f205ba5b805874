"""Files are written completely or not at all."""

import errno

import pytest

from napari_pathprune.base.atomic import write_atomically


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
