"""Configs are read whole, and a wrong one is refused with a line that names the mistake."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from napari_pathprune.pruning import Target
from napari_pathprune.workflows.config.train_config import read_config

WHOLE = """
[model]
width = 0.125
type_names = ["background", "epithelial"]
[[fit]]
steps = 3
frozen = ["d0.*"]
[[fit]]
steps = 4
[losses]
teacher = "parent"
rarity = 0.5
[compress]
keep = 0.2
steps = 3
score_cuts = true
[[data]]
folder = "a"
only = ["one"]
bad_files = "skip"
[[validation]]
folder = "b"
"""


def test_a_config_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(WHOLE, encoding="utf-8")
    config = read_config(path)
    assert config.base == tmp_path
    assert [phase.steps for phase in config.fit] == [3, 4]
    assert config.fit[0].frozen == ("d0.*",)
    assert (config.losses.teacher, config.losses.rarity) == ("parent", 0.5)
    assert config.compress.target == Target("params", keep=0.2)
    assert (config.compress.steps, config.compress.score_cuts) == (3, True)
    assert config.compress.allowed_drop == math.inf
    assert (config.data[0].only, config.data[0].bad_files) == (("one",), "skip")
    assert [one.folder for one in config.validation] == ["b"]
    assert config.hold_out == 0


def test_a_model_is_renamed_by_a_config_but_not_by_a_folder(annotated_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert read_config(path).new_type_names == ("background", "epithelial")
    assert read_config(annotated_folder).new_type_names == ()  # it may show fewer types than a model has


def test_a_folder_is_a_config_with_its_own_types(annotated_folder: Path) -> None:
    config = read_config(annotated_folder)
    assert config.model.type_names == ("background", "neoplastic", "inflammatory")
    assert config.data[0].folder == "."
    assert config.hold_out == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nwidht = 1\n[[data]]\nfolder = '.'", "unknown setting 'widht'; expected one of architecture"),
        ("[modle]\n", r"unknown table \[modle\]"),
        ("[model]\n", "names no data"),
        ("[[data]]\nzoom = 2.0", "folder is missing; expected a string"),
        ("[data]\nfolder = '.'", r"write \[\[data\]\]"),
        ("fit = 3\n[[data]]\nfolder = '.'", "3 in the place of a table"),
        ("[[data]]\nfolder = '.'\nzoom = 0", "zoom = 0; expected a number above 0"),
        ("[[data]]\nfolder = '.'\nweight = 0.0", "weight = 0.0; expected a number above 0"),
        ("[fit]\nsteps = 2.5\n[[data]]\nfolder = '.'", "steps = 2.5; expected a whole number"),
        ("[patches]\npatch_px = '320'\n[[data]]\nfolder = '.'", "patch_px = '320'; expected a whole number"),
        ("[model]\ntype_names = 'abc'\n[[data]]\nfolder = '.'", "type_names = 'abc'; expected a list of strings"),
        ("[model]\ntype_names = ['a', 'B c', 'b_C']\n[[data]]\nfolder = '.'", "type_names with 'b c' twice"),
        ("[model]\ntype_names = ['a', 'b']\n[[data]]\nfolder = '.'", "start with 'a'; put 'background' first"),
        ("[losses]\nrarity = 2\n[[data]]\nfolder = '.'", "rarity = 2; expected a share"),
        ("[model]\nmpp = -1\n[[data]]\nfolder = '.'", "mpp = -1; expected the pixel size"),
        ("[augmentation]\nscale = [0, 1]\n[[data]]\nfolder = '.'", r"scale = \(0, 1\); give two magnifications"),
        ("[augmentation]\nscale = [1]\n[[data]]\nfolder = '.'", "expected two numbers"),
        ("[validation]\nfolder = '.'\n[[data]]\nfolder = '.'", r"write \[\[validation\]\]"),
        ("[[data]]\nfolder = '.'\nbad_files = 'ignore'", 'bad_files = \'ignore\'; expected one of "stop", "skip"'),
        ("[losses]\nteacher_share = 2\n[[data]]\nfolder = '.'", "teacher_share = 2; expected a share"),
        ("[losses]\ntemperature = 0\n[[data]]\nfolder = '.'", "temperature = 0; expected a number above 0"),
        ("[losses]\nslimming = -1\n[[data]]\nfolder = '.'", "slimming = -1; expected 0 or more"),
        ("[compress]\nkeep = 1.0\n[[data]]\nfolder = '.'", "keep = 1; expected a share of the params below 1"),
        (
            "[compress]\nmeasure = 'size'\n[[data]]\nfolder = '.'",
            'measure = \'size\'; expected one of "params", "macs"',
        ),
        ("[compress]\nmeasure = 'speed'\n[[data]]\nfolder = '.'", 'measure = .speed.; expected one of "params"'),
        ("[compress]\nkeep = 0.5\nleft = 0.5\n[[data]]\nfolder = '.'", "both 'keep' and its old name"),
        ("[compress]\ncaps = ['decoder']\n[[data]]\nfolder = '.'", "got the cap 'decoder'; give GLOB=R"),
        ("[compress]\nsteps = 2\nstep_ratio = 0.1\n[[data]]\nfolder = '.'", "both steps and step_ratio"),
        ("[compress]\nscore_cuts = 1\n[[data]]\nfolder = '.'", "expected true or false"),
        ("= 3", "not a TOML file"),
    ],
)
def test_a_mistake_in_a_config_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.toml does not exist"):
        read_config(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("accelerator", "device"), [("auto", "auto"), ("gpu", "auto"), ("cpu", "cpu"), ("cuda", "cuda")]
)
def test_validation_runs_on_the_device_of_the_training(tmp_path: Path, accelerator: str, device: str) -> None:
    (tmp_path / "train.toml").write_text(f"[fit]\naccelerator = '{accelerator}'\n[[data]]\nfolder = '.'")
    assert read_config(tmp_path / "train.toml").device == device
