"""The weights of each channel at one member."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_pathprune.pruning.graph import Member


def weights_per_channel(tensor: Tensor, member: Member, width: int) -> Tensor:
    """Return the weights of each channel, (width, weights); a view of the parameter if possible.

    Half and integer types are converted to float32. Gradients flow.

    Parameters
    ----------
    tensor
        The parameter that the member names.
    member
        Place of the channels in it.
    width
        Number of channels of the group.
    """
    if not tensor.dtype.is_floating_point or tensor.dtype in {torch.float16, torch.bfloat16}:
        tensor = tensor.float()
    if member.splits > 1:  # axis 1 holds the channels of one split
        parts = tensor.reshape(member.splits, -1, *tensor.shape[1:]).transpose(1, 2)
        own = parts.reshape(member.splits * tensor.shape[1], -1)
    else:
        own = tensor.movedim(member.axis, 0).reshape(tensor.shape[member.axis], -1)
    if member.order is None:
        return own[member.offset : member.offset + width * member.block].reshape(width, -1)
    return own[torch.from_numpy(member.positions(width)).to(own.device)].reshape(width, -1)
