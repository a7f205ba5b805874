"""What went wrong, in one line: what was got, what was wanted, what to do."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

STOPPED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""
MISTAKE: Final = 2


def line_of(error: Exception) -> str | None:
    """Put a user's mistake into one line; None for an error that is the program's own.

    Examples
    --------
    >>> line_of(NotADirectoryError(20, "Not a directory", "result"))
    'result is a file; a folder is wanted there'
    >>> line_of(MemoryError())
    'not enough memory; take a smaller region'
    >>> line_of(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    'not enough memory; take a smaller region'
    >>> line_of(ZeroDivisionError()) is None
    True
    """
    if isinstance(error, OSError):
        return " ".join(_told(error).split())
    if isinstance(error, MemoryError):
        return f"{' '.join(str(error).split()) or 'not enough memory'}; take a smaller region"
    if isinstance(error, RuntimeError) and _ran_out(error):
        return line_of(MemoryError())  # what torch says has many lines, and means the same
    said = getattr(error, "format_message", None)  # typer's errors of usage, whichever parser it has inside
    if said is not None or isinstance(error, ValueError):
        return " ".join(str(said() if said is not None else error).split())
    return None


def _ran_out(error: RuntimeError) -> bool:
    from napari_pathprune.base.out_of_memory import out_of_memory  # noqa: PLC0415 - `--help` answers without torch

    return out_of_memory(error)


def _told(error: OSError) -> str:
    if error.errno is None:  # one of ours, which says it all
        return str(error)
    where = error.filename or "the output"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"no space left on the disk for {where}; free some and run again"
    said = next((words for kind, words in _SAID.items() if isinstance(error, kind)), None)
    return f"{where} {said}" if said else f"{where}: {error.strerror or error}"


_SAID: Final[Mapping[type[OSError], str]] = MappingProxyType(
    {
        FileExistsError: "is a file; a folder is wanted there",
        NotADirectoryError: "is a file; a folder is wanted there",
        IsADirectoryError: "is a folder; a file is wanted there",
        PermissionError: "may not be read or written; check its permissions",
        FileNotFoundError: "does not exist, or cannot be made there",
    }
)
