"""Out-of-memory errors of every device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ADVICE: Final = "take a smaller region or a more compact model"
"""What helps where no workflow knows better."""
_PREFIX: Final = "not enough memory: "
_SIGNS: Final = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "insufficient memory",
    "failed to allocate",
    "bad_alloc",
    "imcd_memory_error",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out; torch, OpenCV and decoders of images word it differently.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory"))
    True
    >>> is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError) and type(error).__module__ != "cv2":
        return False
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or any(sign in text for sign in _SIGNS)


def has_advice(error: BaseException) -> bool:
    """Return whether an error comes from `advise_on_memory`, so that its message states what to do."""
    return isinstance(error, MemoryError) and str(error).startswith(_PREFIX)


@contextmanager
def advise_on_memory(advice: str = ADVICE) -> Iterator[None]:
    """Turn every out-of-memory error of a block into a `MemoryError` that states what to do.

    Parameters
    ----------
    advice
        What helps in this workflow, such as "take smaller patches".

    Raises
    ------
    MemoryError
        If memory runs out inside the block. An error that already carries advice passes unchanged.

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
    except Exception as error:
        if not is_out_of_memory(error) or has_advice(error):
            raise
        raise MemoryError(f"{_PREFIX}{advice}") from error
