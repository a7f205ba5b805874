"""How much a channel matters: one small function for each way to measure it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from napari_pathprune.pruning.graph import ChannelGroup


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a criterion sees of one channel group.

    Attributes
    ----------
    group
        The channel group.
    filters
        Of every layer that decides: (width, n), the n weights of each channel.
    norms
        Of every norm that acts on the channels: (width, n), the weights gamma of each channel.
    seed
        For criteria that draw.
    """

    group: ChannelGroup
    filters: tuple[Tensor, ...]
    norms: tuple[Tensor, ...]
    seed: int


Criterion = Callable[[Evidence], Tensor]
"""Gives (voices, width): what each layer or norm says of each channel; higher stays."""


def l1(evidence: Evidence) -> Tensor:
    """Sum of absolute weights of a filter, ``sum_j |w_ij|`` (Li et al. 2017, arXiv 1608.08710)."""
    return torch.stack([own.abs().sum(dim=1) for own in evidence.filters])


def l2(evidence: Evidence) -> Tensor:
    """Root of the sum of squared weights of a filter, ``sqrt(sum_j w_ij^2)`` (arXiv 2404.08831)."""
    return torch.stack([torch.linalg.vector_norm(own, dim=1) for own in evidence.filters])


def fpgm(evidence: Evidence) -> Tensor:
    """Sum of the distances of a filter to the others of its layer, ``sum_k ||w_i - w_k||_2``.

    Filters near the geometric median say what others say too, however large they are (He et al. 2019, arXiv
    1811.00250). In a group with splits, others are those of the same split.
    """
    splits = evidence.group.splits
    parts = [own.reshape(splits, -1, own.shape[1]) for own in evidence.filters]
    return torch.stack([torch.cdist(own, own).sum(dim=2).flatten() for own in parts])


def bn_scale(evidence: Evidence) -> Tensor:
    """Weight of the norm that scales a channel, ``|gamma_i|``: network slimming (Liu et al. 2017, arXiv 1708.06519).

    Every norm that acts on the channels of the group speaks, also where some of its layers have none of their own.
    The ranking means something once the network was trained with `slimming_penalty`.

    Raises
    ------
    ValueError
        If no norm with weights acts on the group.
    """
    if not evidence.norms:
        raise ValueError(
            f"got criterion 'bn_scale', but no norm with weights acts on channel group {evidence.group.name!r}; "
            "use another criterion, such as 'l2'"
        )
    return torch.stack([own.abs().mean(dim=1) for own in evidence.norms])


def first_order(evidence: Evidence) -> Tensor:
    """Change of the loss without a filter, ``|sum_j w_ij * dL/dw_ij|``; the weights seen are these products.

    The root of the first-order importance of Molchanov et al. 2019 (arXiv 1906.10771, equation 9); see `taylor`.
    """
    return torch.stack([own.sum(dim=1).abs() for own in evidence.filters])


def random(evidence: Evidence) -> Tensor:
    """Draw from 0 to 1, the same for the same seed and name of the group: the control."""
    group = evidence.group
    generator = torch.Generator().manual_seed(evidence.seed * 1_000_003 + zlib.crc32(group.name.encode()))
    drawn = torch.rand(1, group.width, generator=generator)
    return drawn.to(evidence.filters[0].device) if evidence.filters else drawn


CRITERIA: Final[Mapping[str, Criterion]] = MappingProxyType(
    {"l1": l1, "l2": l2, "bn_scale": bn_scale, "fpgm": fpgm, "random": random}
)
"""Those that need no data; `taylor` does."""
