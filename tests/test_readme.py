"""The README's lines and figures are true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_readmes_test_line() -> None:
    shown = re.search(r"<!-- the test line -->\n```sh\n(.+)\n```", README)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    picked = subprocess.run(
        ["sed", "-n", "/<!-- the test line -->/,/^```$/p", str(ROOT / "README.md")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown is not None
    assert picked.stdout.splitlines()[2] == shown[1]
    assert "sed -n '/<!-- the test line -->/,/^```$/p' README.md | sed -n '3p'" in script


def test_the_demo_line_runs_the_demo() -> None:
    shown = re.search(r"<!-- the demo line -->\n```sh\n(.+)\n```", README)
    assert shown is not None
    assert shown[1].endswith("&& pathprune demo")


def test_pictures_and_files_that_the_readme_shows_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if not link.startswith("http")]
    assert local
    assert not [link for link in local if not (ROOT / link).exists()]


def test_the_readmes_python_runs() -> None:
    blocks = re.findall(r"```python\n(.+?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - the README of this project


def test_every_command_that_the_readme_shows_exists() -> None:
    from typer.main import get_command

    from napari_pathprune.cli import build_app

    verbs = set(re.findall(r"^pathprune (\w+)", README, flags=re.MULTILINE))
    assert verbs
    assert verbs <= set(get_command(build_app()).commands)  # type: ignore[attr-defined]
