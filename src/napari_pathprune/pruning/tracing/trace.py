"""Find the channel groups of any module from one run of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import nn

from napari_pathprune.pruning.graph import ChannelGraph, Rescale
from napari_pathprune.pruning.modules.example import Arguments, describe_arguments, read_arguments
from napari_pathprune.pruning.modules.kinds import check_kind
from napari_pathprune.pruning.modules.replica import state_of
from napari_pathprune.pruning.sizes import Sizes, build_polynomial
from napari_pathprune.pruning.tracing.grouping import Grouping, group_channels
from napari_pathprune.pruning.tracing.origins import are_compensated
from napari_pathprune.pruning.tracing.probing.probe import Probe
from napari_pathprune.pruning.tracing.traced_run import pause_collector, run_traced
from napari_pathprune.pruning.tracing.tracer import Tracer


def trace(model: nn.Module, example_input: object) -> ChannelGraph:
    """Find which channels of a network have to be cut together.

    The model is copied without its weights, and the copy is run once in evaluation mode. Channel identities are
    followed from every filter that makes them to every filter that reads them, through the operations that are
    executed. They are united where tensors are added or multiplied. Channels that reach the outputs of the model, or
    an operation that mixes channels or is unknown, are frozen, and the reason is recorded.

    Layer norms do not freeze channels: they run over those that stay. Attention loses the same dimensions in every
    head. If its code computes the size of a head from the width of its input (`torch.nn.MultiheadAttention`), the
    input loses the same dimensions. If it scales by that size, the weights of the queries compensate for it.

    Parameters
    ----------
    model
        Any module. It is not changed.
    example_input
        A tensor, a tuple of positional arguments or a mapping of keyword arguments. Only shapes and types are used,
        so any size that the model accepts will do.

    Returns
    -------
    ChannelGraph
        Deterministic: the same model and shapes give the same graph in every process.

    Raises
    ------
    ValueError
        If the model does not run on the example, or is compiled, scripted, quantised or lazy.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> print(graph.to_text())
    0: 8 internal
        out   0
        scale 1
        in    3
    3: 2 internal, frozen: output of the model
        out   3
    0 (input): 3 internal, frozen: reads the input or channels that are not cut in '0'
        in    0
    """
    check_kind(model)
    with pause_collector():
        return _find_graph(model, read_arguments(example_input))


def _find_graph(model: nn.Module, given: Arguments) -> ChannelGraph:
    traced = run_traced(model, given)
    tracer = traced.tracer
    _drop_shared_rescales(tracer)
    probe = Probe(traced)
    grouping = group_channels(tracer.ids)
    graph = _build_graph(model, given, tracer, grouping)
    while tracer.doubt and probe.correct(graph, grouping):
        grouping = group_channels(tracer.ids)
        graph = _build_graph(model, given, tracer, grouping)
    return graph


def _drop_shared_rescales(tracer: Tracer) -> None:
    """Freeze channels whose count scales attention, if the weights that would compensate are used elsewhere too."""
    steps = {number for *_, number in tracer.ids.rescaled}
    shared = [not are_compensated(rows, steps, tracer.uses) for rows, *_ in tracer.ids.rescaled]
    for (_, ids, _, _), is_shared in zip(tracer.ids.rescaled, shared, strict=True):
        if is_shared:
            tracer.ids.freeze(ids, "their number scales attention, and what makes them is used elsewhere too")
    tracer.ids.rescaled = [own for own, is_shared in zip(tracer.ids.rescaled, shared, strict=True) if not is_shared]


def _build_graph(model: nn.Module, given: Arguments, tracer: Tracer, grouping: Grouping) -> ChannelGraph:
    state = state_of(model)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    axes = {(axis.name, axis.axis, axis.splits): grouping.length(axis.ids) for axis in tracer.ids.axes}
    met = tracer.met
    grouped_weights = {name: splits for name, _, splits in axes if splits > 1}
    params, size = [], []
    for name, tensor in state.items():
        splits = grouped_weights.get(name, 1)
        lengths = tuple(
            axes.get((name, axis, splits if axis == 1 else 1), (length, ())) for axis, length in enumerate(tensor.shape)
        )
        if isinstance(tensor, nn.Parameter):
            params.append((1.0 / splits, lengths))
        size.append((tensor.element_size() / splits, lengths))
    macs = [(count, tuple(grouping.length(ids) for ids in lengths)) for count, lengths in tracer.ids.macs]
    groups = grouping.groups
    sizes = Sizes(
        tuple(group.name for group in groups),
        build_polynomial(params, len(groups)),
        build_polynomial(macs, len(groups)),
        build_polynomial(size, len(groups)),
    )
    unreached = tuple(name for name, tensor in state.items() if isinstance(tensor, nn.Parameter) and name not in met)
    norms = tuple(dict.fromkeys(tracer.ids.norms))
    rescales = tuple(_list_rescales(tracer, grouping))
    return ChannelGraph(
        groups,
        shapes,
        describe_arguments(given),
        sizes,
        unreached,
        norms,
        rescales,
        tuple(dict.fromkeys(tracer.ids.directions)),
        tuple(dict.fromkeys(tracer.ids.standardised)),
    )


def _list_rescales(tracer: Tracer, grouping: Grouping) -> Iterator[Rescale]:
    for rows, ids, power, _ in tracer.ids.rescaled:
        fixed, parts = grouping.length(ids)
        length = tuple((grouping.groups[number].name, block) for number, block in parts)
        for name, positions in rows:
            yield Rescale(name, tuple(np.unique(positions).tolist()), fixed, length, power)
