"""Find the channel groups of any module by watching one run of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from napari_pathprune.pruning.graph import ChannelGraph, Rescale
from napari_pathprune.pruning.modules.example import Arguments, arguments, mapped, remembered
from napari_pathprune.pruning.modules.kinds import check_kind
from napari_pathprune.pruning.modules.replica import copied, emptied, empty_like, state_of, tensors_in
from napari_pathprune.pruning.sizes import Sizes, polynomial
from napari_pathprune.pruning.tracing.grouping import Grouping, grouped
from napari_pathprune.pruning.tracing.probe import mended
from napari_pathprune.pruning.tracing.rules.all_rules import RULES
from napari_pathprune.pruning.tracing.tracer import Tracer, step_by_step


def trace(model: nn.Module, example_input: object) -> ChannelGraph:
    """Find which channels of a network have to be cut together.

    The model is copied without its weights, and the copy is run once in evaluation mode. Channel identities are
    followed from every filter that makes them to every filter that reads them, through the operations that were
    executed; they are united where tensors are added or multiplied. Channels that reach the model's outputs, or
    an operation that mixes channels or is not known, are frozen, with the reason.

    Layer norms do not freeze: they run over the channels that stay. Attention loses the same dimensions in every
    head; where its code works the size of a head out from the width of its input (`torch.nn.MultiheadAttention`), the
    input loses the same ones, and where it scales by that size, the weights of the queries make up for it.

    Parameters
    ----------
    model
        Any module. It is not changed.
    example_input
        A tensor, a tuple of positional or a mapping of keyword arguments. Only shapes and types are used; any
        size that the model takes will do.

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
    given = arguments(example_input)
    tracer = _traced(model, given)
    grouping = grouped(tracer.ids)
    graph = _graph(model, given, tracer, grouping)
    while tracer.doubt and mended(model, graph, tracer, grouping):
        grouping = grouped(tracer.ids)
        graph = _graph(model, given, tracer, grouping)
    return graph


def _traced(model: nn.Module, given: Arguments) -> Tracer:
    # whatever stops a run without contents, only a real run can tell
    with contextlib.suppress(Exception):
        return _run(model, given, empty=True)
    try:
        return _run(model, given, empty=False)
    except Exception as error:
        shapes = ", ".join(str(tuple(t.shape)) for t in tensors_in(given)) or "no tensor"
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"the model does not run on the example input ({shapes}): {first}; give an input that it takes"
        ) from error


def _run(model: nn.Module, given: Arguments, *, empty: bool) -> Tracer:
    with torch.inference_mode(), step_by_step():
        copy = emptied(model) if empty else copied(model)
        copy.eval()
        args, kwargs = mapped(empty_like if empty else torch.clone, given)
        tracer = Tracer(copy, state_of(copy), RULES, empty=empty)
        for tensor in tensors_in((args, kwargs)):
            tracer.give(tensor, ())
        with tracer:
            outputs = copy(*args, **kwargs)
    for tensor in tensors_in(outputs):
        for factor in tracer.of(tensor):
            tracer.ids.freeze(factor, "output of the model")
    return tracer


def _graph(model: nn.Module, given: Arguments, tracer: Tracer, grouping: Grouping) -> ChannelGraph:
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
        polynomial(params, len(groups)),
        polynomial(macs, len(groups)),
        polynomial(size, len(groups)),
    )
    unreached = tuple(name for name, tensor in state.items() if isinstance(tensor, nn.Parameter) and name not in met)
    norms = tuple(dict.fromkeys(tracer.ids.norms))
    rescales = tuple(_rescales(tracer, grouping))
    return ChannelGraph(groups, shapes, remembered(given), sizes, unreached, norms, rescales)


def _rescales(tracer: Tracer, grouping: Grouping) -> Iterator[Rescale]:
    for rows, ids, power in tracer.ids.rescaled:
        fixed, parts = grouping.length(ids)
        length = tuple((grouping.groups[number].name, block) for number, block in parts)
        for name, positions in rows:
            yield Rescale(name, tuple(np.unique(positions).tolist()), fixed, length, power)
