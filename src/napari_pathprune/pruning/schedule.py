"""How fast to cut: at once, or step by step with training in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, Unpack, get_args

from torch import nn

from napari_pathprune.pruning.choosing.choose import check_ratio, choose
from napari_pathprune.pruning.choosing.limits import Options
from napari_pathprune.pruning.choosing.search import choose_for_macs, choose_for_params
from napari_pathprune.pruning.cutting.surgery import compact
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.plan import PrunePlan, compose, identity_plan
from napari_pathprune.pruning.scoring.deciders import Decider
from napari_pathprune.pruning.scoring.importance import Scores, importance

Scorer = Callable[[nn.Module, ChannelGraph], Scores]
Measure = Literal["channels", "params", "macs"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a schedule, made when it is asked for.

    Attributes
    ----------
    number, total
        This step, from 1, and how many there are.
    ratio
        Share of the dense model's channels (or parameters, or MACs) to be removed so far.
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


def fixed_steps(ratio: float, step_ratio: float = 0.05) -> tuple[float, ...]:
    """Give the shares removed after each step of a fixed size, the last one smaller where it does not divide.

    Parameters
    ----------
    ratio
        Share to remove in the end, in [0, 1).
    step_ratio
        Share of the *dense* width that each step removes (the paper's 5 %, arXiv 2404.08831).

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> fixed_steps(0.25, 0.1)
    (0.1, 0.2, 0.25)
    """
    check_ratio(ratio)
    if not 0.0 < step_ratio <= 1.0:
        raise ValueError(f"got a step of {step_ratio}; give the share of the dense width to remove, above 0, at most 1")
    total = max(1, math.ceil(ratio / step_ratio - 1e-9))
    return tuple(min(ratio, (number + 1) * step_ratio) for number in range(total))


def linear_steps(ratio: float, steps: int) -> tuple[float, ...]:
    """Give the shares removed after each of some equal steps, ``ratio * t / steps``.

    Examples
    --------
    >>> linear_steps(0.5, 2)
    (0.25, 0.5)
    """
    _check_steps(ratio, steps)
    return tuple(ratio * (number + 1) / steps for number in range(steps))


def cubic_steps(ratio: float, steps: int) -> tuple[float, ...]:
    """Give the shares removed after each step of a cubic schedule: much at first, while there is plenty.

    ``ratio * (1 - (1 - t / steps)^3)`` (Zhu and Gupta 2017, arXiv 1710.01878).

    Examples
    --------
    >>> cubic_steps(0.5, 2)
    (0.4375, 0.5)
    """
    _check_steps(ratio, steps)
    return tuple(ratio * (1.0 - (1.0 - (number + 1) / steps) ** 3) for number in range(steps))


def _check_steps(ratio: float, steps: int) -> None:
    check_ratio(ratio)
    if steps < 1:
        raise ValueError(f"got {steps} steps; give at least 1")


class Settings(Options, total=False):
    """The keyword arguments of `gradual`; see there."""

    criterion: str | Scorer
    decider: Decider
    seed: int
    verify: bool


def one_shot(model: nn.Module, graph: ChannelGraph, ratio: float, **settings: Unpack[Settings]) -> Iterator[Step]:
    """Remove everything in a single step; see `gradual`."""
    return gradual(model, graph, (ratio,), **settings)


def iterative(
    model: nn.Module, graph: ChannelGraph, ratio: float, step_ratio: float = 0.05, **settings: Unpack[Settings]
) -> Iterator[Step]:
    """Remove the same share of the dense width in every step; see `fixed_steps` and `gradual`.

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
    return gradual(model, graph, fixed_steps(ratio, step_ratio), **settings)


def gradual(
    model: nn.Module,
    graph: ChannelGraph,
    ratios: Sequence[float],
    measure: Measure = "channels",
    *,
    criterion: str | Scorer = "l2",
    decider: Decider = "producers",
    seed: int = 0,
    verify: bool = True,
    **options: Unpack[Options],
) -> Iterator[Step]:
    """Remove channels step by step, each time those that matter least in the model as it is then.

    Parameters
    ----------
    model
        The dense model; it is not changed.
    graph
        Its channel graph.
    ratios
        Share removed after each step, in [0, 1), never falling; from `fixed_steps`, `linear_steps`, `cubic_steps`.
    measure
        What the shares are of: the dense model's ``"channels"`` (as in `choose`), ``"params"`` or ``"macs"``.
    criterion
        As in `importance`; or a function of a model and its graph that gives scores, as for data:
        ``lambda model, graph: taylor(model, graph, batches, loss)``.
    decider, seed
        As in `importance`.
    verify
        As in `compact`.
    options
        Limits as in `choose`.

    Yields
    ------
    Step
        With the compact model to train before the next is asked for.

    Raises
    ------
    ValueError
        If a number is out of range, or a step is out of reach under these limits.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> [step.model[0].out_channels for step in gradual(model, graph, cubic_steps(0.5, 2))]
    [18, 16]
    """
    if not ratios or list(ratios) != sorted(ratios):
        raise ValueError(f"got the ratios {tuple(ratios)}; give at least one, and none lower than the one before")
    for ratio in ratios:
        check_ratio(ratio)
    if measure not in get_args(Measure):
        raise ValueError(f"got measure {measure!r}; the measures are {', '.join(get_args(Measure))}")
    name = criterion if isinstance(criterion, str) else getattr(criterion, "__name__", type(criterion).__name__)
    score = _scorer(criterion, decider, seed) if isinstance(criterion, str) else criterion

    def chosen(now: nn.Module, now_graph: ChannelGraph, ratio: float) -> PrunePlan:
        return _CHOOSE[measure](now_graph, score(now, now_graph), ratio, graph, options)

    return _steps(model, graph, ratios, chosen, name, verify=verify)


def _scorer(criterion: str, decider: Decider, seed: int) -> Scorer:
    return lambda model, graph: importance(model, graph, criterion, decider=decider, seed=seed)


def _by_channels(graph: ChannelGraph, scores: Scores, ratio: float, dense: ChannelGraph, options: Options) -> PrunePlan:
    return choose(graph, scores, ratio, dense=dense, **options)


def _by_params(graph: ChannelGraph, scores: Scores, ratio: float, dense: ChannelGraph, options: Options) -> PrunePlan:
    return choose_for_params(graph, scores, 1.0 - ratio, dense=dense, **options)


def _by_macs(graph: ChannelGraph, scores: Scores, ratio: float, dense: ChannelGraph, options: Options) -> PrunePlan:
    return choose_for_macs(graph, scores, 1.0 - ratio, dense=dense, **options)


_CHOOSE: Final[Mapping[Measure, Callable[[ChannelGraph, Scores, float, ChannelGraph, Options], PrunePlan]]] = (
    MappingProxyType({"channels": _by_channels, "params": _by_params, "macs": _by_macs})
)


def _steps(
    model: nn.Module,
    graph: ChannelGraph,
    ratios: Sequence[float],
    chosen: Callable[[nn.Module, ChannelGraph, float], PrunePlan],
    criterion: str,
    *,
    verify: bool,
) -> Iterator[Step]:
    plan = step = identity_plan(graph)
    now, now_graph = model, graph
    for number, ratio in enumerate(ratios, start=1):
        now_graph = now_graph.after(step.keep)
        step = chosen(now, now_graph, ratio)
        now = compact(now, now_graph, step, verify=verify)
        plan = replace(compose(plan, step), criterion=criterion, ratio=ratio)
        yield Step(number, len(ratios), ratio, plan, now)
