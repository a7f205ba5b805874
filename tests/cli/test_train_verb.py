"""``pathprune train`` writes a model, and never trains over a finished one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_pathprune.workflows.checkpoint import load

pytestmark = pytest.mark.usefixtures("two_convolutions_as_hovernet")


def test_scores_and_steps_are_printed(run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "model.safetensors"
    assert run("train", folder / "train.toml", "-o", out, "--steps", 2, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["steps"], shown["best_step"]) == (2, 2)
    assert set(shown["losses"]) == {"np_ce", "np_dice", "hv_mse", "hv_msge"}
    assert 0.0 <= shown["scores"]["pq"] <= 1.0
    assert load(out).lineage[-1]["steps"] == 2


def test_a_finished_training_is_not_trained_over(
    run, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "model.safetensors"
    assert run("train", folder / "train.toml", "-o", out) == 0
    before = out.read_bytes()
    for arguments in (("train",), ("finetune", model)):
        assert run(*arguments, folder / "train.toml", "-o", out) == 2
        assert "already" in capsys.readouterr().err.splitlines()[-1]
    assert out.read_bytes() == before
