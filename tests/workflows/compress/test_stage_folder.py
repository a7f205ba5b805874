"""Stages are kept with what they depend on, in the format of today and of before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_pathprune.workflows.compress.compress_report import Stage
from napari_pathprune.workflows.compress.stage_folder import LEDGER, OLD_LEDGER, StageFolder
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import make_table

OLD_SETTINGS = {
    "measure": "params",
    "left": 0.1,
    "steps": 1,
    "step_ratio": 0.0,
    "schedule": "linear",
    "criterion": "l2",
    "decider": "producers",
    "scope": "local",
    "max_skip_ratio": 1.0,
    "round_to": 1,
    "min_channels": 1,
    "caps": ["decoder.*=0.50"],
    "recalibrate": 16,
    "last_share": 0.5,
    "judge_cuts": False,
    "seed": 0,
}
"""The settings in a ``run.json``, as they were written before."""


def settings(**changes: object) -> dict[str, object]:
    table = make_table(CompressSettings()) | changes
    return {name: value for name, value in table.items() if name != "allowed_drop"}


def test_a_stage_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = StageFolder(tmp_path / "stages", {"seed": 1})
    stage = Stage(1, 0.5, 100, 1000, {"pq": 0.5}, {}, fit_steps=9, seconds=1.5, file="stage-01.safetensors")
    folder.write_stage(stage)
    assert StageFolder(tmp_path / "stages", {"seed": 1}).read_stage(1) == stage
    assert folder.read_stage(2) is None


def test_other_facts_are_refused(tmp_path: Path) -> None:
    StageFolder(tmp_path / "stages", {"seed": 1})
    with pytest.raises(ValueError, match=r"was left by a run with seed = 1, but it is 2 now: .*remove the folder"):
        StageFolder(tmp_path / "stages", {"seed": 2})


def test_the_ledger_of_before_is_converted(tmp_path: Path) -> None:
    (tmp_path / OLD_LEDGER).write_text(json.dumps({"model": "ab", "compress": OLD_SETTINGS}), encoding="utf-8")
    StageFolder(tmp_path, {"model": "ab", "compress": settings(caps=("decoder.*=0.5",))})
    assert not (tmp_path / OLD_LEDGER).exists()
    assert json.loads((tmp_path / LEDGER).read_text(encoding="utf-8"))["compress"]["keep"] == 0.1


def test_the_ledger_of_before_still_refuses_other_settings(tmp_path: Path) -> None:
    (tmp_path / OLD_LEDGER).write_text(json.dumps({"compress": OLD_SETTINGS}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"compress\.keep = 0\.1, but it is 0\.2 now"):
        StageFolder(tmp_path, {"compress": settings(keep=0.2, caps=("decoder.*=0.5",))})


def test_leftovers_of_a_finished_stage_are_removed(tmp_path: Path) -> None:
    folder = StageFolder(tmp_path, {})
    folder.start_path(1).touch()
    state, model = tmp_path / "stage-01.safetensors.state", folder.model_path(1)
    for path in (state, model):
        path.touch()
    folder.remove_leftovers(1)
    assert (folder.start_path(1).exists(), state.exists(), model.exists()) == (False, False, True)
