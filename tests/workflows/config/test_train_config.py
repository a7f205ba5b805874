"""What a config says, and what is said of a wrong one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

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
left = 0.2
steps = 3
judge_cuts = true
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
    assert (config.compress.left, config.compress.steps, config.compress.judge_cuts) == (0.2, 3, True)
    assert config.compress.allowed_drop == math.inf
    assert (config.data[0].only, config.data[0].bad_files) == (("one",), "skip")
    assert [one.folder for one in config.validation] == ["b"]
    assert config.hold_out == 0


def test_names_are_those_that_somebody_gave(annotated_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert read_config(path).rename == ("background", "epithelial")
    assert read_config(annotated_folder).rename == ()  # it may show fewer types than a model has


def test_a_folder_is_a_config_with_its_own_types(annotated_folder: Path) -> None:
    config = read_config(annotated_folder)
    assert config.model.type_names == ("background", "neoplastic", "inflammatory")
    assert config.data[0].folder == "."
    assert config.hold_out == 5


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
        ("[model]\ntype_names = ['a', 'B c', 'b_C']\n[[data]]\nfolder = '.'", "type_names with 'b c' twice"),
        ("[model]\ntype_names = ['a', 'b']\n[[data]]\nfolder = '.'", "begin with 'a'; put 'background' first"),
        ("[losses]\nrarity = 2\n[[data]]\nfolder = '.'", "rarity = 2; give a share"),
        ("[model]\nmpp = -1\n[[data]]\nfolder = '.'", "mpp = -1; give the pixel size"),
        ("[augmentation]\nscale = [0, 1]\n[[data]]\nfolder = '.'", r"scale = \(0, 1\); give two magnifications"),
        ("[augmentation]\nscale = [1]\n[[data]]\nfolder = '.'", "give two numbers"),
        ("[validation]\nfolder = '.'\n[[data]]\nfolder = '.'", r"write \[\[validation\]\]"),
        ("[[data]]\nfolder = '.'\nbad_files = 'ignore'", "bad_files = 'ignore'; give 'stop' or 'skip'"),
        ("[losses]\nteacher_share = 2\n[[data]]\nfolder = '.'", "teacher_share = 2; give a share"),
        ("[losses]\ntemperature = 0\n[[data]]\nfolder = '.'", "temperature = 0; give a number above 0"),
        ("[losses]\nslimming = -1\n[[data]]\nfolder = '.'", "slimming = -1; give 0 or more"),
        ("[compress]\nleft = 1.0\n[[data]]\nfolder = '.'", "left = 1.0; give the share of the params to keep"),
        ("[compress]\nmeasure = 'size'\n[[data]]\nfolder = '.'", "measure = 'size'; give one of channels, params"),
        ("[compress]\nsteps = 2\nstep_ratio = 0.1\n[[data]]\nfolder = '.'", "both steps and step_ratio"),
        ("[compress]\njudge_cuts = 1\n[[data]]\nfolder = '.'", "give true or false"),
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


@pytest.mark.parametrize(
    ("accelerator", "device"), [("auto", "auto"), ("gpu", "auto"), ("cpu", "cpu"), ("cuda", "cuda")]
)
def test_what_judges_runs_where_the_training_does(tmp_path: Path, accelerator: str, device: str) -> None:
    (tmp_path / "train.toml").write_text(f"[fit]\naccelerator = '{accelerator}'\n[[data]]\nfolder = '.'")
    assert read_config(tmp_path / "train.toml").device == device
