"""Every error has one line, and the errors that a user can solve are known."""

from __future__ import annotations

import errno

import click
import pytest
import torch

from napari_pathprune.base.error_line import error_line, first_line, is_mistake

NO_MEMORY = "not enough memory: take a smaller region or a more compact model"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("got ratio=2;\nexpected a value below 1"), "got ratio=2; expected a value below 1"),
        (ValueError(), "ValueError"),
        (ValueError("no type '\x1b[2Jred'"), r"no type '\x1b[2Jred'"),
        (
            FileNotFoundError(errno.ENOENT, "no", "\x1b]0;a\x07"),
            r"\x1b]0;a\x07 does not exist, or cannot be created there",
        ),
        (MemoryError(), NO_MEMORY),
        (MemoryError("not enough memory: take smaller patches"), "not enough memory: take smaller patches"),
        (torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB."), NO_MEMORY),
        (MemoryError("Unable to allocate 8. GiB for an array with shape (9, 9)"), NO_MEMORY),
        (OSError("disk full while writing a"), "disk full while writing a"),
        (
            OSError(errno.ENOSPC, "No space left", "a.png"),
            "no space left on the disk for a.png; free some and run again",
        ),
        (OSError(errno.ENOSPC, "No space left"), "no space left on the disk for the output; free some and run again"),
        (FileExistsError(errno.EEXIST, "File exists", "out"), "out is a file; expected a folder"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "out"), "out is a folder; expected a file"),
        (PermissionError(errno.EACCES, "no", "/root"), "/root cannot be read or written; check its permissions"),
        (FileNotFoundError(errno.ENOENT, "no", "a/b"), "a/b does not exist, or cannot be created there"),
        (OSError(errno.EIO, "Input/output error", "a"), "a: Input/output error"),
        (click.UsageError("Missing option '-o'."), "Missing option '-o'."),
    ],
)
def test_an_error_that_a_user_can_solve_is_one_line(error: BaseException, line: str) -> None:
    assert error_line(error) == line
    assert is_mistake(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("np"), "unexpected KeyError: 'np'"),
        (RuntimeError("shapes cannot be\nmultiplied"), "unexpected RuntimeError: shapes cannot be multiplied"),
        (AssertionError(), "unexpected AssertionError"),
    ],
)
def test_an_unexpected_error_is_named_by_its_type(error: BaseException, line: str) -> None:
    assert error_line(error) == line
    assert not is_mistake(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("unexpected end\nTraceback"), "unexpected end"),
        (RuntimeError("\n  indented\n"), "indented"),
        (KeyError(), "KeyError"),
        (ValueError("x" * 200), "x" * 120),
    ],
)
def test_the_first_line_is_short_enough_to_quote(error: BaseException, line: str) -> None:
    assert first_line(error) == line
