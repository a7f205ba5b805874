"""The structure of the package: no circles of imports, small folders, unique names, and a test file a module."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "src" / "napari_pathprune"
MOST_MODULES = 16
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [path for path in FILES if path.stem not in {"__init__", "__main__"}]


def name_module(path: Path, package: Path = PACKAGE) -> str:
    """Return the dotted name of a file, relative to the package; empty for the package itself."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def find_imports(path: Path, package: Path = PACKAGE) -> Iterator[str]:
    """Yield the names of everything that a file imports from the package, wherever in the file.

    A name may be a module or something in it; imports for types and imports inside functions count.
    """
    root = package.name
    here = [root, *path.relative_to(package).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == root or name.startswith(f"{root}."):
                yield name.removeprefix(root).removeprefix(".")


def draw_graph(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Return, for each module, the modules that it imports; a package stands for its ``__init__``."""
    files = {name_module(path, package): path for path in package.rglob("*.py")}
    graph: dict[str, set[str]] = defaultdict(set)
    for module, path in files.items():
        for name in find_imports(path, package):
            target = name
            while target not in files:  # something in a module: take the module
                target = target.rpartition(".")[0]
            if target != module:
                graph[module].add(target)
    return dict(graph)


def find_circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach each other."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        left = [start]
        while left:
            new = graph.get(left.pop(), set()) - seen
            seen |= new
            left.extend(new)
        return seen

    reached = {module: reach(module) for module in graph}
    circles = {
        tuple(sorted(other for other in reached[module] if module in reached.get(other, set())))
        for module in graph
        if module in reached[module]
    }
    return [list(circle) for circle in sorted(circles)]


def test_no_files_import_each_other_in_a_circle() -> None:
    assert find_circles(draw_graph()) == []


def test_a_circle_is_found_wherever_the_imports_are(tmp_path: Path) -> None:
    package = tmp_path / "house"
    (package / "room").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "room" / "__init__.py").touch()
    (package / "a.py").write_text("def f():\n    from house.room.b import g\n")
    (package / "room" / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import c\n")
    (package / "room" / "c.py").write_text("import house.a\nfrom ..d import x\n")
    (package / "d.py").write_text("import json\n")
    assert find_circles(draw_graph(package)) == [["a", "room.b", "room.c"]]


def test_few_modules_lie_side_by_side() -> None:
    counts = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in MODULES)
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_no_two_modules_have_the_same_name() -> None:
    counts = Counter(path.stem for path in MODULES)
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_two_test_files_have_the_same_name() -> None:
    counts = Counter(path.stem for path in TESTS.rglob("test_*.py"))
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_module_has_a_test_file_in_the_same_place() -> None:
    missing = [
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if not (TESTS / path.relative_to(PACKAGE).parent / f"test_{path.stem}.py").exists()
    ]
    assert missing == []
