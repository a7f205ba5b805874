"""Freed memory is kept where the C library can be asked to."""

from __future__ import annotations

import ctypes
import sys

import pytest

from napari_pathprune.base.allocator import keep_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_glibc_is_asked() -> None:
    assert keep_freed_memory() is hasattr(ctypes.CDLL(None), "mallopt")


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
