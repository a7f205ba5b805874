"""``pathprune demo`` prints the table of the demo once, and names what the viewer lacks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_pathprune.workflows.demo import demo as module
from napari_pathprune.workflows.demo.demo import DemoDone, DemoEvent, DemoStage

ROW = ("hovernet-s", "1,000", "100 G", "2.0", "77", "1.000")


@pytest.fixture(autouse=True)
def _no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_demo(folder: Path) -> Iterator[DemoEvent]:
        yield DemoStage("pruning hovernet-s ...")
        yield DemoDone(folder, (ROW,))

    monkeypatch.setattr(module, "run_demo", run_demo)


def test_the_table_is_printed(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--out", tmp_path) == 0
    shown = capsys.readouterr()
    assert shown.err.count("pruning hovernet-s ...") == 1
    assert "1,000" in shown.out
    assert "side-by-side.png" in shown.out


def test_json_holds_the_rows(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--out", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [list(ROW)]


def test_a_missing_viewer_is_named(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "napari_pathprune.plugin.layers.side_by_side", None)
    assert run("demo", "--out", tmp_path, "--viewer") == 2
    assert "pip install 'napari-pathprune[all]'" in capsys.readouterr().err
