"""Cuts to the widths of a plan that was chosen before: in a file, or for a latency measured on this machine."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_pathprune.inference.device import find_device
from napari_pathprune.pruning import (
    ChannelGraph,
    PrunePlan,
    Target,
    choose_for_latency,
    compact,
    compose,
    identity_plan,
    importance,
)
from napari_pathprune.pruning.choosing.best_channels import keep_best
from napari_pathprune.pruning.graph import ChannelGroup
from napari_pathprune.pruning.schedule import Scorer, Step
from napari_pathprune.pruning.scoring.importance import Scores
from napari_pathprune.workflows.config.compress_settings import CompressSettings


def read_plan(path: Path, graph: ChannelGraph) -> PrunePlan:
    """Read a plan for a model.

    Raises
    ------
    ValueError
        If the file is not readable, holds no plan, or one for another model or that cuts nothing.
    """
    try:
        plan = PrunePlan.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable ({error}); give a plan written by PrunePlan.to_json") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    plan.check(graph)
    if not any(_count_removed(plan, group) for group in graph.groups):
        raise ValueError(f"{path} keeps every channel; give a plan that cuts something")
    return plan


def measure_plan(model: nn.Module, graph: ChannelGraph, settings: CompressSettings, device: str) -> PrunePlan:
    """Choose the widths that reach a latency target, by measuring compact models on a device.

    Parameters
    ----------
    model, graph
        The dense model, which is not changed, and its channel graph.
    settings
        With a target for the latency.
    device
        As in `find_device`.

    Returns
    -------
    PrunePlan
        Without a criterion: only its widths count, since each cut ranks the channels anew.

    Raises
    ------
    ValueError
        If the target is out of reach under the limits.
    """
    moved = copy.deepcopy(model).eval().to(find_device(device))
    return choose_for_latency(
        moved, graph, _score_weights(moved, graph, settings), settings.target, settings.scope, settings.limits
    )


def cut_to_plan(
    plan: PrunePlan,
    model: nn.Module,
    graph: ChannelGraph,
    settings: CompressSettings,
    scorer: Scorer,
    *,
    verify: bool = True,
) -> Iterator[Step]:
    """Cut a model step by step to a plan; the steps divide the difference in widths as the settings say.

    Parameters
    ----------
    plan
        A plan with a criterion is followed exactly. Of one without, only the widths count, and each cut keeps the
        channels with the highest scores.
    model, graph
        The dense model, which is not changed, and its channel graph.
    settings
        Number and schedule of the steps.
    scorer
        Scores the channels before each cut, except before the last cut of a plan that is followed exactly.
    verify
        As in `compact`.

    Yields
    ------
    Step
        With the compact model, to be trained before the next step is taken.
    """
    targets = settings.targets()
    so_far = identity_plan(graph)
    now, now_graph, own = model, graph, so_far
    for number, target in enumerate(targets, start=1):
        share = target.ratio / settings.target.ratio
        counts = {
            group.name: group.width - _round_down(_count_removed(plan, group) * share, group.splits)
            for group in graph.prunable
        }
        now_graph = now_graph.after(own.keep)
        is_exact = bool(plan.criterion)
        scores: Scores = (
            {group.name: torch.zeros(group.width) for group in now_graph.groups}
            if is_exact and number == len(targets)
            else scorer(now, now_graph)
        )
        if is_exact:
            scores = {name: _favour(plan, so_far, name, values) for name, values in scores.items()}
        own = keep_best(now_graph, scores, counts)
        now = compact(now, now_graph, own, verify=verify)
        kept = sum(counts.values()) / sum(group.width for group in graph.prunable)
        name = plan.criterion or getattr(scorer, "__name__", type(scorer).__name__)
        so_far = replace(compose(so_far, own), criterion=name, ratio=round(1.0 - kept, 6))
        yield Step(number, len(targets), Target("channels", kept), so_far, now)


def _score_weights(model: nn.Module, graph: ChannelGraph, settings: CompressSettings) -> Scores:
    """Return scores that widths can be chosen by; those of a criterion that needs images are all equal."""
    if settings.criterion == "taylor":
        return {group.name: torch.ones(group.width) for group in graph.prunable}
    return importance(model, graph, settings.criterion, decider=settings.decider, seed=settings.seed)


def _count_removed(plan: PrunePlan, group: ChannelGroup) -> int:
    return group.width - len(plan.keep.get(group.name, range(group.width)))


def _round_down(count: float, splits: int) -> int:
    """Return the largest number of channels up to ``count`` that the splits of a group can lose."""
    return int(count + 1e-6) // splits * splits


def _favour(plan: PrunePlan, so_far: PrunePlan, name: str, scores: Tensor) -> Tensor:
    """Return scores in which the channels that a plan keeps are above all others."""
    if name not in plan.keep:
        return scores
    stay = set(plan.keep[name])
    is_kept = torch.tensor([index in stay for index in so_far.keep[name]])
    span = float(scores.max() - scores.min()) + 1.0
    return scores.to(torch.float64) + span * is_kept
