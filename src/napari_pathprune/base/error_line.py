"""Any error in one line: what was got, what was wanted, what to do."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from napari_pathprune.base.out_of_memory import is_out_of_memory


def is_mistake(error: BaseException) -> bool:
    """Return whether the user can mend an error: bad input, a full disk, too little memory.

    Examples
    --------
    >>> is_mistake(ValueError("got a ratio of 2")), is_mistake(ZeroDivisionError())
    (True, False)
    """
    return isinstance(error, ValueError | OSError) or is_out_of_memory(error) or _usage(error) is not None


def error_line(error: BaseException) -> str:
    """Return one line that tells people what went wrong; the shell and the docks show the same.

    Errors that are not the user's are named by their type, as they belong into a bug report.

    Examples
    --------
    >>> error_line(NotADirectoryError(20, "Not a directory", "result"))
    'result is a file; a folder is wanted there'
    >>> error_line(MemoryError())
    'not enough memory: take a smaller region or a more compact model'
    >>> error_line(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    'not enough memory: take a smaller region or a more compact model'
    >>> error_line(MemoryError("not enough memory: take smaller patches"))
    'not enough memory: take smaller patches'
    >>> error_line(KeyError("np"))
    "unexpected KeyError: 'np'"
    """
    if is_out_of_memory(error):
        advice = str(error) if isinstance(error, MemoryError) else ""  # what torch says has many lines
        line = advice or "not enough memory: take a smaller region or a more compact model"
    elif isinstance(error, OSError):
        line = _of_system(error)
    elif isinstance(error, ValueError):
        line = str(error) or type(error).__name__
    else:
        line = _usage(error) or f"unexpected {type(error).__name__}: {error}".removesuffix(": ")
    return " ".join(line.split())


def first_line(error: BaseException, most: int = 120) -> str:
    r"""Return the first line of an error's message, shortened, to quote it in another message.

    Parameters
    ----------
    error
        Any error. If it has no message, the name of its type is returned.
    most
        Largest number of characters.

    Examples
    --------
    >>> first_line(RuntimeError("unexpected end of data\nTraceback ..."))
    'unexpected end of data'
    >>> first_line(KeyError())
    'KeyError'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0][:most]


def _usage(error: BaseException) -> str | None:
    """Return what typer says of an error of usage, whichever parser it has inside."""
    message = getattr(error, "format_message", None)
    return None if message is None else str(message())


def _of_system(error: OSError) -> str:
    if error.errno is None:  # one of ours, which says it all
        return str(error)
    where = error.filename or "the output"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"no space left on the disk for {where}; free some and run again"
    words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), None)
    return f"{where} {words}" if words else f"{where}: {error.strerror or error}"


_WORDS: Final[Mapping[type[OSError], str]] = MappingProxyType(
    {
        FileExistsError: "is a file; a folder is wanted there",
        NotADirectoryError: "is a file; a folder is wanted there",
        IsADirectoryError: "is a folder; a file is wanted there",
        PermissionError: "may not be read or written; check its permissions",
        FileNotFoundError: "does not exist, or cannot be made there",
    }
)
