"""``pathprune compress``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import typer

from napari_pathprune.base.out_of_memory import advise_on_memory
from napari_pathprune.cli.cut_options import METAVARS, NOTES, Macs, Params, Ratio, list_choices, pick_one
from napari_pathprune.cli.field_options import FieldOptions, Given, take_options
from napari_pathprune.cli.show_progress import show_progress
from napari_pathprune.cli.terminal import Json, Model, Out, print_json, print_result
from napari_pathprune.cli.training_options import Source, fit_options, loss_options, read_settings

NOTHING_KEPT: Final = 1
"""Exit code of a compression that ran to its end, but lost more than is allowed."""
_FIELDS: Final = (
    *("steps", "step_ratio", "criterion", "decider", "scope", "max_skip_ratio", "caps", "round_to", "min_channels"),
    "allowed_drop",
)


def _options() -> Mapping[str, FieldOptions]:
    from napari_pathprune.pruning import Limits
    from napari_pathprune.workflows.config.compress_settings import CompressSettings

    choices = list_choices()
    cuts = FieldOptions(
        CompressSettings,
        _FIELDS,
        names={"caps": "cap"},
        notes=NOTES,
        choices={**choices, "criterion": (*choices["criterion"], "taylor")},
        metavars=METAVARS,
        parse={"caps": tuple},
        described_by=Limits,
    )
    fit = fit_options(
        {"steps": "Shared among the cuts.", "learning_rate": "Overrides the config."}, names={"steps": "fit_steps"}
    )
    return {"cuts": cuts, "fit": fit, "losses": loss_options()}


@take_options(_options)
def compress(
    model: Model,
    source: Source,
    out: Out,
    *,
    params: Params = None,
    macs: Macs = None,
    ratio: Ratio = None,
    cuts: Given,
    fit: Given,
    losses: Given,
    as_json: Json = False,
) -> None:
    """Prune and fine-tune a model, in one shot or step by step; writes the compact model and a report (HTML).

    A compression that was stopped resumes when it is started again. `type_names` in the `[model]` of the config name
    the types, such as those of an imported model. The exit code is 1 if no stage was within the allowed drop.

    Example: `pathprune compress hovernet-s data/ -o small.safetensors --params 0.1 --steps 10 --allowed-drop 0.02`
    """
    from napari_pathprune.workflows.compress.compress import CompressDone
    from napari_pathprune.workflows.compress.compress import compress as run

    config = read_settings(source, fit, losses)
    changes = {**_find_target(params=params, macs=macs, ratio=ratio), **_settle_steps(cuts)}
    config = dataclasses.replace(config, compress=dataclasses.replace(config.compress, **changes))
    report = None
    with advise_on_memory("take smaller patches or a smaller batch"):
        for event in show_progress(run(model, config, out), "compressing"):
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


def _find_target(**options: float | None) -> dict[str, Any]:
    """Return the target of the options as settings; empty if none was given."""
    from napari_pathprune.pruning import Target

    given = pick_one(**options)
    if given is None:
        return {}
    measure, value = given
    target = Target.from_ratio(value) if measure == "ratio" else Target(measure, value)  # type: ignore[arg-type]
    return {"measure": target.measure, "left": target.keep}


def _settle_steps(cuts: Given) -> Given:
    """Return the settings in which one of ``steps`` and ``step_ratio`` overrides the other one of the config."""
    if {"steps", "step_ratio"} <= cuts.keys():
        raise ValueError("give one of --steps and --step-ratio")
    if "step_ratio" in cuts:
        return {**cuts, "steps": 1}
    return {**cuts, "step_ratio": 0.0} if "steps" in cuts else cuts
