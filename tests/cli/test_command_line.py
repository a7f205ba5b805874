"""The command line ends every mistake with one clear line and exit code 2, and its help is complete."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from typer.main import get_command

from napari_pathprune.base.event_log import EVENTS, read_events
from napari_pathprune.cli import build_app
from napari_pathprune.cli.command_line import VERBS
from napari_pathprune.workflows.checkpoint import load


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "nowhere.safetensors"), "there is no model 'nowhere.safetensors'"),
        (("info", "{picture}"), "is not a model file"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors"), "give one of --ratio, --params, --macs and --faster"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "1.0"), "ratio of 1.0"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--criterion", "l7"), "l7"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--keep", "d9.*"), "no channel group"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--cap", "d0.*"), "got the cap 'd0.*'"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--decider", "me"), "decider 'me'"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--ratio", "0.5", "--first", "me"), "first='me'"),
        (("prune", "{model}", "-o", "{tmp}/s.safetensors", "--faster", "1"), "1.0"),
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
        (("segment", "{picture}", "--model", "{model}", "-o", "{picture}", "--mpp", "0.25"), "expected a folder"),
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
    run,
    arguments: tuple[str, ...],
    message: str,
    model: Path,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [part.format(model=model, picture=picture, tmp=tmp_path) for part in arguments]
    assert run(*filled) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("pathprune: ")
    assert message in line
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(
    run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "small.safetensors.part"))

    monkeypatch.setattr(Path, "write_bytes", run_full)
    assert run("prune", model, "-o", tmp_path / "small.safetensors", "--ratio", 0.5) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("pathprune: ")
    assert "disk" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), MemoryError()])
@pytest.mark.parametrize("verb", ["finetune", "compress"])
def test_memory_that_runs_out_in_a_training_is_one_line(
    run,
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    verb: str,
) -> None:
    def run_out(*_: object, **__: object) -> None:  # where the optimiser allocates its moments, at the first step
        raise error

    monkeypatch.setattr("torch.optim.AdamW.step", run_out)
    assert run(verb, model, folder / "train.toml", "-o", folder / "small.safetensors") == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "pathprune: not enough memory: take smaller patches or a smaller batch"


def test_an_unexpected_error_keeps_its_traceback(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("napari_pathprune.workflows.info.model_info.describe", fail)
    with pytest.raises(ZeroDivisionError):
        run("info", "hovernet-s")


HOSTILE = "a\x1b]0;title\x07[bold]"


def test_a_traceback_shows_no_escape_sequence(run, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError(HOSTILE)

    monkeypatch.setattr("napari_pathprune.workflows.info.model_info.describe", fail)
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    with pytest.raises(ZeroDivisionError) as caught:
        run("info", "hovernet-s")
    sys.excepthook(caught.type, caught.value, caught.tb)
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert r"ZeroDivisionError: a\x1b]0;title\x07[bold]" in shown


def test_names_in_logged_warnings_are_shown_without_effect(run, folder: Path, model: Path, caplog, capsys) -> None:
    for part, ending in (("images", ".png"), ("labels", ".tif")):
        shutil.copy(folder / "data" / part / f"image-0{ending}", folder / "data" / part / f"{HOSTILE}{ending}")
    (folder / "data" / "images" / f"{HOSTILE}.txt").touch()
    config = (folder / "train.toml").read_text(encoding="utf-8").replace('only = ["image-0"]\n', "")
    (folder / "train.toml").write_text(config, encoding="utf-8")
    assert run("finetune", model, folder / "train.toml", "-o", folder / "tuned.safetensors") == 0
    shown = capsys.readouterr()
    assert "\x1b" not in caplog.text + shown.out + shown.err
    assert r"a\x1b]0;title\x07[bold].txt" in caplog.text


def test_a_model_is_not_written_over_itself(run, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    for verb, words in (("finetune", "is the model to start from"), ("compress", "is the dense model itself")):
        assert run(verb, model, folder / "train.toml", "-o", model) == 2
        assert words in capsys.readouterr().err
    assert model.read_bytes() == before


@pytest.mark.parametrize("verb", [verb.__name__ for verb in VERBS])
def test_every_verb_has_help_with_an_example(run, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb, "--help") == 0
    assert f"Example: pathprune {verb}" in " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize("verb", [verb.__name__ for verb in VERBS])
def test_every_option_is_described(verb: str) -> None:
    options = get_command(build_app(verb)).commands[verb].params  # type: ignore[attr-defined]
    assert [option.name for option in options if len(option.help or "") < 10] == []


def test_the_list_of_verbs_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from napari_pathprune.cli import main\n"
        "try:\n    main([])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "compress" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


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
    run,
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    fewer: tuple[object, ...],
    written: str,
) -> None:
    shown = re.search(r"Example: `pathprune (.+)`", get_command(build_app()).commands[verb].help or "")  # type: ignore[attr-defined]
    assert shown is not None
    for number in range(2, 5):  # every fifth image is for validation
        for name in ("images/image-{}.png", "labels/image-{}.tif"):
            shutil.copy(folder / "data" / name.format(0), folder / "data" / name.format(number))
    tiny = dict.fromkeys(("hovernet-s", "hovernet-s-compact"), model)
    monkeypatch.setattr("napari_pathprune.workflows.checkpoint.packaged_models", lambda: tiny)
    monkeypatch.chdir(folder)
    if verb == "finetune":
        shutil.copy(model, "small.safetensors")
    assert run(*shlex.split(shown[1]), *fewer) == 0
    assert not written or load(folder / written).params


def test_the_example_without_labels_runs(
    run, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.search(r"Without annotation.+?`pathprune (.+?)`", build_help("compress"), flags=re.DOTALL)
    assert shown is not None
    monkeypatch.setattr("napari_pathprune.workflows.checkpoint.packaged_models", lambda: {"hovernet-s": model})
    monkeypatch.chdir(folder)
    for number, name in enumerate(("slide.svs", "other.svs")):
        tissue = np.random.default_rng(number).normal((205, 140, 185), 25.0, (330, 330, 3)).clip(0, 255)
        resolution = {"resolution": (40_000.0, 40_000.0), "resolutionunit": "CENTIMETER"}  # 0.25 um per pixel
        tifffile.imwrite(name, tissue.astype(np.uint8), photometric="rgb", **resolution)
    assert run(*shlex.split(shown[1]), "--fit-steps", 1, "--round-to", 1, "--macs", 0.5) == 0
    assert "agreement with the parent: PQ" in capsys.readouterr().out
    assert "other.svs" in load(folder / "small.safetensors").card["agreement with the parent"]["on"]


def build_help(verb: str) -> str:
    return get_command(build_app()).commands[verb].help or ""  # type: ignore[attr-defined]


def test_the_end_of_a_process_is_logged_where_the_environment_says(
    run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVENTS, str(tmp_path / "log"))
    assert run("info", str(model)) == 0
    assert run("info", "nowhere.safetensors") == 2
    good, bad = read_events(tmp_path / "log")[0]
    assert (good.facts, good.line) == ({"code": 0}, "")
    assert bad.facts == {"code": 2}
    assert bad.line.startswith("there is no model 'nowhere.safetensors'")
