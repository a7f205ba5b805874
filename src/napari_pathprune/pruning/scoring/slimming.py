"""Network slimming: a loss term that makes the weights of norms sparse."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_pathprune.pruning.graph import ChannelGraph
from napari_pathprune.pruning.modules.match_state import match_state
from napari_pathprune.pruning.scoring.channel_weights import weights_per_channel
from napari_pathprune.pruning.scoring.deciders import norms_of


def slimming_penalty(model: nn.Module, graph: ChannelGraph) -> Tensor:
    """Sum the absolute weights of all norms that act on channels that can be cut, ``sum |gamma|``.

    Added to the training loss with a factor of 1e-5 to 1e-4, it drives the weights of unimportant channels to zero,
    so that criterion ``"bn_scale"`` finds them (Liu et al. 2017, arXiv 1708.06519).

    Parameters
    ----------
    model
        The model in training; it is not changed.
    graph
        Its channel graph.

    Returns
    -------
    Tensor
        Scalar, float32 or finer, differentiable with respect to the weights of the norms.

    Raises
    ------
    ValueError
        If the model has no such norm, or does not match the graph.

    Examples
    --------
    >>> from napari_pathprune.pruning import trace
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> graph = trace(model, torch.zeros(1, 3, 16, 16))
    >>> penalty = slimming_penalty(model, graph)
    >>> (1e-4 * penalty).backward()
    >>> penalty.item()
    8.0
    """
    state = match_state(model, graph)
    parts = [
        weights_per_channel(state[member.tensor], member, group.width).abs().sum()
        for group in graph.prunable
        for member in norms_of(model, group)
    ]
    if not parts:
        raise ValueError(
            "got a model without norms on the channels that can be cut; slimming shrinks the weights of norms"
        )
    return torch.stack(parts).sum()
