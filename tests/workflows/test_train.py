"""Training from a config or a folder ends in a model file that loads, and resumes exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from napari_pathprune.training.fit import FitDone, StepDone
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.train import read_config, train

CONFIG = """
[model]
width = 0.0625
type_names = ["background", "neoplastic", "inflammatory"]
licence = "CC0-1.0"

[fit]
steps = {steps}
batch = 1
save_every = 1

[patches]
patch_px = 96

[[data]]
folder = "annotated"
leave_out = ["two"]
"""


@pytest.fixture
def config_file(annotated_folder: Path) -> Path:
    path = annotated_folder.parent / "train.toml"
    path.write_text(CONFIG.format(steps=2), encoding="utf-8")
    return path


def test_a_config_trains_a_model_that_loads(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    events = list(train(read_config(config_file), out))
    assert [type(event) for event in events] == [StepDone, StepDone, FitDone]
    loaded = load(out)
    assert loaded.type_names == ("background", "neoplastic", "inflammatory")
    assert loaded.licence == "CC0-1.0"
    assert loaded.lineage[-1]["step"] == "trained"
    assert loaded.lineage[-1]["images"] == 1
    assert not out.with_name("model.safetensors.state").exists()


def test_a_stopped_run_goes_on_exactly(config_file: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(train(read_config(config_file), whole))
    stopped = train(read_config(config_file), parts)
    next(stopped)
    stopped.close()
    assert not parts.exists()
    resumed = [event.step for event in train(read_config(config_file), parts) if isinstance(event, StepDone)]
    assert resumed == [2]
    expected, given = load(whole).weights, load(parts).weights
    assert all(torch.equal(expected[name], given[name]) for name in expected)


def test_fine_tuning_keeps_the_model_and_adds_to_its_lineage(
    config_file: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "tuned.safetensors"
    start = Checkpoint(
        **{**{n: getattr(checkpoint, n) for n in checkpoint.__slots__}, "lineage": ({"step": "trained"},)}
    )
    list(train(read_config(config_file), out, start=start))
    tuned = load(out)
    assert [step["step"] for step in tuned.lineage] == ["trained", "fine-tuned"]
    assert tuned.config == checkpoint.config
    name = "decoder.np.u0.conv.weight"
    assert not torch.equal(tuned.weights[name], checkpoint.weights[name])


def test_a_folder_is_a_config_with_its_own_types(annotated_folder: Path) -> None:
    config = read_config(annotated_folder)
    assert config.model.type_names == ("background", "neoplastic", "inflammatory")
    assert config.data[0].folder == "."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nwidht = 1\n[[data]]\nfolder = '.'", "'widht'; those known here are architecture"),
        ("[modle]\n", r"table \[modle\]"),
        ("[model]\n", "names no data"),
        ("[[data]]\nzoom = 2.0", "folder is missing; give a text"),
        ("[data]\nfolder = '.'", r"write \[\[data\]\]"),
        ("fit = 3\n[[data]]\nfolder = '.'", "3 where a table is wanted"),
        ("[[data]]\nfolder = '.'\nzoom = 0", "zoom = 0; give a number above 0"),
        ("[[data]]\nfolder = '.'\nweight = 0.0", "weight = 0.0; give a number above 0"),
        ("[fit]\nsteps = 2.5\n[[data]]\nfolder = '.'", "steps = 2.5; give a whole number"),
        ("[patches]\npatch_px = '320'\n[[data]]\nfolder = '.'", "patch_px = '320'; give a whole number"),
        ("[model]\ntype_names = 'abc'\n[[data]]\nfolder = '.'", "type_names = 'abc'; give a list of texts"),
        ("[model]\nmpp = -1\n[[data]]\nfolder = '.'", "mpp = -1; give the pixel size"),
        ("[augmentation]\nscale = [0, 1]\n[[data]]\nfolder = '.'", r"scale = \(0, 1\); give two magnifications"),
        ("[augmentation]\nscale = [1]\n[[data]]\nfolder = '.'", "give two numbers"),
        ("= 3", "not a TOML file"),
    ],
)
def test_a_wrong_config_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.toml does not exist"):
        read_config(tmp_path / "nowhere.toml")


def test_a_stopped_run_does_not_go_on_as_another(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    config = read_config(config_file)
    stream = train(config, out)
    for event in stream:
        if isinstance(event, StepDone) and event.step == 2:
            stream.close()  # type: ignore[attr-defined]
            break
    other = dataclasses.replace(config, patches=dataclasses.replace(config.patches, seed=99))
    with pytest.raises(ValueError, match=r"was written with patches = .*seed.*remove the file"):
        list(train(other, out))


def test_the_folder_of_the_model_must_exist(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        next(iter(train(read_config(config_file), tmp_path / "nowhere" / "model.safetensors")))


def test_out_must_be_a_model_file(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name it model\.safetensors"):
        next(iter(train(read_config(config_file), tmp_path / "model.pth")))
