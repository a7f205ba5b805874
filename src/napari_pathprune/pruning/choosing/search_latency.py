"""Search for the pruning ratio that leaves a share of the latency, as measured on this device."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from napari_pathprune.pruning.choosing.best_channels import check_scores, keep_best
from napari_pathprune.pruning.choosing.channel_counts import count_channels
from napari_pathprune.pruning.choosing.limits import DEFAULT_LIMITS, Limits, Scope
from napari_pathprune.pruning.choosing.search_target import NEARLY_ALL
from napari_pathprune.pruning.choosing.target import Target
from napari_pathprune.pruning.costing.cost import seconds_of
from napari_pathprune.pruning.cutting.surgery import compact
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import make_example, read_arguments
from napari_pathprune.pruning.plan import PrunePlan


def choose_for_latency(
    model: nn.Module,
    graph: ChannelGraph,
    scores: Mapping[str, Tensor],
    target: Target,
    scope: Scope = "local",
    limits: Limits = DEFAULT_LIMITS,
    *,
    example_input: object = None,
    repeats: int = 5,
    criterion: str = "",
) -> PrunePlan:
    """Choose the smallest pruning ratio that reaches a latency target, as measured on the model's device.

    About eight compact models of different ratios are built and timed, in turns with the dense model, until one is at
    most 5 % faster than it has to be.

    Parameters
    ----------
    model
        The traced model, on the device that counts; it is not changed.
    graph, scores, scope, limits, criterion
        As in `choose`.
    target
        With measure ``"latency"``, below 1; ``Target.from_speedup(2.0)`` asks for twice the speed.
    example_input
        Input to time; None for noise of the shapes that were traced.
    repeats
        Runs for each measurement; their median counts.

    Raises
    ------
    ValueError
        If the target is out of range or out of reach under these limits; the message states what can be reached.
    """
    if target.measure != "latency" or target.keep >= 1.0:
        raise ValueError(f"got {target}; give a target for the latency, below 1")
    check_scores(graph, scores)
    like = next(model.parameters(), None)
    given = make_example(graph.example, like) if example_input is None else read_arguments(example_input)

    def plan_at(ratio: float) -> PrunePlan:
        counts = count_channels(graph, scores, ratio, scope, limits)
        return keep_best(graph, scores, counts, criterion=criterion, ratio=round(ratio, 6))

    def speedup_of(plan: PrunePlan) -> float:
        slow, fast = seconds_of((model, compact(model, graph, plan, verify=False)), given, repeats=repeats)
        return slow / fast

    low, high = 0.0, NEARLY_ALL
    plan = plan_at(high)
    most = speedup_of(plan)
    if most < target.speedup:
        raise ValueError(
            f"got a target of {target.speedup:.4g} times faster, but these limits allow at most {most:.4g} times on "
            "this device; ask for less, or allow more to be removed"
        )
    while high - low > 0.004:
        middle = (low + high) / 2
        tried = plan_at(middle)
        found = speedup_of(tried)
        if found < target.speedup:
            low = middle
            continue
        high, plan = middle, tried
        if found < 1.05 * target.speedup:  # clocks are no more precise than that
            break
    return plan
