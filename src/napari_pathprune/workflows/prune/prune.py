"""Pruning of a model file in one shot: load, trace, score, choose, cut, save."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from napari_pathprune.pruning import (
    ChannelGraph,
    Cost,
    Limits,
    PrunePlan,
    Target,
    choose,
    choose_for_latency,
    compact,
    cost_of,
    importance,
    trace,
)
from napari_pathprune.pruning.choosing.limits import DEFAULT_LIMITS, Scope
from napari_pathprune.pruning.costing.cost import seconds_of
from napari_pathprune.pruning.scoring.deciders import Decider
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save

PATCH_PX: Final = 256
"""Approximate side of the input that costs are counted for, HoVer-Net's own."""


@dataclass(frozen=True, slots=True)
class PatchCost:
    """Cost of a model for one patch.

    Attributes
    ----------
    cost
        Parameters, MACs and bytes for an input of ``input_px``.
    input_px, output_px
        Sides of the patch and of its maps, in pixels.
    """

    cost: Cost
    input_px: int
    output_px: int

    @property
    def macs_per_megapixel(self) -> float:
        """MACs for a million pixels of maps, patch by patch."""
        return self.cost.macs / self.output_px**2 * 1e6


def compute_patch_cost(checkpoint: Checkpoint, patch_px: int = PATCH_PX) -> PatchCost:
    """Return the cost of a model for the smallest patch of at least ``patch_px`` that it accepts."""
    model = checkpoint.model()
    size = model.nearest_sizes(patch_px)[1]  # type: ignore[operator]
    return PatchCost(cost_of(model, torch.zeros(1, 3, size, size)), size, model.output_shape(size, size)[0])  # type: ignore[operator]


def make_example(model: nn.Module) -> Tensor:
    """Return an example input to trace a model on, of about `PATCH_PX`, so that shares of MACs are those of a patch.

    Returns
    -------
    Tensor
        (1, 3, size, size) zeros.
    """
    size = model.nearest_sizes(PATCH_PX)[1]  # type: ignore[operator]
    return torch.zeros(1, 3, size, size)


@dataclass(frozen=True, slots=True)
class PruneReport:
    """The result of a cut.

    Attributes
    ----------
    model, out
        Names of the dense model and of the file that was written.
    before, after
        Costs of the dense and the compact model.
    target
        Share of the dense model to keep.
    criterion
        Criterion, with the decider in parentheses if it is not the default.
    seconds
        Measured seconds for one patch before and after the cut, if the target is a latency.
    channels
        Number of channels of the groups that can be cut, before and after. Limits and rounding may leave more of them
        than the target.
    """

    model: str
    out: str
    before: PatchCost
    after: PatchCost
    target: Target
    criterion: str
    seconds: tuple[float, float] | None = None
    channels: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON; the target is given as the option of the command line."""
        return {
            "model": self.model,
            "out": self.out,
            "criterion": self.criterion,
            "target": _write_target(self.target),
            "params": [self.before.cost.params, self.after.cost.params],
            "macs": [self.before.cost.macs, self.after.cost.macs],
            **({} if self.channels is None else {"channels": list(self.channels)}),
            "input_px": self.before.input_px,
            **({} if self.seconds is None else {"seconds": list(self.seconds)}),
        }

    def summary(self) -> str:
        """Return the result in three or four lines."""
        old, new = self.before.cost, self.after.cost
        more = ""
        if self.seconds is not None:
            slow, fast = self.seconds
            more = f"\nmeasured seconds for a patch {slow:.3f} -> {fast:.3f} ({slow / fast:.3g} times faster, "
            more += f"{self.target.speedup:.3g} asked for)"
        if self.channels is not None:
            wide, narrow = self.channels
            asked = f", {self.target.ratio:.1%} asked for" if self.target.measure == "channels" else ""
            more += f"\nchannels {wide:,} -> {narrow:,} ({1 - narrow / wide:.1%} removed{asked})"
        if new.params == old.params:
            more += "\nnothing was cut: under these limits and this target every layer stays whole"
        return (
            f"{self.model} -> {self.out}\n"
            f"parameters {old.params:,} -> {new.params:,} ({new.params / old.params:.1%} kept), "
            f"MACs for {self.before.input_px} px {old.macs / 1e9:.2f} G -> {new.macs / 1e9:.2f} G "
            f"({new.macs / old.macs:.1%} kept){more}"
        )


def _write_target(target: Target) -> dict[str, float]:
    match target.measure:
        case "channels":
            return {"ratio": target.ratio}
        case "latency":
            return {"faster": target.speedup}
        case _:
            return {target.measure: target.keep}


def prune_checkpoint(
    model_name: str,
    out: Path,
    target: Target,
    *,
    criterion: str = "l2",
    decider: Decider = "producers",
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
) -> PruneReport:
    """Prune a model in one shot and write the compact one.

    Parameters
    ----------
    model_name
        File or packaged name.
    out
        The ``.safetensors`` to write.
    target
        Share of the dense model to keep, of its parameters, MACs, channels or measured latency.
    criterion, decider
        As in `pruning.importance`.
    scope, limits
        As in `pruning.choose`.

    Raises
    ------
    ValueError
        If the model cannot be read, a setting is out of range, or the target is out of reach under the limits.
    """
    dense = load(model_name)
    model = dense.model()
    example = make_example(model)
    graph = trace(model, example)
    scores = importance(model, graph, criterion, decider=decider)
    name = criterion if decider == "producers" else f"{criterion} ({decider})"
    if target.measure == "latency":
        plan = choose_for_latency(model, graph, scores, target, scope, limits, criterion=name)
    else:
        plan = choose(graph, scores, scope=scope, limits=limits, target=target, criterion=name)
    small = cut_checkpoint(dense, model, graph, plan)
    save(small, out)
    seconds = None
    if target.measure == "latency":
        slow, fast = seconds_of((model, small.model()), ((example,), {}))
        seconds = slow, fast
    return PruneReport(
        model_name,
        str(out),
        compute_patch_cost(dense),
        compute_patch_cost(small),
        target,
        name,
        seconds,
        count_plan_channels(graph, plan),
    )


def count_plan_channels(graph: ChannelGraph, plan: PrunePlan) -> tuple[int, int]:
    """Return the number of channels of the groups in a plan, before and after the cut."""
    groups = [group for group in graph.groups if group.name in plan.keep]
    return sum(group.width for group in groups), sum(len(plan.keep[group.name]) for group in groups)


def cut_checkpoint(dense: Checkpoint, model: nn.Module, graph: ChannelGraph, plan: PrunePlan) -> Checkpoint:
    """Return a model cut by a plan, with the cut recorded in its lineage.

    Parameters
    ----------
    dense, model, graph
        The dense model as a checkpoint, as a module, and its channel graph.
    plan
        Channels to keep.
    """
    small = compact(model, graph, plan)
    return dense.with_step(small.state_dict(), describe_cut(dense, graph, plan))


def describe_cut(dense: Checkpoint, graph: ChannelGraph, plan: PrunePlan, between: int = 0) -> dict[str, Any]:
    """Return the step of a lineage that records a cut.

    Parameters
    ----------
    dense, graph
        The dense model and its channel graph.
    plan
        Channels to keep, as indices of the dense model.
    between
        Fine-tuning steps between the cuts that make up the plan; 0 if it was a single cut.
    """
    return {
        "step": "pruned",
        "params_before": dense.params,
        **({"fine_tuning_steps_between": between} if between else {}),
        "widths": {
            group.name: [group.width, len(plan.keep[group.name])] for group in graph.groups if group.name in plan.keep
        },
        "plan": json.loads(plan.to_json()),
    }


def repeat_cut(dense: Checkpoint, compact_model: Checkpoint) -> tuple[Checkpoint, PrunePlan]:
    """Cut a dense model by the plan in the lineage of a compact model.

    Raises
    ------
    ValueError
        If the compact model was not pruned exactly once, or has another architecture.
    """
    plans = [step["plan"] for step in compact_model.lineage if step["step"] == "pruned"]
    if len(plans) != 1:
        raise ValueError(f"got a compact model that was pruned {len(plans)} times; only a single cut can be repeated")
    plan = PrunePlan.from_json(json.dumps(plans[0]))
    model = dense.model()
    return cut_checkpoint(dense, model, trace(model, make_example(model)), plan), plan
