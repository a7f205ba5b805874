"""The verbs of the command line that learn: train, finetune, compress."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from napari_pathprune.progress import followed
from napari_pathprune.terminal import Json, Model, Out, say, say_json

if TYPE_CHECKING:
    from napari_pathprune.workflows.train_config import TrainConfig

NOTHING_KEPT: Final = 1
"""Exit code of a compression that ran as it should, but lost too much."""

Source = Annotated[
    Path, typer.Argument(metavar="CONFIG|DATA", help="A .toml, or a folder of annotated images (every fifth judges).")
]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps, of the last phase, instead of the config's.")]
Rate = Annotated[float | None, typer.Option(help="Highest learning rate, of every phase, instead of the config's.")]
Devices = Annotated[int | None, typer.Option(help="How many GPUs (or processes) share every batch.")]
Teacher = Annotated[
    str | None, typer.Option(metavar="MODEL", help="A model to learn from beside the truth; in compress, 'parent'.")
]


def train(
    source: Source,
    out: Out,
    steps: Steps = None,
    learning_rate: Rate = None,
    devices: Devices = None,
    as_json: Json = False,
) -> None:
    """Train a fresh model. A run that was stopped goes on where it was when started again.

    Example: `pathprune train train.toml -o model.safetensors`
    """
    _train(_config(source, steps, learning_rate, devices), out, start=None, as_json=as_json)


def finetune(
    model: Model,
    source: Source,
    out: Out,
    steps: Steps = None,
    learning_rate: Rate = None,
    devices: Devices = None,
    teacher: Teacher = None,
    as_json: Json = False,
) -> None:
    """Train a model on, a compact one for instance. A run that was stopped goes on when started again.

    `type_names` in the `[model]` of the config name the types, such as those of an imported model.

    Example: `pathprune finetune small.safetensors data/ -o tuned.safetensors --steps 200`
    """
    _train(_config(source, steps, learning_rate, devices, teacher), out, start=model, as_json=as_json)


def compress(
    model: Model,
    source: Source,
    out: Out,
    params: Annotated[float | None, typer.Option(help="Share of the parameters to keep.")] = None,
    macs: Annotated[float | None, typer.Option(help="Share of the multiply-accumulates to keep.")] = None,
    ratio: Annotated[float | None, typer.Option(help="Share of the channels to remove.")] = None,
    steps: Annotated[int | None, typer.Option(help="Cuts, with fine-tuning after each; 1 is one-shot.")] = None,
    step_ratio: Annotated[
        float | None,
        typer.Option(
            help="Share that each cut removes, such as 0.05: of the dense model's parameters, MACs or channels, "
            "whichever the target counts."
        ),
    ] = None,
    criterion: Annotated[
        str | None, typer.Option(help="How filters are scored: l1, l2, bn_scale, taylor, fpgm, random.")
    ] = None,
    decider: Annotated[
        str | None,
        typer.Option(help="Who decides in shared channels: producers, mean, sum, max, convolved, shortcut."),
    ] = None,
    scope: Annotated[str | None, typer.Option(help="local (the same ratio in every group) or global.")] = None,
    max_skip_ratio: Annotated[float | None, typer.Option(help="Cap on the ratio of skip groups.")] = None,
    cap: Annotated[
        list[str] | None, typer.Option(metavar="GLOB=R", help="Cap on the ratio of groups by name; repeatable.")
    ] = None,
    round_to: Annotated[int | None, typer.Option(help="Keep multiples of so many channels.")] = None,
    min_channels: Annotated[int | None, typer.Option(help="Keep at least so many channels in every group.")] = None,
    allowed_drop: Annotated[float | None, typer.Option(help="Stop when PQ falls by more than this.")] = None,
    fit_steps: Annotated[int | None, typer.Option(help="Fine-tuning steps in all, over all cuts.")] = None,
    learning_rate: Rate = None,
    teacher: Teacher = None,
    as_json: Json = False,
) -> None:
    """Prune and fine-tune, in one shot or step by step; writes the compact model and a report (HTML).

    A run that was stopped goes on where it was when started again. `type_names` in the `[model]` of the config name
    the types, such as those of an imported model. The exit code is 1 if no stage was within the allowed drop.

    Example: `pathprune compress hovernet-s data/ -o small.safetensors --params 0.1 --steps 10 --allowed-drop 0.02`
    """
    from napari_pathprune.workflows.compress import CompressDone
    from napari_pathprune.workflows.compress import compress as run

    targets = {"params": params, "macs": macs, "channels": None if ratio is None else 1.0 - ratio}
    wanted: dict[str, Any] = {}
    for measure, left in targets.items():
        if left is not None:
            if wanted:
                raise ValueError("give one of --params, --macs and --ratio")
            wanted = {"measure": measure, "left": left}
    if steps is not None and step_ratio is not None:
        raise ValueError("give one of --steps and --step-ratio")
    wanted |= {  # one of them puts the config's other one out of force
        "steps": 1 if step_ratio is not None else steps,
        "step_ratio": 0.0 if steps is not None else step_ratio,
        "criterion": criterion,
        "decider": decider,
        "scope": scope,
        "max_skip_ratio": max_skip_ratio,
        "caps": tuple(cap) if cap else None,
        "round_to": round_to,
        "min_channels": min_channels,
        "allowed_drop": allowed_drop,
    }
    config = _config(source, fit_steps, learning_rate, None, teacher)
    settings = dataclasses.replace(config.compress, **_given(wanted))
    report = None
    with _memory():
        for event in followed(run(model, dataclasses.replace(config, compress=settings), out), "compressing"):
            if isinstance(event, CompressDone):
                report = event.report
    assert report is not None
    if as_json:
        say_json(report.to_dict())
    else:
        page = out.with_name(f"{out.stem}.report.html")
        none = f"no stage was within the allowed drop, {out} was not written; "
        say(f"{report.summary()}\n{'' if report.kept else none}see {page}")
    if not report.kept:  # a script that goes on with the compact model has none
        raise typer.Exit(NOTHING_KEPT)


@contextmanager
def _memory() -> Iterator[None]:
    """Advise as it helps in training, wherever in it memory runs out."""
    from napari_pathprune.exhausted import out_of_memory

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise ValueError("not enough memory to train; take smaller patches or a smaller batch") from error


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _config(
    source: Path, steps: int | None, learning_rate: float | None, devices: int | None, teacher: str | None = None
) -> TrainConfig:
    """Read a config; what the command line says counts more."""
    from napari_pathprune.workflows.train_config import read_config

    config = read_config(source)
    changes = _given({"learning_rate": learning_rate, "devices": devices})
    phases = [dataclasses.replace(phase, **changes) for phase in config.fit]
    if steps is not None:
        phases[-1] = dataclasses.replace(phases[-1], steps=steps)
    config = dataclasses.replace(config, fit=tuple(phases))
    if teacher is not None:
        near = str(Path(teacher).resolve()) if Path(teacher).exists() else teacher
        config = dataclasses.replace(config, losses=dataclasses.replace(config.losses, teacher=near))
    return config


def _train(config: TrainConfig, out: Path, *, start: str | None, as_json: bool) -> None:
    from napari_pathprune.training.fit_events import FitDone, StepDone
    from napari_pathprune.workflows.checkpoint import find, load
    from napari_pathprune.workflows.train import train as run

    if start is not None and find(start).resolve() == out.resolve():
        raise ValueError(f"{out} is the model to start from; give another file to write")
    losses, done = {}, None
    with _memory():
        for event in followed(run(config, out, start=None if start is None else load(start)), "training"):
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
