"""``pathprune finetune`` trains a model further, with a rate, a teacher and type names of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import load


def test_a_rate_and_a_teacher_count(run, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "tuned.safetensors"
    arguments = ("--learning-rate", 1e-4, "--teacher", model, "--json")
    assert run("finetune", model, folder / "train.toml", "-o", out, *arguments) == 0
    assert "np_teacher" in json.loads(capsys.readouterr().out)["losses"]
    last = load(out).lineage[-1]
    assert (last["learning_rate"], last["teacher"]) == (1e-4, "tiny.safetensors")


def test_the_config_names_the_types_of_an_imported_model(
    run, edit, folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    weights = build("hovernet", mode="fast", num_types=3, width=0.0625).state_dict()
    torch.save(weights, tmp_path / "hovernet.pth")
    (folder / "data" / "classes").mkdir()
    for number in range(2):
        (folder / "data" / "classes" / f"image-{number}.csv").write_text("label,class_id,class_name\n1,1,Epithelial\n")
    config, out = folder / "train.toml", folder / "tuned.safetensors"
    arguments = ("finetune", tmp_path / "hovernet.pth", config, "-o", out)
    assert run(*arguments) == 2
    assert 'give [model] type_names = ["background", ...]' in capsys.readouterr().err
    edit(config, "[model]", '[model]\ntype_names = ["background", "epithelial", "other"]')
    assert run(*arguments) == 0
    assert load(out).type_names == ("background", "epithelial", "other")


def test_slides_without_annotation_need_a_teacher(
    run, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = folder / "data" / "images" / "image-0.png", folder / "tuned.safetensors"
    arguments = ("finetune", model, "-o", out, "--mpp", 0.25, "--steps", 1, "--unlabelled", picture)
    assert run(*arguments) == 2
    assert "no teacher for them" in capsys.readouterr().err
    assert run(*arguments, "--teacher", model) == 0
    assert load(out).lineage[-1]["unlabelled_slides"] == 1
