"""Files that are whole or not there."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; it takes that name when the block ends well, and goes when it does not.

    Raises
    ------
    OSError
        If the file cannot be written; when the disk is full the message says so and what to do.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with explain_full_disk(path):
            yield partial
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def explain_full_disk(path: Path, advice: str = "free some space and write again") -> Iterator[None]:
    """Turn "no space left" into one line that names the file and what to do.

    Raises
    ------
    OSError
        As the block raised it, with the clearer message (``errno`` stays `errno.ENOSPC`).
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC and "no space left" not in str(error).lower():
            raise
        raise OSError(errno.ENOSPC, f"disk full while writing; {advice}", str(path)) from error
