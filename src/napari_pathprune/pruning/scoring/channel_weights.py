"""The weights of each channel at one member."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_pathprune.pruning.graph import Member


def weights_per_channel(tensor: Tensor, member: Member, width: int) -> Tensor:
    """Give the weights of each channel, (width, weights); a view of the parameter where that is possible.

    Half and integer types come as float32. Gradients flow.

    Parameters
    ----------
    tensor
        The parameter that the member names.
    member
        Where the channels live in it.
    width
        Of the group.
    """
    if not tensor.dtype.is_floating_point or tensor.dtype in {torch.float16, torch.bfloat16}:
        tensor = tensor.float()
    if member.splits > 1:  # axis 1 holds one split's share of the filters
        parts = tensor.reshape(member.splits, -1, *tensor.shape[1:]).transpose(1, 2)
        own = parts.reshape(member.splits * tensor.shape[1], -1)
    else:
        own = tensor.movedim(member.axis, 0).reshape(tensor.shape[member.axis], -1)
    if member.order is None:
        return own[member.offset : member.offset + width * member.block].reshape(width, -1)
    return own[torch.from_numpy(member.positions(width)).to(own.device)].reshape(width, -1)
