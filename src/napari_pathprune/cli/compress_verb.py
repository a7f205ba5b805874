"""``pathprune compress``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

import typer

from napari_pathprune.base.event_log import find_example
from napari_pathprune.cli.options.cut_options import (
    METAVARS,
    NOTES,
    Faster,
    Macs,
    Params,
    Plan,
    Ratio,
    find_target,
    list_names,
    parse_caps,
)
from napari_pathprune.cli.options.field_options import FieldOptions, Given, take_options
from napari_pathprune.cli.options.training_options import (
    Mpp,
    OptionalSource,
    Unlabelled,
    fit_options,
    loss_options,
    read_settings,
)
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Json, Model, Out, print_json, print_result

NOTHING_KEPT: Final = 1
"""Exit code of a compression that ran to its end, but lost more than is allowed."""
_CUTS: Final = ("steps", "step_ratio", "criterion", "decider", "scope", "allowed_drop")
_LIMITS: Final = ("max_skip_ratio", "caps", "round_to", "min_channels")


def _options() -> Mapping[str, FieldOptions]:
    from napari_pathprune.pruning import Limits
    from napari_pathprune.workflows.config.compress_settings import CompressSettings

    cuts = FieldOptions(CompressSettings, _CUTS)
    limits = FieldOptions(
        Limits, _LIMITS, names={"caps": "cap"}, notes=NOTES, metavars=METAVARS, parse={"caps": parse_caps}
    )
    fit = fit_options(
        {
            "steps": "Shared among the cuts.",
            "learning_rate": "Overrides the config.",
            "accelerator": "Overrides the config.",
            "validate_every": "Overrides the config.",
        },
        names={"steps": "fit_steps"},
    )
    return {"cuts": cuts, "limits": limits, "fit": fit, "losses": loss_options()}


@take_options(_options)
def compress(
    model: Model,
    source: OptionalSource = None,
    *,
    out: Out,
    unlabelled: Unlabelled = None,
    mpp: Mpp = None,
    params: Params = None,
    macs: Macs = None,
    ratio: Ratio = None,
    faster: Faster = None,
    plan: Plan = None,
    cuts: Given,
    limits: Given,
    fit: Given,
    losses: Given,
    as_json: Json = False,
) -> None:
    """Prune and fine-tune a model, in one shot or step by step; writes the compact model and a report (HTML).

    A compression that was stopped resumes when it is started again. `type_names` in the `[model]` of the config name
    the types, such as those of an imported model. The exit code is 1 if no stage was within the allowed drop.

    Example: `pathprune compress hovernet-s data/ -o small.safetensors --params 0.1 --steps 10 --allowed-drop 0.02`

    Without annotation, the dense model teaches the compact one on any slides: `pathprune compress hovernet-s
    --unlabelled slide.svs other.svs -o small.safetensors --macs 0.16 --round-to 8`
    """
    from napari_pathprune.workflows.compress.compress import compress as run
    from napari_pathprune.workflows.compress.compress_events import CompressDone

    config = read_settings(source, fit, losses, unlabelled, mpp)
    given = find_target(params=params, macs=macs, ratio=ratio, faster=faster)
    if given is not None and plan is not None:
        raise ValueError(f"give one of {list_names(['params', 'macs', 'ratio', 'faster', 'plan'])}")
    target = given or config.compress.target
    file = config.compress.plan if given is None else ""
    if plan is not None:
        file = str(plan.resolve())
    limited = dataclasses.replace(config.compress.limits, **limits)
    settings = dataclasses.replace(config.compress, target=target, plan=file, limits=limited, **_settle_steps(cuts))
    report = None
    events = run(model, dataclasses.replace(config, compress=settings), out, example=find_example())
    for event in show_progress(events, "compressing"):
        if isinstance(event, CompressDone):
            report = event.report
    assert report is not None
    if as_json:
        print_json(report.to_dict())
    else:
        page = out.with_name(f"{out.stem}.report.html")
        none = f"no stage was within the allowed drop, {out} was not written; "
        print_result(f"{report.summary()}\n{'' if report.kept else none}see {page}")
    if not report.kept:  # a script that continues with the compact model would find none
        raise typer.Exit(NOTHING_KEPT)


def _settle_steps(cuts: Given) -> Given:
    """Return the settings in which one of ``steps`` and ``step_ratio`` overrides the other one of the config."""
    if {"steps", "step_ratio"} <= cuts.keys():
        raise ValueError("give one of --steps and --step-ratio")
    if "step_ratio" in cuts:
        return {**cuts, "steps": 1}
    return {**cuts, "step_ratio": 0.0} if "steps" in cuts else cuts
