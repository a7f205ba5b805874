"""The benchmark of the data pipeline runs, so that renames do not break it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "data_pipeline" / "measure_pipeline.py"


@pytest.mark.usefixtures("two_convolutions_as_hovernet")
def test_it_prints_each_part_and_the_ratio(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("measure_pipeline", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "PATCH_PX", 64)
    monkeypatch.setattr(script, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(script.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(script.cv2, "setNumThreads", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["measure_pipeline.py", "--patches", "1", "--steps", "2"])
    script.main()
    printed = capsys.readouterr().out
    lines = [line.split(":")[0].strip() for line in printed.splitlines()]
    assert lines == ["geometry", "colours", "targets", "pipeline", "network, training", "ratio"]
    assert float(printed.splitlines()[-1].split(":")[1]) > 0
