"""The one-line message for any error; the command line and the docks show the same."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from napari_pathprune.base.out_of_memory import ADVICE, has_advice, is_out_of_memory
from napari_pathprune.base.plain_text import escape_controls


def is_mistake(error: BaseException) -> bool:
    """Return whether the user can solve an error: bad input, a full disk, too little memory.

    Examples
    --------
    >>> is_mistake(ValueError("got ratio=2")), is_mistake(ZeroDivisionError())
    (True, False)
    """
    return isinstance(error, ValueError | OSError) or is_out_of_memory(error) or _usage(error) is not None


def error_line(error: BaseException) -> str:
    """Return one line that states what went wrong and, where possible, what to do.

    Characters of file names and model files that a terminal would obey are escaped.

    Unexpected errors, which belong in a bug report, are named by their type.

    Parameters
    ----------
    error
        An error of any kind, usage errors of the command line included.

    Examples
    --------
    >>> error_line(NotADirectoryError(20, "Not a directory", "result"))
    'result is a file; expected a folder'
    >>> error_line(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    'not enough memory: take a smaller region or a more compact model'
    >>> error_line(MemoryError("not enough memory: take smaller patches"))
    'not enough memory: take smaller patches'
    >>> error_line(KeyError("np"))
    "unexpected KeyError: 'np'"
    """
    if has_advice(error):
        line = str(error)
    elif is_out_of_memory(error):  # torch's own message has many lines, and numpy's has no advice
        line = f"not enough memory: {ADVICE}"
    elif isinstance(error, OSError):
        line = _describe_os_error(error)
    elif isinstance(error, ValueError):
        line = str(error) or type(error).__name__
    else:
        line = _usage(error) or f"unexpected {type(error).__name__}: {error}".removesuffix(": ")
    return escape_controls(" ".join(line.split()))


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
    """Return typer's message of a usage error, whichever parser typer uses; None for other errors."""
    message = getattr(error, "format_message", None)
    return None if message is None else str(message())


def _describe_os_error(error: OSError) -> str:
    if error.errno is None:  # raised by this package, with a complete message
        return str(error)
    where = error.filename or "the output"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"no space left on the disk for {where}; free some and run again"
    words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), None)
    return f"{where} {words}" if words else f"{where}: {error.strerror or error}"


_WORDS: Final[Mapping[type[OSError], str]] = MappingProxyType(
    {
        FileExistsError: "is a file; expected a folder",
        NotADirectoryError: "is a file; expected a folder",
        IsADirectoryError: "is a folder; expected a file",
        PermissionError: "cannot be read or written; check its permissions",
        FileNotFoundError: "does not exist, or cannot be created there",
    }
)
