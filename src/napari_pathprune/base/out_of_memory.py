"""Whether an error means that memory ran out, on whichever device."""

from __future__ import annotations

import torch


def out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out: torch says it in another way for each device.

    Examples
    --------
    >>> out_of_memory(RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory"))
    True
    >>> out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    text = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in text for sign in ("out of memory", "can't allocate memory", "not enough memory")
    )
