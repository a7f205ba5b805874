"""The benchmark of previews runs each measure of a target."""

import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cut_preview" / "measure_cut_preview.py"


def test_each_measure_is_timed() -> None:
    rows = list(runpy.run_path(str(SCRIPT))["measure"]("hovernet-s-compact", range(50, 70, 10)))
    assert [name for name, _, _ in rows] == ["params", "macs", "latency", "channels", "macs, ten set by hand"]
    assert all(0 < median <= longest for _, median, longest in rows)
