"""The command line: results, JSON, and one clear line with exit code 2 for every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from napari_pathprune.cli import main
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save

CONFIG = {"mode": "fast", "num_types": 3, "width": 0.0625}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    names = ("background", "neoplastic", "inflammatory")
    save(Checkpoint("hovernet", CONFIG, build("hovernet", **CONFIG).state_dict(), type_names=names), path)
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "tissue.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (120, 130, 3), np.uint8))
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def test_info_tells_types_cost_and_groups(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", model, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["type_names"][1] == "neoplastic"
    assert told["params"] == load(model).params
    kinds = {group["kind"] for group in told["groups"]}
    assert kinds == {"skip", "internal"}
    assert run("info", model) == 0
    assert "Channel groups" in capsys.readouterr().out


def test_prune_writes_a_smaller_model(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.safetensors"
    assert run("prune", model, "-o", out, "--ratio", 0.5, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["params"][1] == load(out).params < told["params"][0] / 2


def test_prune_says_when_the_limits_leave_nothing_to_cut(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("prune", str(model), "-o", str(tmp_path / "s.safetensors"), "--ratio", "0.2", "--round-to", "100000") == 0
    )
    assert "nothing was cut" in capsys.readouterr().out
    assert run("prune", str(model), "-o", str(tmp_path / "t.safetensors"), "--ratio", "0.2") == 0
    assert "nothing was cut" not in capsys.readouterr().out


def test_prune_takes_limits_by_name(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.safetensors"
    names = ("--keep", "d0.*", "--keep", "d3.shortcut", "--cap", "d1.*=0.25", "--first", "internal")
    how = ("--criterion", "fpgm", "--decider", "convolved", "--scope", "global", "--min-channels", 2)
    assert run("prune", model, "-o", out, "--ratio", 0.5, *names, *how, "--json") == 0
    assert json.loads(capsys.readouterr().out)["criterion"] == "fpgm (convolved)"
    for name, (before, after) in load(out).lineage[-1]["widths"].items():
        kept = 1.0 if name.startswith(("d0.", "d3.shortcut")) else 0.75 if name.startswith("d1.") else 0.0
        assert after >= max(kept * before, 2), name


def test_segment_writes_the_result_folder(
    model: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result"
    arguments = ("segment", picture, "--model", model, "-o", out, "--mpp", 0.25, "--region", "10,5,90,80", "--json")
    assert run(*arguments) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert result["region_yxyx_px"] == [5, 10, 85, 100]
    assert {path.name for path in out.iterdir()} == {
        "instances.parquet",
        "labels.ome.zarr",
        "nuclei.geojson",
        "run.json",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "nowhere.safetensors"), "there is no model 'nowhere.safetensors'"),
        (("info", "{picture}"), "is not a model file"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "1.0"), "got a ratio of 1.0"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--criterion", "l7"), "l7"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--keep", "d9.*"), "no channel group"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--cap", "d0.*"), "got the cap 'd0.*'"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--decider", "me"), "decider 'me'"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--first", "me"), "first='me'"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--faster", "1"), "got --faster 1.0"),
        (("prune", "{model}", "-o", "{tmp}/s.pth", "--ratio", "0.5"), "name it s.safetensors"),
        (("prune", "{model}", "-o", "{tmp}/no/s.safetensors", "--ratio", "0.5"), "does not exist"),
        (("segment", "nowhere.svs", "--model", "{model}", "-o", "{tmp}/r"), "nowhere.svs"),
        (("segment", "{model}", "--model", "{model}", "-o", "{tmp}/r"), "safetensors"),
        (("segment", "{picture}", "--model", "{model}", "-o", "{tmp}/r"), "pass mpp"),
        (
            ("segment", "{picture}", "--model", "{model}", "-o", "{tmp}/r", "--mpp", "0.25", "--region", "0,0,999,5"),
            "not inside the slide, which is 130 px wide and 120 px high",
        ),
        (
            ("segment", "{picture}", "--model", "{model}", "-o", "{tmp}/r", "--mpp", "0.25", "--region", "1,2,3"),
            "four whole numbers",
        ),
        (("train", "nowhere.toml", "-o", "{tmp}/m.safetensors"), "nowhere.toml does not exist"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "half"), "Invalid value for '--ratio'"),
        (("prune", "{model}", "--ratio", "0.5"), "Missing option '-o'"),
        (("frobnicate",), "No such command 'frobnicate'"),
        (
            ("segment", "{picture}", "--model", "{model}", "-o", "{picture}", "--mpp", "0.25"),
            "is a file; expected a folder",
        ),
        (
            ("segment", "{picture}", "{picture}", "--model", "{model}", "-o", "{tmp}/r", "--mpp", "0.25"),
            "2 slides called 'tissue'",
        ),
        (
            ("segment", "{picture}", "{model}", "--model", "{model}", "-o", "{tmp}/r", "--mpp", "0.25"),
            "tiny.safetensors",
        ),
        (("evaluate", "{model}", "--data", "{tmp}/nodir"), "there is no folder"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(
    arguments: tuple[str, ...],
    message: str,
    model: Path,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [part.format(model=model, picture=picture, tmp=tmp_path) for part in arguments]
    assert run(*filled) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("pathprune: ")
    assert message in said[0]
    assert not list(tmp_path.iterdir())


def test_ctrl_c_is_one_line_and_the_run_can_go_on(
    model: Path,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "result"
    arguments = ("segment", picture, "--model", model, "-o", folder, "--mpp", "0.25")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LabelsWriter, "paint", interrupted)
        assert run(*arguments) == 130
    assert capsys.readouterr().err.strip().splitlines() == ["pathprune: stopped"]
    assert [path.name for path in folder.iterdir()] == [".tiles"]
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "predict", interrupted)  # what was found is not looked for again
        assert run(*arguments, "--resume") == 0
    assert (folder / "run.json").exists()


def test_a_full_disk_is_one_line(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "small.safetensors.part"))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run("prune", model, "-o", tmp_path / "small.safetensors", "--ratio", 0.5) == 2
    said = capsys.readouterr().err
    assert said.startswith("pathprune: ")
    assert len(said.strip().splitlines()) == 1
    assert "disk" in said
    assert not list(tmp_path.iterdir())


def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("demo", "info", "prune", "train", "finetune", "segment", "evaluate"):
        assert run(verb, "--help") == 0
        assert "Example: pathprune " + verb in " ".join(capsys.readouterr().out.replace("│", " ").split())
