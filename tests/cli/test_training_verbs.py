"""The verbs that learn, from a shell."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch

from napari_pathprune.cli import build_app, main
from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save

CONFIG = {"mode": "fast", "num_types": None, "width": 0.0625}
SETTINGS = """
[model]
width = 0.0625
[fit]
steps = 1
batch = 1
[patches]
patch_px = 96
[compress]
recalibrate = 1
[[data]]
folder = "data"
only = ["image-0"]
[[validation]]
folder = "data"
only = ["image-1"]
"""


def with_line(line: str) -> str:
    """Write a line into the config, in the place of that of the same key if there is one."""
    key = line.partition(" ")[0]
    if f"\n{key} = " in SETTINGS:
        return re.sub(rf"(?m)^{key} = .*$", line, SETTINGS)
    return SETTINGS.replace("[fit]", f"[fit]\n{line}")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save(Checkpoint("hovernet", CONFIG, build("hovernet", **CONFIG).state_dict()), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures with a nucleus each, and a config beside them."""
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(2):
        labels = np.zeros((110, 120), np.uint16)
        cv2.circle(labels, (60, 50), 12, 1, -1)
        picture = np.where(labels[..., None] > 0, (120, 50, 90), (230, 220, 235)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "data" / "images" / f"image-{number}.png"), picture)
        tifffile.imwrite(tmp_path / "data" / "labels" / f"image-{number}.tif", labels)
    (tmp_path / "train.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def test_train_tells_scores_and_steps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "model.safetensors"
    assert run("train", folder / "train.toml", "-o", out, "--steps", 2, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["steps"], told["best_step"]) == (2, 2)
    assert set(told["losses"]) == {"np_ce", "np_dice", "hv_mse", "hv_msge"}
    assert 0.0 <= told["scores"]["pq"] <= 1.0
    assert load(out).lineage[-1]["steps"] == 2


def test_finetune_takes_a_rate_and_a_teacher(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "tuned.safetensors"
    arguments = ("--learning-rate", 1e-4, "--teacher", model, "--json")
    assert run("finetune", model, folder / "train.toml", "-o", out, *arguments) == 0
    assert "np_teacher" in json.loads(capsys.readouterr().out)["losses"]
    last = load(out).lineage[-1]
    assert (last["learning_rate"], last["teacher"]) == (1e-4, "tiny.safetensors")


def test_an_imported_models_types_are_named_by_the_config(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    torch.save(build("hovernet", **CONFIG | {"num_types": 3}).state_dict(), tmp_path / "hovernet.pth")
    (folder / "data" / "classes").mkdir()
    for number in range(2):
        (folder / "data" / "classes" / f"image-{number}.csv").write_text("label,class_id,class_name\n1,1,Epithelial\n")
    config, out = folder / "train.toml", folder / "tuned.safetensors"
    arguments = ("finetune", tmp_path / "hovernet.pth", config, "-o", out)
    assert run(*arguments) == 2
    assert 'give [model] type_names = ["background", ...]' in capsys.readouterr().err
    names = '[model]\ntype_names = ["background", "epithelial", "other"]'
    config.write_text(SETTINGS.replace("[model]", names), encoding="utf-8")
    assert run(*arguments) == 0
    assert load(out).type_names == ("background", "epithelial", "other")


def test_a_finished_training_is_not_trained_over(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "model.safetensors"
    assert run("train", folder / "train.toml", "-o", out) == 0
    before = out.read_bytes()
    for arguments in (("train",), ("finetune", model)):
        assert run(*arguments, folder / "train.toml", "-o", out) == 2
        assert "is there already" in capsys.readouterr().err.splitlines()[-1]
    assert out.read_bytes() == before


def test_compress_writes_model_and_report(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "small.safetensors"
    arguments = ("--params", 0.5, "--steps", 2, "--fit-steps", 2, "--criterion", "l1", "--teacher", "parent")
    arguments += ("--cap", "d0.*=0.1", "--cap", "d1.*=0.2", "--decider", "shortcut", "--min-channels", 2, "--json")
    assert run("compress", model, folder / "train.toml", "-o", out, *arguments) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # Infinity is no JSON
    assert told["kept"] == 2
    assert told["settings"]["allowed_drop"] is None
    assert told["stages"][2]["params"] == load(out).params < 0.55 * load(model).params
    assert told["settings"]["criterion"] == "l1"
    assert (told["settings"]["decider"], told["settings"]["min_channels"]) == ("shortcut", 2)
    assert min(width["after"] for width in told["widths"]) == 2
    assert told["settings"]["caps"] == ["d0.*=0.1", "d1.*=0.2"]
    assert told["settings"]["teacher"] == "tiny.safetensors"
    page = (folder / "small.report.html").read_text(encoding="utf-8")
    assert "small.safetensors" in page
    assert run("compress", model, folder / "train.toml", "-o", out, *arguments[:-1]) == 0
    assert "small.report.html" in capsys.readouterr().out


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_compression_that_keeps_nothing_ends_with_code_1(
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
) -> None:
    monkeypatch.setattr("napari_pathprune.workflows.compress.compress.score_validation", lambda *_: {"pq": 0.6})
    monkeypatch.setattr("napari_pathprune.workflows.train.train.score_validation", lambda *_, **__: {"pq": 0.2})
    out = folder / "small.safetensors"
    arguments = ("--params", 0.5, "--allowed-drop", 0.1, *more)
    assert run("compress", model, folder / "train.toml", "-o", out, *arguments) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["kept"] == 0 if more else f"{out} was not written" in told.out
    assert "pathprune:" not in told.err
    assert (folder / "small.report.html").exists()
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--params", 0.1, "--macs", 0.1), "give one of --params, --macs and --ratio"),
        (("--params", 1.5), "left = 1.5; give the share of the params to keep"),
        (("--ratio", 0.5, "--steps", 2, "--step-ratio", 0.05), "give one of --steps and --step-ratio"),
        (("--criterion", "l7"), "got criterion 'l7'"),
        (("--teacher", "nobody"), "there is no model"),
        (("--fit-steps", 0), "steps = 0; give 1 or more"),
        (("--scope", "everywhere"), "got scope 'everywhere'"),
        (("--cap", "d0.*"), "got the cap 'd0.*'; give GLOB=R"),
        (("--cap", "d9.*=0.5"), "got 'd9.*', which fits the name of no channel group"),
        (("--params", 0.1, "--max-skip-ratio", 0), "is the least that these limits leave"),
        (("--params", 0.1, "--max-skip-ratio", 0, "--steps", 9), "is the least that these limits leave"),
        (("--macs", 0.01), "is the least that these limits leave"),
        (("patch_px = 300",), "got an input of 300 x 300 px"),
        (("precision = '32-treu'",), "precision '32-treu'"),
        (("frozen = ['encoder.*']",), "frozen = 'encoder.*', which no parameter"),
        (("patience = 2",), "give validate_every too"),
    ],
)
def test_mistakes_have_one_line(
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...],
    words: str,
) -> None:
    monkeypatch.setattr(
        "napari_pathprune.workflows.compress.compress.score_validation", lambda *_: pytest.fail("scored before")
    )
    if not str(arguments[0]).startswith("--"):  # a line of the config
        settings = with_line(str(arguments[0]))
        (folder / "train.toml").write_text(settings, encoding="utf-8")
        arguments = ()
    assert run("compress", model, folder / "train.toml", "-o", folder / "small.safetensors", *arguments) == 2
    said = capsys.readouterr().err.strip()
    assert words in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("pathprune: ")
    assert not (folder / "small.safetensors").exists()
    assert not (folder / "small.stages").exists()  # the corrected command is not held to the wrong one


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), MemoryError()])
@pytest.mark.parametrize("verb", ["finetune", "compress"])
def test_memory_that_runs_out_beside_the_gradients_has_one_line(
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    verb: str,
) -> None:
    def runs_out(*_: object, **__: object) -> None:  # as where the moments are made at the first step
        raise error

    monkeypatch.setattr("torch.optim.AdamW.step", runs_out)
    assert run(verb, model, folder / "train.toml", "-o", folder / "small.safetensors") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said == "pathprune: not enough memory: take smaller patches or a smaller batch"


def test_steps_put_a_step_ratio_of_the_config_out_of_force(folder: Path, model: Path) -> None:
    config, out = folder / "train.toml", folder / "small.safetensors"
    config.write_text(SETTINGS.replace("[compress]", "[compress]\nstep_ratio = 0.2"), encoding="utf-8")
    assert run("compress", model, config, "-o", out, "--params", 0.5, "--steps", 1) == 0
    assert len(json.loads((folder / "small.report.json").read_text(encoding="utf-8"))["stages"]) == 2


def test_a_model_is_not_written_over_itself(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    for verb, words in (("finetune", "is the model to start from"), ("compress", "is the dense model itself")):
        assert run(verb, model, folder / "train.toml", "-o", model) == 2
        assert words in capsys.readouterr().err
    assert model.read_bytes() == before


def test_scores_of_two_models_stand_side_by_side(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for name in ("hovernet-s", "hovernet-s-compact"):
        shutil.copy(model, name)
    assert run("evaluate", "./hovernet-s", "./hovernet-s-compact", "--data", "data", "--only", "image-0") == 0
    lines = [" ".join(re.sub("[│┃]", " ", line).split()) for line in capsys.readouterr().out.splitlines()]
    assert "model ./hovernet-s ./hovernet-s-compact" in lines
    assert "images 1 1" in lines
    assert [line.split()[0] for line in lines[lines.index("images 1 1") :]][1:4] == ["PQ", "DQ", "SQ"]


def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("train", "finetune", "compress"):
        assert run(verb, "--help") == 0
        assert "Example: pathprune " + verb in " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("verb", "fewer", "written"),
    [
        ("train", (), "model.safetensors"),
        ("finetune", ("--steps", 1), "tuned.safetensors"),
        ("compress", ("--steps", 1, "--fit-steps", 1), "small.safetensors"),
        ("evaluate", (), ""),
    ],
)
def test_the_example_of_the_help_runs(
    folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch, verb: str, fewer: tuple[object, ...], written: str
) -> None:
    from typer.main import get_command

    shown = re.search(r"Example: `pathprune (.+)`", get_command(build_app()).commands[verb].help or "")  # type: ignore[attr-defined]
    assert shown is not None
    for number in range(2, 5):  # every fifth judges
        for name in ("images/image-{}.png", "labels/image-{}.tif"):
            shutil.copy(folder / "data" / name.format(0), folder / "data" / name.format(number))
    tiny = dict.fromkeys(("hovernet-s", "hovernet-s-compact"), model)
    monkeypatch.setattr("napari_pathprune.workflows.checkpoint.packaged_models", lambda: tiny)
    monkeypatch.chdir(folder)
    if verb == "finetune":
        shutil.copy(model, "small.safetensors")
    assert run(*shlex.split(shown[1]), *fewer) == 0
    assert not written or load(folder / written).params
