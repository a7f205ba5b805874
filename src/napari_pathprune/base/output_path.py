"""Checks of an output's path before any work is done."""

from __future__ import annotations

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
