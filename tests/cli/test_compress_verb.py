"""``pathprune compress`` writes a model and a report, and its mistakes have one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from napari_pathprune.workflows.checkpoint import load

IN_COMPRESS = "napari_pathprune.workflows.compress.compress_stage.score_validation"
IN_TRAIN = "napari_pathprune.workflows.train.train.score_validation"


def test_model_and_report_are_written(run, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "small.safetensors"
    arguments = ("--params", 0.5, "--steps", 2, "--fit-steps", 2, "--criterion", "l1", "--teacher", "parent")
    arguments += ("--cap", "features.first=0.6", "--cap", "*.second=0.7", "--decider", "shortcut")
    arguments += ("--min-channels", 2, "--json")
    assert run("compress", model, folder / "train.toml", "-o", out, *arguments) == 0
    shown = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # JSON has no Infinity
    assert shown["kept"] == 2
    assert shown["stages"][2]["params"] == load(out).params < 0.55 * load(model).params
    settings = shown["settings"]
    assert settings["allowed_drop"] is None
    assert (settings["criterion"], settings["decider"], settings["min_channels"]) == ("l1", "shortcut", 2)
    assert settings["caps"] == ["features.first=0.6", "*.second=0.7"]
    assert settings["teacher"] == "tiny.safetensors"
    page = (folder / "small.report.html").read_text(encoding="utf-8")
    assert "small.safetensors" in page
    assert run("compress", model, folder / "train.toml", "-o", out, *arguments[:-1]) == 0
    assert "small.report.html" in capsys.readouterr().out


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_compression_that_keeps_nothing_ends_with_code_1(
    run,
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
) -> None:
    monkeypatch.setattr(IN_COMPRESS, lambda *_, **__: {"pq": 0.6})
    monkeypatch.setattr(IN_TRAIN, lambda *_, **__: {"pq": 0.2})
    out = folder / "small.safetensors"
    arguments = ("--params", 0.5, "--allowed-drop", 0.1, *more)
    assert run("compress", model, folder / "train.toml", "-o", out, *arguments) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["kept"] == 0 if more else f"{out} was not written" in shown.out
    assert "pathprune:" not in shown.err
    assert (folder / "small.report.html").exists()
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--params", 0.1, "--macs", 0.1), "give one of --params, --macs, --ratio and --faster"),
        (("--faster", 2, "--plan", "plan.json"), "give one of --params, --macs, --ratio, --faster and --plan"),
        (("--plan", "plan.json"), "plan.json is not readable"),
        (("--params", 1.5), "got a target of 1.5 of the params; give the share to keep"),
        (("--ratio", 1.0), "got a pruning ratio of 1.0"),
        (("--ratio", 0.5, "--steps", 2, "--step-ratio", 0.05), "give one of --steps and --step-ratio"),
        (("--criterion", "l7"), "got criterion 'l7'"),
        (("--teacher", "nobody"), "there is no model"),
        (("--fit-steps", 0), "steps = 0; give 1 or more"),
        (("--scope", "everywhere"), "got scope 'everywhere'"),
        (("--cap", "d0.*"), "got the cap 'd0.*'; give GLOB=R"),
        (("--cap", "d9.*=0.5"), "got 'd9.*', which"),
        (("--params", 0.1, "--cap", "features.*=0"), "but these limits leave at least"),
        (("--params", 0.1, "--cap", "features.*=0", "--steps", 9), "but these limits leave at least"),
        (("--macs", 0.01), "but these limits leave at least"),
        (("patch_px = 301",), "got 301 px; make it one of"),
        (("precision = '32-treu'",), "precision '32-treu'"),
        (("frozen = ['encoder.*']",), "frozen = 'encoder.*', which no parameter"),
        (("patience = 2",), "give validate_every too"),
    ],
)
def test_mistakes_have_one_line(
    run,
    folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...],
    words: str,
) -> None:
    monkeypatch.setattr(IN_COMPRESS, lambda *_, **__: pytest.fail("scored before the mistake was found"))
    if not str(arguments[0]).startswith("--"):
        set_line(folder / "train.toml", str(arguments[0]))
        arguments = ()
    assert run("compress", model, folder / "train.toml", "-o", folder / "small.safetensors", *arguments) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last
    assert last.startswith("pathprune: ")
    assert not (folder / "small.safetensors").exists()
    assert not (folder / "small.stages").exists()  # the corrected command is not held to the wrong one


def set_line(config: Path, line: str) -> None:
    """Set a key of a config: in place of the line that sets it, or else in ``[fit]``."""
    text, key = config.read_text(encoding="utf-8"), line.partition(" ")[0]
    if f"\n{key} = " in text:
        text = re.sub(rf"(?m)^{key} = .*$", line, text)
    else:
        text = text.replace("[fit]", f"[fit]\n{line}")
    config.write_text(text, encoding="utf-8")


def test_steps_override_a_step_ratio_of_the_config(run, edit, folder: Path, model: Path) -> None:
    config, out = folder / "train.toml", folder / "small.safetensors"
    edit(config, "[compress]", "[compress]\nstep_ratio = 0.2")
    assert run("compress", model, config, "-o", out, "--params", 0.5, "--steps", 1) == 0
    assert len(json.loads((folder / "small.report.json").read_text(encoding="utf-8"))["stages"]) == 2


def test_a_step_ratio_overrides_the_steps_of_the_config(run, edit, folder: Path, model: Path) -> None:
    config, out = folder / "train.toml", folder / "small.safetensors"
    edit(config, "[compress]", "[compress]\nsteps = 4")
    assert run("compress", model, config, "-o", out, "--ratio", 0.5, "--step-ratio", 0.25) == 0
    assert len(json.loads((folder / "small.report.json").read_text(encoding="utf-8"))["stages"]) == 3
