"""The cost of a network: parameters, multiply-accumulates, bytes and seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from napari_pathprune.pruning.cutting.verify import outputs_of
from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.example import Arguments, map_tensors, read_arguments, word_failure
from napari_pathprune.pruning.modules.kinds import check_arguments, is_count
from napari_pathprune.pruning.modules.replica import copy_empty, copy_model, empty_like, state_of
from napari_pathprune.pruning.plan import PrunePlan
from napari_pathprune.pruning.tracing.call import Call
from napari_pathprune.pruning.tracing.macs import macs_of_call
from napari_pathprune.pruning.tracing.operation_watcher import OperationWatcher, disable_fused_layers
from napari_pathprune.pruning.tracing.rules.rule_table import RULES


@dataclass(frozen=True, slots=True)
class Cost:
    """Size and work of a network.

    Attributes
    ----------
    params
        Number of parameters; tied ones count once.
    macs
        Multiply-accumulates of convolutions and matrix products in one run on the example; 1 MAC = 2 FLOPs.
    bytes
        Size of parameters and buffers.
    """

    params: int
    macs: int
    bytes: int


def cost_of(model: nn.Module, example_input: object) -> Cost:
    """Count the parameters, MACs and bytes of a network, without computing anything.

    Parameters
    ----------
    model
        Any module; it is not changed.
    example_input
        A tensor, a tuple of positional or a mapping of keyword arguments; its batch is part of the MACs.

    Raises
    ------
    ValueError
        If the model does not run on the example.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> cost_of(nn.Conv2d(3, 8, 3), torch.zeros(1, 3, 10, 10))
    Cost(params=224, macs=13824, bytes=896)
    """
    check_arguments(model=model)
    state = state_of(model)
    params = sum(t.numel() for t in state.values() if isinstance(t, nn.Parameter))
    size = sum(t.numel() * t.element_size() for t in state.values())
    try:
        macs = _count_macs(model, example_input, empty=True)
    except Exception:  # noqa: BLE001 (a forward that looks at values needs real ones)
        try:
            macs = _count_macs(model, example_input, empty=False)
        except Exception as error:
            raise ValueError(word_failure(read_arguments(example_input), error)) from error
    return Cost(params, macs, size)


def _count_macs(model: nn.Module, example_input: object, *, empty: bool) -> int:
    with torch.inference_mode(), disable_fused_layers():
        copy = (copy_empty if empty else copy_model)(model).eval()
        args, kwargs = map_tensors(empty_like if empty else torch.clone, read_arguments(example_input))
        with _Counter(copy, empty=empty) as counter:
            copy(*args, **kwargs)
    return int(counter.macs)


class _Counter(OperationWatcher):  # type: ignore[no-untyped-call]
    """Sums the MACs of a run."""

    macs = 0

    def takes_whole(self, name: str, func: OpOverload, inputs: Sequence[Tensor]) -> bool:
        del inputs
        return name in RULES or torch.Tag.pointwise in func.tags

    def on_operation(self, call: Call) -> None:
        self.macs += macs_of_call(call.name, call.args, call.outputs)


def cost_after(graph: ChannelGraph, plan: PrunePlan | None = None) -> Cost:
    """Predict the cost of the compact model from its widths alone, within microseconds; MACs on the traced example.

    Parameters
    ----------
    graph
        Channel graph of the dense model.
    plan
        The channels to keep; None for all.
    """
    check_arguments(graph=graph)
    if plan is not None:
        check_arguments(plan=plan)
    keep = {} if plan is None else plan.keep
    widths = {group.name: len(keep.get(group.name, range(group.width))) for group in graph.groups}
    at = graph.sizes.widths(widths)
    return Cost(round(graph.sizes.params.at(at)), round(graph.sizes.macs.at(at)), round(graph.sizes.bytes.at(at)))


def latency_of(model: nn.Module, example_input: object, *, repeats: int = 5, warmup: int = 2) -> float:
    """Measure the seconds of one run in evaluation mode: the median of several, after a warm-up.

    Parameters
    ----------
    model
        Any module, on the device to measure; it is not changed.
    example_input
        As in `cost_of`.
    repeats, warmup
        Number of runs that count, and that are made before.

    Raises
    ------
    ValueError
        If ``repeats`` is below 1 or ``warmup`` negative.
    """
    check_arguments(model=model)
    given = read_arguments(example_input)
    try:
        return seconds_of((model,), given, repeats=repeats, warmup=warmup)[0]
    except (TypeError, RuntimeError) as error:
        raise ValueError(word_failure(given, error)) from error


def seconds_of(
    models: Sequence[nn.Module], given: Arguments, *, repeats: int = 5, warmup: int = 2
) -> tuple[float, ...]:
    """Measure several models as in `latency_of`, in turns, so that other load on the machine affects all alike."""
    if not is_count(repeats, 1) or not is_count(warmup):
        raise ValueError(f"got repeats={repeats}, warmup={warmup}; give at least 1 repeat and no negative warm-up")
    seconds: list[list[float]] = [[] for _ in models]
    for _ in range(warmup + repeats):
        for model, own in zip(models, seconds, strict=True):
            start = time.perf_counter()
            outputs_of(model, given)
            if any(p.is_cuda for p in model.parameters()):
                torch.cuda.synchronize()
            own.append(time.perf_counter() - start)
    return tuple(statistics.median(own[warmup:]) for own in seconds)
