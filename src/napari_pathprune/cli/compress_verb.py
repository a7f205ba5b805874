"""``pathprune compress``."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Final

import typer

from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Json, Model, Out, say, say_json
from napari_pathprune.cli.training_options import Rate, Source, Teacher, config_from, given, training_memory

NOTHING_KEPT: Final = 1
"""Exit code of a compression that ran as it should, but lost too much."""


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
    from napari_pathprune.workflows.compress.compress import CompressDone
    from napari_pathprune.workflows.compress.compress import compress as run

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
    config = config_from(source, fit_steps, learning_rate, None, teacher)
    settings = dataclasses.replace(config.compress, **given(wanted))
    report = None
    with training_memory():
        for event in show_progress(run(model, dataclasses.replace(config, compress=settings), out), "compressing"):
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
