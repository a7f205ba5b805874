"""Options that the verbs of training share, and what they change in a config."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import say, say_json

if TYPE_CHECKING:
    from napari_pathprune.workflows.config.train_config import TrainConfig


Source = Annotated[
    Path, typer.Argument(metavar="CONFIG|DATA", help="A .toml, or a folder of annotated images (every fifth judges).")
]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps, of the last phase, instead of the config's.")]
Rate = Annotated[float | None, typer.Option(help="Highest learning rate, of every phase, instead of the config's.")]
Devices = Annotated[int | None, typer.Option(help="How many GPUs (or processes) share every batch.")]
Teacher = Annotated[
    str | None, typer.Option(metavar="MODEL", help="A model to learn from beside the truth; in compress, 'parent'.")
]


@contextmanager
def training_memory() -> Iterator[None]:
    """Advise as it helps in training, wherever in it memory runs out."""
    from napari_pathprune.base.out_of_memory import is_out_of_memory

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ValueError("not enough memory to train; take smaller patches or a smaller batch") from error


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given, those that are not None."""
    return {name: value for name, value in settings.items() if value is not None}


def config_from(
    source: Path, steps: int | None, learning_rate: float | None, devices: int | None, teacher: str | None = None
) -> TrainConfig:
    """Read a config; what the command line says counts more."""
    from napari_pathprune.workflows.config.train_config import read_config

    config = read_config(source)
    changes = given({"learning_rate": learning_rate, "devices": devices})
    phases = [dataclasses.replace(phase, **changes) for phase in config.fit]
    if steps is not None:
        phases[-1] = dataclasses.replace(phases[-1], steps=steps)
    config = dataclasses.replace(config, fit=tuple(phases))
    if teacher is not None:
        near = str(Path(teacher).resolve()) if Path(teacher).exists() else teacher
        config = dataclasses.replace(config, losses=dataclasses.replace(config.losses, teacher=near))
    return config


def run_training(config: TrainConfig, out: Path, *, start: str | None, as_json: bool) -> None:
    """Train with progress on the terminal, and print how it ended."""
    from napari_pathprune.training.fit_events import FitDone, StepDone
    from napari_pathprune.workflows.checkpoint import find, load
    from napari_pathprune.workflows.train.train import train as run

    if start is not None and find(start).resolve() == out.resolve():
        raise ValueError(f"{out} is the model to start from; give another file to write")
    losses, done = {}, None
    with training_memory():
        for event in show_progress(run(config, out, start=None if start is None else load(start)), "training"):
            match event:
                case StepDone():
                    losses = dict(event.losses)
                case FitDone():
                    done = event
    if done is None:  # one of several processes, of which the first one tells
        return
    if as_json:
        told = {"model": str(out), "steps": done.steps, "best_step": done.best_step}
        told |= {"losses": losses, "scores": dict(done.scores)}
        say_json(told)
    else:
        known = ", ".join(f"{name} {value:.3f}" for name, value in done.scores.items())
        say(f"wrote {out} after {done.steps} steps{f': {known} at step {done.best_step}' if known else ''}")
