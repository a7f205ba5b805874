"""Options of the command line override the config, phase by phase."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pathprune.cli.options.training_options import fit_options, loss_options, read_settings


@pytest.fixture
def config(folder: Path, edit) -> Path:
    edit(folder / "train.toml", "[fit]\nsteps = 1\nbatch = 1\n", "[[fit]]\nsteps = 5\n[[fit]]\nsteps = 7\n")
    return folder / "train.toml"


def test_without_options_the_config_counts(config: Path) -> None:
    settings = read_settings(config, {})
    assert [phase.steps for phase in settings.fit] == [5, 7]
    assert settings.losses.teacher == ""


def test_steps_override_the_last_phase_and_the_rate_every_one(config: Path) -> None:
    settings = read_settings(config, {"steps": 3, "learning_rate": 1e-4}, {"teacher": "hovernet-s"})
    assert [phase.steps for phase in settings.fit] == [5, 3]
    assert [phase.learning_rate for phase in settings.fit] == [1e-4, 1e-4]
    assert settings.losses.teacher == "hovernet-s"


def test_a_path_of_a_teacher_is_relative_to_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "teacher.safetensors").touch()
    monkeypatch.chdir(folder)
    options = loss_options()
    assert options.collect({"teacher": "teacher.safetensors"}) == {"teacher": str(folder / "teacher.safetensors")}
    assert options.collect({"teacher": "hovernet-s"}) == {"teacher": "hovernet-s"}


def test_an_option_may_have_another_name_than_its_field() -> None:
    options = fit_options({"steps": "Shared among the cuts."}, names={"steps": "fit_steps"})
    (parameter,) = options.parameters()
    assert parameter.name == "fit_steps"
    assert parameter.annotation.__metadata__[0].help.endswith("Shared among the cuts.")
    assert options.collect({"fit_steps": 4}) == {"steps": 4}


def test_slides_stand_for_a_config_or_beside_it(config: Path) -> None:
    alone = read_settings(None, {"steps": 3}, unlabelled=["a.svs", "b.svs"], mpp=0.5)
    assert (alone.data, alone.fit[0].steps) == ((), 3)
    assert [(Path(one.slide), one.mpp) for one in alone.unlabelled] == [
        (Path("a.svs").resolve(), 0.5),
        (Path("b.svs").resolve(), 0.5),
    ]
    beside = read_settings(config, {}, unlabelled=["a.svs"])
    assert beside.data
    assert len(beside.unlabelled) == 1
    with pytest.raises(ValueError, match="give a config, a folder of annotated images, or --unlabelled"):
        read_settings(None, {})
    with pytest.raises(ValueError, match="got --mpp without --unlabelled"):
        read_settings(config, {}, mpp=0.5)
