"""Checks of an output's path before any work is done."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from napari_pathprune.base.plain_text import escape_controls


def check_output_path(path: Path) -> None:
    r"""Raise if nothing can be written at a path because of how it is spelled.

    Libraries for Zarr and Parquet take paths in UTF-8 only, and would fail at the end of a run.

    Parameters
    ----------
    path
        A file or folder to write; it need not exist.

    Raises
    ------
    ValueError
        If the path is empty, is not UTF-8, or has a name that is too long.

    Examples
    --------
    >>> check_output_path(Path("result"))
    >>> check_output_path(Path("result\udcff"))
    Traceback (most recent call last):
    ...
    ValueError: the output path 'result\udcff' is not UTF-8; choose another name
    """
    shown = escape_controls(str(path))
    try:
        encoded = [part.encode() for part in path.absolute().parts]
    except UnicodeEncodeError:
        raise ValueError(f"the output path '{shown}' is not UTF-8; choose another name") from None
    if any(b"\0" in part for part in encoded):
        raise ValueError(f"the output path '{shown}' holds a null character; choose another name")
    if any(len(part) > 255 for part in encoded):
        raise ValueError(f"the output path '{shown}' has a name of more than 255 bytes; choose a shorter one")


def check_output_folder(path: Path) -> None:
    """Raise if a folder cannot be written or created. Nothing is created.

    Raises
    ------
    ValueError
        As `check_output_path`.
    OSError
        If the folder, or the one that it would be created in, is no folder or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> check_output_folder(Path(tempfile.mkdtemp()) / "new" / "result")
    """
    check_output_path(path)
    existing = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(existing))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "Permission denied", str(existing))


def check_output_file(path: Path) -> None:
    """Raise if a file, in a folder that is created if needed, cannot be written. Nothing is created.

    Raises
    ------
    ValueError
        As `check_output_path`.
    OSError
        If the path is that of a folder, or its folder cannot be written or created.

    Examples
    --------
    >>> import tempfile
    >>> check_output_file(Path(tempfile.mkdtemp()) / "new" / "report.html")
    """
    check_output_path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    check_output_folder(path.absolute().parent)
