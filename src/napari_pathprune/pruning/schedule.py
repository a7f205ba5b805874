"""How fast to cut: at once, or a fixed share of the dense width at a time, with training in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.importance import importance
from napari_pathprune.pruning.plan import PrunePlan, Scope, checked_ratio, choose, compose, identity_plan
from napari_pathprune.pruning.surgery import compact


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a schedule, made when it is asked for.

    Attributes
    ----------
    number, total
        This step, from 1, and how many there are.
    ratio
        Share of the dense model's channels removed so far.
    plan
        Everything removed so far, in the indices of the dense model.
    model
        The compact model. Train it in place: the next step is chosen from its weights.
    """

    number: int
    total: int
    ratio: float
    plan: PrunePlan
    model: nn.Module


def one_shot(model: nn.Module, graph: ChannelGraph, ratio: float, **options: object) -> Iterator[Step]:
    """Remove everything in a single step; see `iterative`."""
    return iterative(model, graph, ratio, step_ratio=1.0, **options)  # type: ignore[arg-type]


def iterative(
    model: nn.Module,
    graph: ChannelGraph,
    ratio: float,
    step_ratio: float = 0.05,
    *,
    criterion: str = "l2",
    scope: Scope = "local",
    max_skip_ratio: float | None = None,
    round_to: int = 1,
    min_channels: int = 1,
    seed: int = 0,
    verify: bool = True,
) -> Iterator[Step]:
    """Remove channels step by step, each time those that matter least in the model as it is then.

    Parameters
    ----------
    model
        The dense model; it is not changed.
    graph
        Its channel graph.
    ratio
        Share of the channels to remove in the end, in [0, 1).
    step_ratio
        Share of the *dense* width that each step removes (the paper's 5 %, arXiv 2404.08831).
    criterion, scope, max_skip_ratio, round_to, min_channels, seed
        As in `importance` and `choose`.
    verify
        As in `compact`.

    Yields
    ------
    Step
        With the compact model to train before the next is asked for.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 20, 3), nn.ReLU(), nn.Conv2d(20, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> [step.model[0].out_channels for step in iterative(model, graph, ratio=0.15)]
    [19, 18, 17]
    """
    checked_ratio(ratio)
    if not 0.0 < step_ratio <= 1.0:
        raise ValueError(f"got a step of {step_ratio}; give the share of the dense width to remove, above 0, at most 1")
    total = max(1, math.ceil(ratio / step_ratio - 1e-9))
    return _steps(
        model,
        graph,
        [min(ratio, (number + 1) * step_ratio) for number in range(total)],
        lambda now, now_graph, share: choose(
            now_graph,
            importance(now, now_graph, criterion, seed=seed),
            share,
            scope,
            max_skip_ratio,
            round_to,
            min_channels,
            criterion=criterion,
            dense=graph,
        ),
        verify=verify,
    )


def _steps(
    model: nn.Module,
    graph: ChannelGraph,
    ratios: list[float],
    chosen: Callable[[nn.Module, ChannelGraph, float], PrunePlan],
    *,
    verify: bool,
) -> Iterator[Step]:
    plan, now, now_graph = identity_plan(graph), model, graph
    for number, ratio in enumerate(ratios, start=1):
        step = chosen(now, now_graph, ratio)
        now = compact(now, now_graph, step, verify=verify)
        now_graph = now_graph.after(step.keep)
        plan = compose(plan, step)
        plan = PrunePlan(plan.keep, plan.graph, step.criterion, ratio)
        yield Step(number, len(ratios), ratio, plan, now)
