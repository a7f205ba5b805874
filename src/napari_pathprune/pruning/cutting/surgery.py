"""Mask or cut a model: the only place that slices a weight."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from napari_pathprune.pruning.cutting.masked_norm import leave_out_inputs, make_kept_weight, use_masked_norms
from napari_pathprune.pruning.cutting.verify import verify_equal
from napari_pathprune.pruning.graph import ChannelGraph, Indices, positions_to_cut
from napari_pathprune.pruning.modules.follow import follow_shapes
from napari_pathprune.pruning.modules.kinds import check_arguments, is_count
from napari_pathprune.pruning.modules.match_state import match_state
from napari_pathprune.pruning.modules.replica import replicate
from napari_pathprune.pruning.plan import PrunePlan

_Cuts = dict[str, list[tuple[int, int, Indices]]]


def mask(model: nn.Module, graph: ChannelGraph, plan: PrunePlan) -> nn.Module:
    """Return a copy with the removed channels silenced: dense shapes, same outputs as the compact model.

    In removed channels, filters, biases, weights and biases of norms and added parameters are zero, and so are the
    weights that read them. Norms that take one mean over all channels (layer norm) take it over those that stay. So do
    convolutions that standardise their weights, which lose the removed inputs.

    Parameters
    ----------
    model
        The traced model; it is not changed.
    graph
        Its channel graph.
    plan
        The channels to keep.

    Raises
    ------
    ValueError
        If model, graph and plan do not belong together.
    """
    cuts = _list_cuts(model, graph, plan)
    standardised = {
        name: gone
        for name in graph.standardised
        for axis, splits, gone in cuts.get(name, ())
        if (axis, splits) == (1, 1)
    }
    left_out = {(name, 1) for name in standardised}

    def silence(name: str, tensor: Tensor) -> Tensor:
        copy = tensor.detach().clone()
        if isinstance(tensor, nn.Parameter):
            for axis, splits, gone in cuts.get(name, ()):
                if (name, axis) not in graph.directions and (name, axis) not in left_out:
                    _silence(copy, axis, splits, gone)
        if name in standardised:
            return _cut(copy, 1, 1, standardised[name])
        if name in graph.norms and name in cuts:
            return make_kept_weight(copy, np.concatenate([gone for _, _, gone in cuts[name]]), tensor.requires_grad)
        return copy

    masked = replicate(model, silence)
    leave_out_inputs(masked, standardised)
    if graph.norms:
        use_masked_norms(masked)
    return masked


def compact(
    model: nn.Module, graph: ChannelGraph, plan: PrunePlan, *, verify: bool = True, example_input: object = None
) -> nn.Module:
    """Return a new model without the removed channels.

    Parameters
    ----------
    model
        The traced model; it is not changed.
    graph
        Its channel graph.
    plan
        The channels to keep.
    verify
        Compare the compact model with the masked one on an example before returning it.
    example_input
        Input for the comparison; None for noise of the traced shapes.

    Returns
    -------
    nn.Module
        A model of the same class with narrower weights and matching module attributes such as ``out_channels``. It is
        in the mode (training or evaluation) of ``model``.

    Raises
    ------
    ValueError
        If model, graph and plan do not belong together, or if the outputs of the compact model differ from those of
        the masked one by more than 1e-4 of the largest value. The latter happens if the model's code relies on the
        widths of its layers.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from napari_pathprune.pruning import choose, importance, trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> plan = choose(graph, importance(model, graph), ratio=0.5)
    >>> compact(model, graph, plan)[0]
    Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))
    """
    check_arguments(verify=verify)
    cuts = _list_cuts(model, graph, plan)

    def narrow(name: str, tensor: Tensor) -> Tensor:
        own = cuts.get(name)
        if own is None and name not in factors:
            return tensor.detach().clone()
        narrow = tensor.detach()
        if name in factors:
            narrow = narrow * factors[name].to(narrow).reshape((-1,) + (1,) * (narrow.ndim - 1))
        for axis, splits, gone in own or ():
            narrow = _cut(narrow, axis, splits, gone)
        return narrow

    factors = _find_factors(graph, plan)
    _warn_of_unreached(graph, plan)
    small = replicate(model, narrow)
    follow_shapes(model, small, {m.module for group in graph.groups for m in group.members if m.splits > 1})
    if verify and cuts:
        verify_equal(mask(model, graph, plan), small, graph, example_input, model)
    return small


def reshape(model: nn.Module, shapes: Mapping[str, Sequence[int]]) -> nn.Module:
    """Return the skeleton of a compact model, from the shapes of its weights; ``load_state_dict`` fills it.

    Parameters
    ----------
    model
        The dense model; it is not changed.
    shapes
        Name in the state dict to shape. Tensors that are not named keep theirs.

    Raises
    ------
    ValueError
        If a name is not in the model, a shape has another number of axes, or tied tensors get different shapes.

    Examples
    --------
    >>> from torch import nn
    >>> reshape(nn.Linear(8, 4), {"weight": (2, 8), "bias": (2,)})
    Linear(in_features=8, out_features=2, bias=True)
    """
    check_arguments(model=model, shapes=shapes)
    tensors = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
    new_shapes: dict[int, tuple[int, ...]] = {}
    for name, sizes in shapes.items():
        if isinstance(sizes, (str, bytes)) or not isinstance(sizes, Sequence) or not all(map(is_count, sizes)):
            raise ValueError(f"got shape {sizes!r} for {name!r}; give the length of each axis")
        shape = tuple(int(size) for size in sizes)
        tensor = tensors.get(name)
        if tensor is None:
            raise ValueError(f"got a shape for {name!r}, which this model does not have; build the dense model first")
        if tensor.ndim != len(shape):
            raise ValueError(f"got shape {shape} for {name!r}, which has {tensor.ndim} axes in this model")
        if new_shapes.setdefault(id(tensor), shape) != shape:
            raise ValueError(f"got shape {shape} for {name!r}, but another shape for a tensor that is tied to it")

    def resize(_: str, tensor: Tensor) -> Tensor:
        shape = new_shapes.get(id(tensor), tuple(tensor.shape))
        same = shape == tuple(tensor.shape)
        if same:
            return tensor.detach().clone()
        return _keep_format(torch.zeros(shape, dtype=tensor.dtype, device=tensor.device), tensor)

    skeleton = replicate(model, resize)
    follow_shapes(model, skeleton, known=shapes)
    return skeleton


def _list_cuts(model: nn.Module, graph: ChannelGraph, plan: PrunePlan) -> _Cuts:
    """Return the (axis, splits, positions) to remove from each tensor, after checking that all belong together."""
    check_arguments(model=model, graph=graph, plan=plan)
    plan.check(graph)
    match_state(model, graph)
    cuts: _Cuts = {}
    for (name, axis, splits), gone in positions_to_cut(graph, plan.keep).items():
        cuts.setdefault(name, []).append((axis, splits, gone))
    for own in cuts.values():
        # plain axes first, so that the splits have equally many rows left; rows before columns, which is cheaper
        own.sort(key=lambda cut: (cut[1], cut[0]))
    return cuts


def _warn_of_unreached(graph: ChannelGraph, plan: PrunePlan) -> None:
    """Warn if layers that did not run in the trace may read channels that are cut."""
    cut = {group.width for group in graph.groups if len(plan.keep.get(group.name, range(group.width))) < group.width}
    layers = [name for name in graph.unreached if len(graph.shapes[name]) > 1 and graph.shapes[name][1] in cut]
    if layers:
        warnings.warn(
            f"{', '.join(layers[:3])}{' ...' if layers[3:] else ''} did not run in the trace and may read channels "
            "that are cut; if they are needed, trace the model with an example for which they run",
            stacklevel=3,
        )


def _find_factors(graph: ChannelGraph, plan: PrunePlan) -> dict[str, Tensor]:
    """Return the factors for rows of weights that compensate for numbers in the model's code."""
    before = {group.name: group.width for group in graph.groups}
    after = before | {name: len(stay) for name, stay in plan.keep.items()}
    factors: dict[str, Tensor] = {}
    for own in graph.rescales:
        factor = own.factor(before, after)
        if factor != 1.0:
            rows = factors.setdefault(own.tensor, torch.ones(graph.shapes[own.tensor][0], dtype=torch.float64))
            rows[list(own.rows)] = factor
    return factors


def _cut(tensor: Tensor, axis: int, splits: int, gone: Indices) -> Tensor:
    if splits == 1:
        left = np.delete(np.arange(tensor.shape[axis]), gone)
        return _keep_format(tensor.index_select(axis, torch.from_numpy(left).to(tensor.device)), tensor)
    assert axis == 1, "only axis 1 of a weight holds one split's share"
    share = tensor.shape[1]
    stay = np.delete(np.arange(share * splits), gone).reshape(splits, -1) % share
    index = torch.from_numpy(stay).to(tensor.device)
    parts = tensor.reshape(splits, -1, *tensor.shape[1:])
    rows = torch.arange(parts.shape[1], device=tensor.device)
    which = torch.arange(splits, device=tensor.device)
    picked = parts[which[:, None, None], rows[None, :, None], index[:, None, :]]
    return _keep_format(picked.reshape(-1, *picked.shape[2:]), tensor)


def _keep_format(tensor: Tensor, before: Tensor) -> Tensor:
    """Return a tensor in the memory format (channels last) of another."""
    kind = {4: torch.channels_last, 5: torch.channels_last_3d}.get(before.ndim)
    if kind is None or before.is_contiguous() or not before.is_contiguous(memory_format=kind):
        return tensor
    return tensor.contiguous(memory_format=kind)


def _silence(tensor: Tensor, axis: int, splits: int, gone: Indices) -> None:
    if splits == 1:
        tensor.index_fill_(axis, torch.from_numpy(gone).to(tensor.device), 0)
        return
    share = tensor.shape[1]
    parts = tensor.view(splits, -1, *tensor.shape[1:])
    for split in range(splits):
        own = gone[gone // share == split] % share
        parts[split].index_fill_(1, torch.from_numpy(own).to(tensor.device), 0)
