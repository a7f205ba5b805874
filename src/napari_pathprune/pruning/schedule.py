"""Schedules: cut at once, or step by step with training in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import nn

from napari_pathprune.pruning.choosing.choose import choose
from napari_pathprune.pruning.choosing.limits import DEFAULT_LIMITS, Limits, Scope
from napari_pathprune.pruning.choosing.target import Target
from napari_pathprune.pruning.cutting.surgery import compact
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.kinds import check_arguments, is_count, is_number
from napari_pathprune.pruning.plan import PrunePlan, compose, identity_plan
from napari_pathprune.pruning.scoring.deciders import Decider
from napari_pathprune.pruning.scoring.importance import Scores, importance

Scorer = Callable[[nn.Module, ChannelGraph], Scores]
"""A function of a model and its channel graph that returns scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a schedule, cut when the iterator reaches it.

    Attributes
    ----------
    number, total
        This step, counted from 1, and the number of steps.
    target
        Share of the dense model that is left after this step.
    plan
        Everything removed so far, in the indices of the dense model.
    model
        The compact model. Train it in place: the next step is chosen from its weights.
    """

    number: int
    total: int
    target: Target
    plan: PrunePlan
    model: nn.Module

    @property
    def ratio(self) -> float:
        """Share of the dense model that has been removed after this step, by the measure of the target."""
        return self.target.ratio


def fixed_steps(target: Target, step_ratio: float = 0.05) -> tuple[Target, ...]:
    """Return the target after each step of a fixed size; the last step is smaller where the size does not divide.

    Parameters
    ----------
    target
        Share to keep in the end.
    step_ratio
        Share of the *dense* model that each step removes (the paper's 5 %, arXiv 2404.08831).

    Raises
    ------
    ValueError
        If the step is out of range.

    Examples
    --------
    >>> [step.ratio for step in fixed_steps(Target("channels", keep=0.75), 0.1)]
    [0.1, 0.2, 0.25]
    """
    check_arguments(target=target)
    if not is_number(step_ratio, 0.0, 1.0) or step_ratio == 0:
        raise ValueError(
            f"got a step of {step_ratio!r}; give the share of the dense model to remove, above 0, at most 1"
        )
    total = max(1, math.ceil(target.ratio / step_ratio - 1e-9))
    return _keep_less(target, [min(target.ratio, (number + 1) * step_ratio) for number in range(total)])


def linear_steps(target: Target, steps: int) -> tuple[Target, ...]:
    """Return the target after each of ``steps`` equal steps; step t removes ``ratio * t / steps``.

    Examples
    --------
    >>> [step.keep for step in linear_steps(Target("params", keep=0.5), 2)]
    [0.75, 0.5]
    """
    _check_steps(target, steps)
    return _keep_less(target, [target.ratio * (number + 1) / steps for number in range(steps)])


def cubic_steps(target: Target, steps: int) -> tuple[Target, ...]:
    """Return the target after each step of a cubic schedule, which removes most in the first steps.

    Step t removes ``ratio * (1 - (1 - t / steps)^3)`` (Zhu and Gupta 2017, arXiv 1710.01878).

    Examples
    --------
    >>> [step.keep for step in cubic_steps(Target("params", keep=0.5), 2)]
    [0.5625, 0.5]
    """
    _check_steps(target, steps)
    return _keep_less(target, [target.ratio * (1.0 - (1.0 - (number + 1) / steps) ** 3) for number in range(steps)])


def _check_steps(target: Target, steps: int) -> None:
    check_arguments(target=target)
    if not is_count(steps, 1):
        raise ValueError(f"got {steps!r} steps; give at least 1")


def _keep_less(target: Target, ratios: list[float]) -> tuple[Target, ...]:
    """Return the targets that remove these shares, the last one exactly ``target``."""
    return *(Target.from_ratio(ratio, target.measure) for ratio in ratios[:-1]), target


def one_shot(
    model: nn.Module,
    graph: ChannelGraph,
    ratio: float,
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
    *,
    criterion: str | Scorer = "l2",
    decider: Decider = "producers",
    seed: int = 0,
    verify: bool = True,
) -> Iterator[Step]:
    """Remove a share of the channels in a single step; parameters as in `gradual`."""
    return gradual(
        model,
        graph,
        (Target.from_ratio(ratio),),
        scope,
        limits,
        criterion=criterion,
        decider=decider,
        seed=seed,
        verify=verify,
    )


def iterative(
    model: nn.Module,
    graph: ChannelGraph,
    ratio: float,
    step_ratio: float = 0.05,
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
    *,
    criterion: str | Scorer = "l2",
    decider: Decider = "producers",
    seed: int = 0,
    verify: bool = True,
) -> Iterator[Step]:
    """Remove a share of the channels in steps of ``step_ratio`` of the dense width; parameters as in `gradual`.

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
    return gradual(
        model,
        graph,
        fixed_steps(Target.from_ratio(ratio), step_ratio),
        scope,
        limits,
        criterion=criterion,
        decider=decider,
        seed=seed,
        verify=verify,
    )


def gradual(
    model: nn.Module,
    graph: ChannelGraph,
    targets: Sequence[Target],
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
    *,
    criterion: str | Scorer = "l2",
    decider: Decider = "producers",
    seed: int = 0,
    verify: bool = True,
) -> Iterator[Step]:
    """Remove channels step by step, each time the least important ones of the model as it is at that step.

    Parameters
    ----------
    model
        The dense model; it is not changed.
    graph
        Its channel graph.
    targets
        Share of the dense model to keep after each step, by one measure and never rising; from `fixed_steps`,
        `linear_steps` or `cubic_steps`.
    scope, limits
        As in `choose`.
    criterion
        As in `importance`, or a function of a model and its graph that returns scores. That is how to score with
        data: ``lambda model, graph: taylor(model, graph, batches, loss)``.
    decider, seed
        As in `importance`.
    verify
        As in `compact`.

    Yields
    ------
    Step
        With the compact model, to be trained before the next step is taken.

    Raises
    ------
    ValueError
        If the targets rise or differ in measure, or one is out of reach under these limits.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> targets = cubic_steps(Target("channels", keep=0.5), 2)
    >>> [step.model[0].out_channels for step in gradual(model, graph, targets)]
    [18, 16]
    """
    check_arguments(model=model, graph=graph, verify=verify)
    if not isinstance(targets, (list, tuple)):
        raise ValueError(f"got targets of type {type(targets).__name__}; give several, as fixed_steps returns them")  # noqa: TRY004
    for target in targets:
        check_arguments(target=target)
    if not isinstance(criterion, str) and (not callable(criterion) or isinstance(criterion, (type, nn.Module))):
        raise ValueError(  # noqa: TRY004 (the user's mistake)
            f"got criterion {criterion!r}; give the name of one, or a function of a model and its graph"
        )
    if not targets or any(b.keep > a.keep or b.measure != a.measure for a, b in pairwise(targets)):
        raise ValueError(
            f"got the targets {tuple(targets)}; give at least one, all of one measure, "
            "and none that keeps more than the one before"
        )
    name = criterion if isinstance(criterion, str) else getattr(criterion, "__name__", type(criterion).__name__)

    def score(now: nn.Module, now_graph: ChannelGraph) -> Scores:
        if isinstance(criterion, str):
            return importance(now, now_graph, criterion, decider=decider, seed=seed)
        return criterion(now, now_graph)

    def steps() -> Iterator[Step]:
        plan = step = identity_plan(graph)
        now, now_graph = model, graph
        for number, target in enumerate(targets, start=1):
            now_graph = now_graph.after(step.keep)
            step = choose(now_graph, score(now, now_graph), 0.0, scope, limits, target, dense=graph)
            now = compact(now, now_graph, step, verify=verify)
            plan = replace(compose(plan, step), criterion=name, ratio=target.ratio)
            yield Step(number, len(targets), target, plan, now)

    return steps()
