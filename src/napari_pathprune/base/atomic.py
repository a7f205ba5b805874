"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to ``path`` when the block succeeds.

    If the block fails, the temporary file is removed and an existing file at ``path`` stays as it was.

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
    partial = path.with_name(f".{path.name}.part")
    try:
        with explain_full_disk(path):
            yield partial
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
