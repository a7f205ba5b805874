"""Freed memory is kept where the C library supports it."""

from __future__ import annotations

import ctypes
import sys

import pytest

from napari_pathprune.base.allocator import keep_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt belongs to glibc")
def test_glibc_keeps_freed_memory() -> None:
    assert keep_freed_memory() is hasattr(ctypes.CDLL(None), "mallopt")


def test_other_systems_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False


def test_another_c_library_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False
