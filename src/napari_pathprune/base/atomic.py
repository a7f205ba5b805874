"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

MOST_NAME_BYTES: Final = 200
"""How much of a file's name its temporary name repeats; file systems allow 255 bytes."""


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to ``path`` when the block succeeds.

    If the block fails, the temporary file is removed and an existing file at ``path`` stays as it was. The temporary
    file has a new name that cannot be predicted, so that nothing else is overwritten. A link at ``path`` is replaced;
    the file that it points to stays as it was. The content is on the disk before the file gets its name.

    Parameters
    ----------
    path
        The file to write or replace; its folder must exist.

    Yields
    ------
    Path
        Where the block writes the content.

    Raises
    ------
    OSError
        If the file cannot be written; see `explain_full_disk` for the message when the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with write_atomically(path) as part:
    ...     _ = part.write_text("1 2 3")
    >>> [file.name for file in path.parent.iterdir()]
    ['numbers.txt']
    """
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    partial: Path | None = None
    try:
        with explain_full_disk(path):
            partial = _create_beside(path)
            yield partial
            flush_to_disk(partial)
            partial.replace(path)
            flush_to_disk(path.parent)
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


@contextmanager
def open_to_append(path: Path) -> Iterator[TextIO]:
    r"""Open a text file to add lines at its end, but never through a link.

    Parameters
    ----------
    path
        The file; created if it does not exist.

    Yields
    ------
    TextIO
        In UTF-8; line ends are written as they are.

    Raises
    ------
    OSError
        If the path is a link, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> for row in ("1,2", "3,4"):
    ...     with open_to_append(path) as file:
    ...         _ = file.write(row + "\n")
    >>> path.read_text().split()
    ['1,2', '3,4']
    """
    refused = OSError(f"{path} is a link, and nothing is written through links; remove it")
    if path.is_symlink():
        raise refused
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags, 0o666)
    except OSError as error:
        raise refused if error.errno == errno.ELOOP else error from error
    with explain_full_disk(path), os.fdopen(handle, "a", newline="", encoding="utf-8") as file:
        yield file


def _create_beside(path: Path) -> Path:
    """Create an empty file with a new name in the folder of a path, with the permissions that a new file has there."""
    start = os.fsdecode(os.fsencode(path.name)[:MOST_NAME_BYTES])
    try:
        handle, name = tempfile.mkstemp(prefix=f".{start}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        if os.name == "posix":
            mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o666 & ~_read_umask()
            with suppress(PermissionError):  # file systems without permissions
                os.fchmod(handle, mode)
    finally:
        os.close(handle)
    return Path(name)


def _read_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut.

    File systems that cannot do this are ignored, except that errors of the disk itself are raised.
    """
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in {errno.EIO, errno.ENOSPC, errno.EDQUOT}:
            raise
    finally:
        os.close(handle)


@contextmanager
def explain_full_disk(path: Path, advice: str = "free some space and write again") -> Iterator[None]:
    """Replace "no space left" errors by one that names the file and states what to do.

    Parameters
    ----------
    path
        The file or folder that the block writes.
    advice
        What to do, for the message.

    Raises
    ------
    OSError
        With `errno.ENOSPC`, if the disk is full. All other errors pass unchanged.

    Examples
    --------
    >>> try:
    ...     with explain_full_disk(Path("model.safetensors")):
    ...         raise OSError("No space left on device")
    ... except OSError as error:
    ...     print(error.strerror)
    disk full while writing; free some space and write again
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC and "no space left" not in str(error).lower():
            raise
        raise OSError(errno.ENOSPC, f"disk full while writing; {advice}", str(path)) from error
