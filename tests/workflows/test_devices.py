"""The same command on several devices, here two processes of one computer."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

from napari_pathprune.workflows.checkpoint import load


def test_two_devices_share_every_batch(annotated_folder: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "train.toml", tmp_path / "model.safetensors"
    config.write_text(
        f"""
[model]
width = 0.0625
[fit]
steps = 3
batch = 2
accelerator = "cpu"
validate_every = 2
[patches]
patch_px = 96
[[data]]
folder = "{annotated_folder}"
only = ["one"]
[[validation]]
folder = "{annotated_folder}"
only = ["two"]
""",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "napari_pathprune.cli", "train", str(config), "-o", str(out), "--devices", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "Starting with 2 processes" in done.stderr
    assert load(out).lineage[-1]["steps"] in {2, 3}
    with (tmp_path / "model.log.csv").open(newline="", encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    assert not list(tmp_path.glob("*.part*"))
