"""Options that the verbs of training share, and the settings that result from them and a config file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from napari_pathprune.cli.field_options import FieldOptions, Given
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import print_json, print_result

if TYPE_CHECKING:
    from napari_pathprune.workflows.config.train_config import TrainConfig

Source = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG|DATA", help="A .toml, or a folder of annotated images (every fifth is for validation)."
    ),
]
NOTHING: Final[Given] = MappingProxyType({})
FIT_NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "steps": "Overrides the last phase of the config.",
        "learning_rate": "Overrides every phase of the config.",
        "devices": "Overrides every phase of the config.",
    }
)


def fit_options(notes: Mapping[str, str] = FIT_NOTES, names: Mapping[str, str] = NOTHING) -> FieldOptions:
    """Return options for fields of `FitSettings`.

    Parameters
    ----------
    notes
        The fields, and a sentence to add to the help of each.
    names
        Names of options that differ from those of their fields.
    """
    from napari_pathprune.training.fit_settings import FitSettings

    return FieldOptions(FitSettings, tuple(notes), names=names, notes=notes)


def loss_options() -> FieldOptions:
    """Return the option for the teacher of `LossSettings`."""
    from napari_pathprune.workflows.config.train_config import LossSettings

    return FieldOptions(LossSettings, ("teacher",), metavars={"teacher": "MODEL"}, parse={"teacher": _find_teacher})


def _find_teacher(teacher: str) -> str:
    """Return a path as an absolute one, since those in a config are relative to it; names stay as they are."""
    return str(Path(teacher).resolve()) if Path(teacher).exists() else teacher


def read_settings(source: Path, fit: Given, losses: Given = NOTHING) -> TrainConfig:
    """Read a config, and override it by the options of the command line.

    Parameters
    ----------
    source
        A config file or a folder; see `train_config.read_config`.
    fit
        Fields of `FitSettings`: ``steps`` override the last phase, the others every phase.
    losses
        Fields of `LossSettings`.
    """
    from napari_pathprune.workflows.config.train_config import read_config

    config = read_config(source)
    every = {name: value for name, value in fit.items() if name != "steps"}
    phases = [dataclasses.replace(phase, **every) for phase in config.fit]
    phases[-1] = dataclasses.replace(phases[-1], **fit)
    return dataclasses.replace(config, fit=tuple(phases), losses=dataclasses.replace(config.losses, **losses))


def run_training(config: TrainConfig, out: Path, *, start: str | None, as_json: bool) -> None:
    """Train with progress on the terminal, and print the result.

    Parameters
    ----------
    config
        What to train, and how.
    out
        The model file to write.
    start
        File or packaged name of the model to train further; None for a new one.
    as_json
        Whether to print JSON.
    """
    from napari_pathprune.training.fit_events import FitDone, StepDone
    from napari_pathprune.workflows.checkpoint import find, load
    from napari_pathprune.workflows.train.train import train as run

    if start is not None and find(start).resolve() == out.resolve():
        raise ValueError(f"{out} is the model to start from; give another file to write")
    losses, done = {}, None
    for event in show_progress(run(config, out, start=None if start is None else load(start)), "training"):
        match event:
            case StepDone():
                losses = dict(event.losses)
            case FitDone():
                done = event
    if done is None:  # this is one of several processes; only the first one reports
        return
    if as_json:
        print_json(
            {
                "model": str(out),
                "steps": done.steps,
                "best_step": done.best_step,
                "losses": losses,
                "scores": dict(done.scores),
            }
        )
    else:
        known = ", ".join(f"{name} {value:.3f}" for name, value in done.scores.items())
        print_result(f"wrote {out} after {done.steps} steps{f': {known} at step {done.best_step}' if known else ''}")
