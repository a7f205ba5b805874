"""A lock on an output, so that two processes do not write the same result."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAME: Final = ".pathprune.lock"
"""Name of the lock in a folder; an empty file."""
_HELD: Final = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})
_UNSUPPORTED: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


class OutputInUseError(ValueError):
    """Another run writes the same output."""


@contextmanager
def lock_output(path: Path) -> Iterator[None]:
    """Hold the lock on an output while the block runs.

    The operating system releases the lock when the process ends, however it ends, so that a killed run blocks nobody.
    Folders on file systems that know no locks, such as some network folders, are written without one.

    Parameters
    ----------
    path
        A folder, which is created if needed, or a file to write, whose folder must exist.

    Raises
    ------
    OutputInUseError
        If another run holds the lock.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "result"
    >>> folder.mkdir()
    >>> with lock_output(folder):
    ...     try:
    ...         lock_output(folder).__enter__()
    ...     except OutputInUseError as error:
    ...         print(str(error).replace(str(folder), "result"))
    result is being written by another run; wait until it has finished, or choose another output
    """
    if path.suffix != ".safetensors":
        path.mkdir(parents=True, exist_ok=True)
        file = path / NAME
    else:
        file = path.with_name(f".{path.name}.lock"[-250:])
    if file.is_symlink():
        raise ValueError(f"{file} is a link, and nothing is written through links; remove it")
    handle = _acquire(file, path)
    try:
        yield
    finally:
        if handle is not None:
            file.unlink(missing_ok=True)  # while it is locked: who opened it before notices that it has gone
            os.close(handle)


def _acquire(file: Path, path: Path) -> int | None:
    """Return a handle that holds the lock, or None on a file system without locks."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            _lock(handle)
            if os.name != "posix" or (file.exists() and os.path.samestat(file.stat(), os.fstat(handle))):
                return handle
        except OSError as error:
            os.close(handle)
            if error.errno in _UNSUPPORTED:
                return None
            if error.errno not in _HELD:
                raise
            raise OutputInUseError(
                f"{path} is being written by another run; wait until it has finished, or choose another output"
            ) from None
        os.close(handle)  # the run that held it has removed the file in the meantime


def _lock(handle: int) -> None:
    if os.name == "posix":
        import fcntl  # noqa: PLC0415 - Unix alone has it

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        import msvcrt  # noqa: PLC0415 - Windows alone has it

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
