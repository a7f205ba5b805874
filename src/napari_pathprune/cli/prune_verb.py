"""``pathprune prune``."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_pathprune.cli.terminal import Json, Model, Out, say, say_json


def prune(
    model: Model,
    out: Out,
    ratio: Annotated[float | None, typer.Option(help="Share of channels to remove, 0 to below 1.")] = None,
    params: Annotated[float | None, typer.Option(help="Share of the parameters to keep.")] = None,
    macs: Annotated[float | None, typer.Option(help="Share of the multiply-accumulates to keep.")] = None,
    faster: Annotated[float | None, typer.Option(help="How many times faster to run, as measured here.")] = None,
    criterion: Annotated[str, typer.Option(help="How filters are scored: l1, l2, bn_scale, fpgm, random.")] = "l2",
    decider: Annotated[
        str, typer.Option(help="Who decides in shared channels: producers, mean, sum, max, convolved, shortcut.")
    ] = "producers",
    scope: Annotated[str, typer.Option(help="local (the same ratio in every group) or global.")] = "local",
    first: Annotated[str | None, typer.Option(help="Groups to prune before the others: internal or skip.")] = None,
    max_skip_ratio: Annotated[float | None, typer.Option(help="Cap on the ratio of skip groups.")] = None,
    cap: Annotated[
        list[str] | None, typer.Option(metavar="GLOB=R", help="Cap on the ratio of groups by name; repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Groups by name that stay whole; repeatable.")
    ] = None,
    round_to: Annotated[int, typer.Option(help="Keep multiples of so many channels.")] = 1,
    min_channels: Annotated[int, typer.Option(help="Keep at least so many channels in every group.")] = 1,
    as_json: Json = False,
) -> None:
    """Prune a model in one shot; layers that are added to each other lose the same channels.

    `pathprune info MODEL` lists the channel groups that `--keep` and `--cap` name.

    Example: `pathprune prune hovernet-s -o small.safetensors --params 0.1`
    """
    from napari_pathprune.pruning.choosing.limits import Limits, parse_cap
    from napari_pathprune.workflows.prune.prune import PruneTarget, prune_checkpoint

    target = PruneTarget.from_shares(ratio=ratio, params=params, macs=macs, faster=faster)
    report = prune_checkpoint(
        model,
        out,
        target,
        criterion=criterion,
        decider=decider,  # type: ignore[arg-type] # what these words may be, the engine says
        scope=scope,  # type: ignore[arg-type]
        limits=Limits(
            first=first,  # type: ignore[arg-type]
            max_skip_ratio=1.0 if max_skip_ratio is None else max_skip_ratio,
            caps=dict(map(parse_cap, cap or ())),
            keep=keep or (),
            round_to=round_to,
            min_channels=min_channels,
        ),
    )
    if as_json:
        say_json(report.to_dict())
    else:
        say(report.summary())
