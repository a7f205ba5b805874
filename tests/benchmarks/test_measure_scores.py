"""The benchmark of scores runs and measures the maps that its table lists."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "scores"


def test_rows_are_those_of_the_committed_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    benchmark = import_module("measure_scores")
    monkeypatch.delitem(sys.modules, "measure_scores")
    monkeypatch.setattr(benchmark, "REPEATS", 1)
    benchmark.main()
    rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines() if line.startswith("| `")]
    table = [line.split("|")[1:4] for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert rows == table
    assert len(rows) == 3
