"""The plugin stays off private attributes and modules of napari and Qt."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "src" / "napari_pathprune" / "plugin").rglob("*.py")), ROOT / "docs" / "photograph_docks.py"]


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def find_private(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and any(map(is_private, (node.module or "").split("."))):
            yield f"line {node.lineno}: from {node.module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_private_attribute_of_another_object_is_used(path):
    assert list(find_private(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_private_access_is_found():
    code = "viewer.window._qt_window.resize(1, 2)\nfrom napari._qt import qt_viewer\nself._own = 1"
    assert sorted(find_private(ast.parse(code))) == ["line 1: viewer.window._qt_window", "line 2: from napari._qt"]
