"""A training on two devices, here two processes on one computer."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from napari_pathprune.workflows.checkpoint import load

pytestmark = pytest.mark.slow


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
    command = make_command(config, out)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "Starting with 2 processes" in done.stderr
    assert load(out).lineage[-1]["steps"] in {2, 3}
    with (tmp_path / "model.log.csv").open(newline="", encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    assert not list(tmp_path.glob("*.part*"))


def test_two_devices_resume_in_the_second_phase_after_a_kill(annotated_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text(
        f"""
[model]
width = 0.0625
[[fit]]
steps = 3
batch = 2
frozen = ["conv0*", "d0.*"]
[[fit]]
steps = 12
batch = 2
accelerator = "cpu"
save_every = 1
[patches]
patch_px = 96
[[data]]
folder = "{annotated_folder}"
""",
        encoding="utf-8",
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    first = subprocess.Popen(
        make_command(config, stopped), env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 150
    while len(read_log(stopped)) < 5 and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.02)
    assert first.poll() is None, "it finished before it was killed"
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = read_log(stopped)
    assert 5 <= len(before) < 15
    for out in (stopped, whole):
        subprocess.run(make_command(config, out), env=environment, capture_output=True, timeout=200, check=True)
    assert read_log(stopped) == read_log(whole)
    assert read_log(stopped)[:3] == before[:3]
    ours, theirs = (load(path).model().state_dict() for path in (stopped, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def make_command(config: Path, out: Path) -> list[str]:
    """Return the command that trains on two devices."""
    return [sys.executable, "-m", "napari_pathprune.cli", "train", str(config), "-o", str(out), "--devices", "2"]


def read_log(out: Path) -> list[tuple[str, str, str]]:
    """Return phase, step and loss of each line that a training has logged so far."""
    log = out.with_name(f"{out.stem}.log.csv")
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [(row["phase"], row["step"], row["total"]) for row in csv.DictReader(file) if row["total"]]
