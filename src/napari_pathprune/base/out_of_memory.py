"""Errors that mean that memory ran out, on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NO_MEMORY: Final = "not enough memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out; torch words it differently for each device.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory"))
    True
    >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory")
    return type(error).__name__ == "OutOfMemoryError" or any(sign in text for sign in signs)


@contextmanager
def advise_on_memory(advice: str) -> Iterator[None]:
    """Turn any error that means "out of memory" into a `MemoryError` that says what to do.

    Parameters
    ----------
    advice
        What helps in this workflow, such as "take a smaller region".

    Raises
    ------
    MemoryError
        Where memory ran out inside the block; errors that carry advice already stay as they are.

    Examples
    --------
    >>> try:
    ...     with advise_on_memory("take smaller patches"):
    ...         raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    ... except MemoryError as error:
    ...     print(error)
    not enough memory: take smaller patches
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or str(error).startswith(_NO_MEMORY):
            raise
        raise MemoryError(f"{_NO_MEMORY}: {advice}") from error
