"""Options that the verbs of training share, and the settings that result from them and a config file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from napari_pathprune.base.event_log import find_example
from napari_pathprune.base.score_names import format_scores
from napari_pathprune.cli.options.field_options import FieldOptions, Given
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
OptionalSource = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG|DATA]",
        help="A .toml, or a folder of annotated images (every fifth is for validation); not needed with --unlabelled.",
        show_default=False,
    ),
]
Unlabelled = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SLIDE...",
        help="Slides, pictures or folders of them without annotation, on which the teacher gives the targets. "
        "One in five, or else the last, is for validation: scores are agreement with the teacher.",
        show_default=False,
    ),
]
Mpp = Annotated[
    float | None,
    typer.Option(help="Pixel size in um of the slides of --unlabelled, if their files do not state it."),
]
NOTHING: Final[Given] = MappingProxyType({})
FIT_NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "steps": "Overrides the last phase of the config.",
        "learning_rate": "Overrides every phase of the config.",
        "devices": "Overrides every phase of the config.",
        "accelerator": "Overrides every phase of the config.",
        "validate_every": "Overrides every phase of the config.",
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


def read_settings(
    source: Path | None,
    fit: Given,
    losses: Given = NOTHING,
    unlabelled: Sequence[str] | None = None,
    mpp: float | None = None,
) -> TrainConfig:
    """Read a config, and override it by the options of the command line.

    Parameters
    ----------
    source
        A config file or a folder; see `train_config.read_config`. None if there are slides without annotation alone.
    fit
        Fields of `FitSettings`: ``steps`` override the last phase, the others every phase.
    losses
        Fields of `LossSettings`.
    unlabelled
        Slides without annotation, relative to the current folder. They replace those of the config.
    mpp
        Pixel size of these slides in um; None to read it from their files.

    Raises
    ------
    ValueError
        If there is neither a source nor a slide, or if the config is not usable.
    """
    from napari_pathprune.workflows.config.train_config import configure_unlabelled, read_config
    from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings

    slides = tuple(UnlabelledSettings(str(Path(slide).resolve()), mpp or 0.0) for slide in unlabelled or ())
    if source is None and not slides:
        raise ValueError("got no images: give a config, a folder of annotated images, or --unlabelled SLIDE...")
    if mpp is not None and not slides:
        raise ValueError("got --mpp without --unlabelled; the images of a config state their pixel size there")
    config = configure_unlabelled(Path(), slides) if source is None else read_config(source)
    if slides:
        config = dataclasses.replace(config, unlabelled=slides)
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
    before = None if start is None else load(start)
    example = None if start is None else find_example()
    for event in show_progress(run(config, out, start=before, example=example), "training"):
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
        known = format_scores(done.scores)
        print_result(f"wrote {out} after {done.steps} steps{f': {known} at step {done.best_step}' if known else ''}")
