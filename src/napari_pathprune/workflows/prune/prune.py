"""Prune a model file: load, trace, score, choose, cut, save."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

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
"""Costs are told for an input of about this size, HoVer-Net's own."""


@dataclass(frozen=True, slots=True)
class PruneTarget:
    """How much to remove: a ratio of the channels, a share of parameters or MACs to keep, or how much faster to run."""

    kind: Literal["ratio", "params", "macs", "faster"]
    value: float

    @classmethod
    def from_shares(
        cls, *, ratio: float | None, params: float | None, macs: float | None, faster: float | None = None
    ) -> PruneTarget:
        """Take the one that is given.

        Raises
        ------
        ValueError
            If none or several are given, or it is out of range.
        """
        named = {"ratio": ratio, "params": params, "macs": macs, "faster": faster}
        given = [(kind, value) for kind, value in named.items() if value is not None]
        if len(given) != 1:
            raise ValueError("give one of --ratio, --params, --macs and --faster")
        kind, value = given[0]
        if kind == "ratio" and not 0.0 <= value < 1.0:
            raise ValueError(f"got a ratio of {value}; it is the share of channels to remove, 0 to below 1")
        if kind in {"params", "macs"} and not 0.0 < value <= 1.0:
            raise ValueError(f"got --{kind} {value}; it is the share of the {kind} to keep, above 0 to 1")
        if kind == "faster" and not value > 1.0:
            raise ValueError(f"got --faster {value}; it is how many times faster the model is to run, above 1")
        return cls(kind, value)  # type: ignore[arg-type]

    def plan(
        self,
        model: nn.Module,
        graph: ChannelGraph,
        scores: dict[str, Tensor],
        criterion: str,
        scope: Scope,
        limits: Limits,
    ) -> PrunePlan:
        """Choose a plan that reaches the target."""
        if self.kind == "ratio":
            return choose(graph, scores, self.value, scope, limits, criterion=criterion)
        if self.kind == "faster":
            target = Target.from_speedup(self.value)
            return choose_for_latency(model, graph, scores, target, scope, limits, criterion=criterion)
        target = Target(self.kind, self.value)
        return choose(graph, scores, scope=scope, limits=limits, target=target, criterion=criterion)


@dataclass(frozen=True, slots=True)
class PatchCost:
    """What a model costs for one patch.

    Attributes
    ----------
    cost
        Parameters, MACs and bytes for an input of `input_px`.
    input_px, output_px
        Sides of the patch and of its maps.
    """

    cost: Cost
    input_px: int
    output_px: int

    @property
    def macs_per_megapixel(self) -> float:
        """MACs for a million pixels of maps, patch by patch."""
        return self.cost.macs / self.output_px**2 * 1e6


def cost_per_patch(checkpoint: Checkpoint, patch_px: int = PATCH_PX) -> PatchCost:
    """Give the cost of a model for a patch of about ``patch_px``."""
    model = checkpoint.model()
    size = model.nearest_sizes(patch_px)[1]  # type: ignore[operator]
    return PatchCost(cost_of(model, torch.zeros(1, 3, size, size)), size, model.output_shape(size, size)[0])  # type: ignore[operator]


def example_for(model: nn.Module) -> Tensor:
    """Make an input of about `PATCH_PX` to trace a model on, so that shares of MACs are those of a patch."""
    size = model.nearest_sizes(PATCH_PX)[1]  # type: ignore[operator]
    return torch.zeros(1, 3, size, size)


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a cut did; the seconds of a patch before and after it where the target was a speed."""

    model: str
    out: str
    before: PatchCost
    after: PatchCost
    target: PruneTarget
    criterion: str
    seconds: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "out": self.out,
            "criterion": self.criterion,
            "target": {self.target.kind: self.target.value},
            "params": [self.before.cost.params, self.after.cost.params],
            "macs": [self.before.cost.macs, self.after.cost.macs],
            "input_px": self.before.input_px,
            **({} if self.seconds is None else {"seconds": list(self.seconds)}),
        }

    def summary(self) -> str:
        """Tell it to people, in two or three lines."""
        old, new = self.before.cost, self.after.cost
        told = ""
        if self.seconds is not None:
            slow, fast = self.seconds
            told = f"\nseconds for a patch, measured here, {slow:.3f} -> {fast:.3f} ({slow / fast:.1f} times faster)"
        if new.params == old.params:
            told += "\nnothing was cut: the limits (caps, keep, round_to, the ratio) leave every layer whole"
        return (
            f"{self.model} -> {self.out}\n"
            f"parameters {old.params:,} -> {new.params:,} ({new.params / old.params:.1%} left), "
            f"MACs for {self.before.input_px} px {old.macs / 1e9:.2f} G -> {new.macs / 1e9:.2f} G "
            f"({new.macs / old.macs:.1%} left){told}"
        )


def prune_checkpoint(
    model_name: str,
    out: Path,
    target: PruneTarget,
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
        How much to remove.
    criterion, decider
        See `pruning.importance`.
    scope, limits
        As in `pruning.choose`.

    Raises
    ------
    ValueError
        If the model cannot be read or a setting is out of range.
    """
    dense = load(model_name)
    model = dense.model()
    example = example_for(model)
    graph = trace(model, example)
    scores = importance(model, graph, criterion, decider=decider)
    told = criterion if decider == "producers" else f"{criterion} ({decider})"
    small = cut(dense, model, graph, target.plan(model, graph, scores, told, scope, limits))
    save(small, out)
    seconds = None
    if target.kind == "faster":
        slow, fast = seconds_of((model, small.model()), ((example,), {}))
        seconds = slow, fast
    return PruneReport(model_name, str(out), cost_per_patch(dense), cost_per_patch(small), target, told, seconds)


def cut(dense: Checkpoint, model: nn.Module, graph: ChannelGraph, plan: PrunePlan) -> Checkpoint:
    """Cut a model by a plan; the checkpoint's lineage tells what was cut."""
    small = compact(model, graph, plan)
    return dense.with_step(small.state_dict(), pruned_step(dense, graph, plan))


def pruned_step(dense: Checkpoint, graph: ChannelGraph, plan: PrunePlan, between: int = 0) -> dict[str, Any]:
    """Tell, for a lineage, what was cut from a dense model.

    Parameters
    ----------
    dense, graph
        The dense model and its channel graph.
    plan
        In the indices of the dense model.
    between
        Steps of fine-tuning between the cuts that make up the plan; 0 if it was one cut.
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


def cut_as(dense: Checkpoint, compact_one: Checkpoint) -> tuple[Checkpoint, PrunePlan]:
    """Repeat, on a dense model, the cut that another model's lineage tells of.

    Raises
    ------
    ValueError
        If that model was not pruned, or from another architecture.
    """
    plans = [step["plan"] for step in compact_one.lineage if step["step"] == "pruned"]
    if len(plans) != 1:
        raise ValueError(f"the compact model was pruned {len(plans)} times; its cut can be repeated only if that is 1")
    plan = PrunePlan.from_json(json.dumps(plans[0]))
    model = dense.model()
    return cut(dense, model, trace(model, example_for(model)), plan), plan
