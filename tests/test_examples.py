"""The examples of the docstrings run and print what they show."""

from __future__ import annotations

import doctest
import importlib.util
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "napari_pathprune"
HAS_NAPARI = importlib.util.find_spec("napari") is not None
MODULES = [
    ".".join(("napari_pathprune", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8") and (HAS_NAPARI or "plugin" not in path.parts)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0
