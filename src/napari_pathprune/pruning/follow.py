"""Attributes of torch's modules that repeat the shapes of their weights."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd


def follow_shapes(model: nn.Module, grouped: Collection[str] = ()) -> None:
    """Set channel counts, conv groups and normalised shapes of all modules to what their tensors say.

    Parameters
    ----------
    model
        Changed in place.
    grouped
        Convolutions whose number of conv groups stays, even where each has a single input channel. Any other
        such convolution is depthwise: it has as many conv groups as channels.
    """
    for name, module in model.named_modules():
        if isinstance(module, _ConvNd):
            _follow_convolution(module, stays=name in grouped)
        elif isinstance(module, nn.Linear):
            module.out_features, module.in_features = module.weight.shape
        elif isinstance(module, _NormBase):
            tensor = module.weight if module.weight is not None else module.running_mean
            if tensor is not None:
                module.num_features = len(tensor)
        elif isinstance(module, nn.GroupNorm) and module.weight is not None:
            share = module.num_channels // module.num_groups
            module.num_channels = len(module.weight)
            module.num_groups = module.num_channels // share
        elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)) and module.weight is not None:
            module.normalized_shape = tuple(module.weight.shape)
        elif isinstance(module, nn.PReLU):
            module.num_parameters = len(module.weight)
        elif isinstance(module, nn.Embedding):
            module.num_embeddings, module.embedding_dim = module.weight.shape


def _follow_convolution(conv: _ConvNd, *, stays: bool) -> None:
    first, second = conv.weight.shape[:2]
    one_each = not stays and conv.groups > 1 and conv.groups == conv.in_channels
    if isinstance(conv, _ConvTransposeNd):
        conv.groups = first if one_each else conv.groups
        conv.in_channels, conv.out_channels = first, second * conv.groups
        return
    if one_each:  # depthwise: every channel is a split of its own
        conv.groups = first // (conv.out_channels // conv.groups)
    conv.in_channels, conv.out_channels = second * conv.groups, first
