"""Module attributes that repeat the shapes of weights, such as ``out_channels``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

_WIDTHS: Final = frozenset(
    {"hidden_dim", "embed_dim", "dim", "embedding_dim", "d_model", "hidden_size", "num_features", "channels"}
    | {"in_channels", "out_channels", "in_chs", "out_chs", "in_features", "out_features", "in_planes", "inplanes"}
)
_OWN_WIDTHS: Final = _WIDTHS | {"groups", "num_channels", "n_channels", "c", "ch", "planes", "num_filters", "n_filters"}
"""Names of widths in modules that hold a filter of their own."""
_COMPUTES_WEIGHTS: Final = frozenset({"torch.nn.utils.prune", "torch.nn.utils.weight_norm"})
_HEADS: Final = ("num_heads", "n_heads", "heads")
_HEAD_DIM: Final = ("head_dim", "dim_head", "d_head")
_OF_ALL_HEADS: Final = ("attn_dim", "inner_dim", "all_head_dim")


def follow_shapes(
    dense: nn.Module, model: nn.Module, grouped: Collection[str] = (), known: Collection[str] | None = None
) -> None:
    """Set channel counts, conv groups and normalised shapes of all modules to the shapes of their tensors.

    Parameters
    ----------
    dense
        The model before the cut.
    model
        The model after the cut; changed in place.
    grouped
        Names of convolutions whose number of conv groups stays, even if each has a single input channel. Any other
        such convolution is depthwise: it has as many conv groups as channels.
    known
        Names of the tensors that have their shapes, if there may be others: a buffer that no file holds, such as a
        fixed filter, follows the layer before it.
    """
    before = dict(dense.named_modules(remove_duplicate=False))
    made: dict[int, int] = {}  # number of channels that the last layer of so many made, before and after the cut
    for name, module in model.named_modules():
        _refresh_weight(module)
        if known is not None:
            _follow_buffers(module, made, name, known)
        if name not in before:
            _follow_layer(module, stays=name in grouped)
            continue
        if isinstance(module, _InstanceNorm) and not [*module.parameters(), *module.buffers()]:
            module.num_features = made.get(module.num_features, module.num_features)
        elif not _follow_layer(module, stays=name in grouped):
            _follow_heads(before[name], module)
            _follow_widths(before[name], module)
        for attribute in ("out_channels", "out_features"):
            if type(count := getattr(before[name], attribute, None)) is int:
                made[count] = getattr(module, attribute)


def _follow_buffers(module: nn.Module, made: Mapping[int, int], path: str, known: Collection[str]) -> None:
    """Shorten buffers that repeat the same values for each channel of the last layer of as many channels."""
    for name in module._non_persistent_buffers_set:  # noqa: SLF001 (there is no public way)
        buffer = module._buffers.get(name)  # noqa: SLF001
        if buffer is None or buffer.ndim < 2 or (f"{path}.{name}" if path else name) in known:
            continue
        for axis, length in enumerate(buffer.shape):
            first = buffer.narrow(axis, 0, 1)
            if made.get(length, length) < length and bool((buffer == first).all()):
                buffer = buffer.narrow(axis, 0, made[length])
        module._buffers[name] = buffer.clone()  # noqa: SLF001


def _follow_layer(module: nn.Module, *, stays: bool) -> bool:
    """Set the attributes of a layer of torch; return whether the module is one."""
    match module:
        case _ConvNd():
            _follow_convolution(module, stays=stays)
        case nn.Linear():
            module.out_features, module.in_features = (int(size) for size in shape_of_weight(module))
        case _NormBase():
            tensor = module.weight if module.weight is not None else module.running_mean
            if tensor is not None:
                module.num_features = len(tensor)
        case nn.GroupNorm() if module.weight is not None:
            share = module.num_channels // module.num_groups
            module.num_channels = len(module.weight)
            module.num_groups = 1 if module.num_groups == 1 else module.num_channels // share
        case nn.PReLU():
            module.num_parameters = len(module.weight)
        case nn.Embedding():
            module.num_embeddings, module.embedding_dim = module.weight.shape
        case nn.MultiheadAttention():
            packed = module.in_proj_weight if module._qkv_same_embed_dim else None  # noqa: SLF001
            module.embed_dim = module.out_proj.weight.shape[0]
            module.head_dim = module.embed_dim // module.num_heads
            module.kdim = packed.shape[1] if packed is not None else module.k_proj_weight.shape[1]
            module.vdim = packed.shape[1] if packed is not None else module.v_proj_weight.shape[1]
        case nn.Module(normalized_shape=tuple(), weight=Tensor() as weight):  # layer norms of any library
            vars(module)["normalized_shape"] = tuple(weight.shape)
        case _:
            return _follow_rare_layer(module)
    return True


def _follow_rare_layer(module: nn.Module) -> bool:
    match module:
        case nn.RNNBase():
            module.input_size = _find_weight(module, "weight_ih_l0").shape[1]
        case nn.RNNCellBase():
            module.input_size = _find_weight(module, "weight_ih").shape[1]
        case nn.Bilinear():
            module.out_features, module.in1_features, module.in2_features = module.weight.shape
        case _:
            return False
    return True


def _follow_convolution(conv: _ConvNd, *, stays: bool) -> None:
    first, second = shape_of_weight(conv)[:2]
    one_each = not stays and conv.groups > 1 and conv.groups == conv.in_channels
    if isinstance(conv, _ConvTransposeNd):
        conv.groups = first if one_each else conv.groups
        conv.in_channels, conv.out_channels = first, second * conv.groups
        return
    if one_each:  # depthwise: every channel is its own split
        conv.groups = first // (conv.out_channels // conv.groups)
    conv.in_channels, conv.out_channels = second * conv.groups, first


def shape_of_weight(module: nn.Module) -> tuple[int, ...]:
    """Return the shape of a layer's weight, which may be computed from others (pruning masks, weight norm)."""
    return tuple(_find_weight(module, "weight").shape)


def _find_weight(module: nn.Module, name: str) -> Tensor:
    own = dict(module.named_parameters(recurse=False))
    known = next((own[other] for other in (name, f"{name}_orig", f"{name}_v") if other in own), None)
    found: Tensor = getattr(module, name) if known is None else known
    return found


def _refresh_weight(module: nn.Module) -> None:
    """Compute a weight that a hook of torch computes before each run, and that still has the shape of before."""
    for hook in module._forward_pre_hooks.values():  # noqa: SLF001 (there is no public way)
        if type(hook).__module__ in _COMPUTES_WEIGHTS:
            with torch.no_grad():
                hook(module, ())


def _follow_heads(before: nn.Module, module: nn.Module) -> None:
    """Set the number of dimensions of an attention head, which the first linear layer makes for all heads."""
    heads, size = _find_number(before, _HEADS), _find_number(before, _HEAD_DIM)
    first = next((name for name, child in before.named_modules() if isinstance(child, nn.Linear)), None)
    if heads is None or size is None or first is None:
        return
    inner = heads[1] * size[1]
    old, new = (len(own.get_submodule(first).get_parameter("weight")) for own in (before, module))
    if old % inner or new * inner % (old * heads[1]):
        return
    left = new * inner // old
    setattr(module, size[0], left // heads[1])
    for name in _OF_ALL_HEADS:
        if vars(before).get(name) == inner:
            setattr(module, name, left)
    scale = vars(before).get("scale")
    if getattr(before, "fused_attn", False) and isinstance(scale, float) and abs(scale * size[1] ** 0.5 - 1) < 1e-6:
        module.scale = (left // heads[1]) ** -0.5  # the default of the fused attention


def _find_number(module: nn.Module, names: Collection[str]) -> tuple[str, int] | None:
    return next(((name, vars(module)[name]) for name in names if type(vars(module).get(name)) is int), None)


def _follow_widths(before: nn.Module, module: nn.Module) -> None:
    """Set widths repeated by a module of modules, if all axes of that length have the same new length."""
    own = any(t.ndim > 1 for t in (*before.parameters(recurse=False), *before.buffers(recurse=False)))
    names = _OWN_WIDTHS if own else _WIDTHS
    repeated = {name: value for name, value in vars(before).items() if name in names and type(value) is int}
    if not repeated:
        return
    lengths = _map_lengths(before, module)
    for name, value in repeated.items():
        new = lengths.get(value, set())
        if len(new) == 1:
            setattr(module, name, new.copy().pop())


def _map_lengths(before: nn.Module, module: nn.Module) -> Mapping[int, set[int]]:
    """Return, for every number of filters of a layer before the cut, the numbers after it."""
    found: dict[int, set[int]] = {}
    after = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    for tensors in (before.named_parameters, before.named_buffers):
        for name, tensor in tensors(remove_duplicate=False):
            if tensor.ndim > 1:
                found.setdefault(len(tensor), set()).add(len(after[name]))
    return found
