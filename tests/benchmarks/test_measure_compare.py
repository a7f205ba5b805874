"""The benchmark of comparisons runs on a small slide."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "compare"


def test_a_row_for_each_size(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    benchmark = import_module("measure_compare")
    monkeypatch.delitem(sys.modules, "measure_compare")
    monkeypatch.setattr(benchmark, "SIDES", (4, 6))
    benchmark.main()
    rows = [line.split("|")[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("| 2")]
    assert rows[0][0].strip() == "208 x 208"
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| ")]
    assert len(rows) == 3
