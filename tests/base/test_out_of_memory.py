"""Out-of-memory errors of every device are recognised, and carry advice."""

import cv2
import pytest
import torch

from napari_pathprune.base.out_of_memory import advise_on_memory, has_advice, is_out_of_memory

ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    cv2.error("Failed to allocate 400 bytes in function 'OutOfMemoryError'"),
    RuntimeError("Insufficient memory (case 4)"),
    RuntimeError("imcd_lzw_decode returned IMCD_MEMORY_ERROR"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]
OTHERS = [
    cv2.error("bad argument"),
    RuntimeError("shapes cannot be multiplied"),
    ValueError("memory"),
    OSError(28, "x"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_out_of_memory_is_recognised(error):
    assert is_out_of_memory(error)
    assert not has_advice(error)


@pytest.mark.parametrize("error", OTHERS)
def test_other_errors_are_not_out_of_memory(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", ERRORS)
def test_the_advice_becomes_the_message(error):
    with (
        pytest.raises(MemoryError, match=r"^not enough memory: take a smaller region$") as caught,
        advise_on_memory("take a smaller region"),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert has_advice(caught.value)


@pytest.mark.parametrize("error", OTHERS)
def test_other_errors_pass_unchanged(error):
    with pytest.raises(type(error)) as caught, advise_on_memory("take a smaller region"):
        raise error
    assert caught.value is error


def test_the_advice_of_the_inner_block_counts():
    with (
        pytest.raises(MemoryError, match="take smaller patches"),
        advise_on_memory("take a smaller region"),
        advise_on_memory("take smaller patches"),
    ):
        raise MemoryError
