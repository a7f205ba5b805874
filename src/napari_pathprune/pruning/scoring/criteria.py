"""Criteria: one function for each measure of the importance of a channel."""

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
    """The input of a criterion for one channel group.

    Attributes
    ----------
    group
        The channel group.
    filters
        For every layer that decides: (width, n), the n weights of each channel.
    norms
        For every norm that acts on the channels: (width, n), the n weights (gamma) of each channel.
    seed
        Seed for random criteria.
    """

    group: ChannelGroup
    filters: tuple[Tensor, ...]
    norms: tuple[Tensor, ...]
    seed: int


Criterion = Callable[[Evidence], Tensor]
"""Returns (layers, width): the score of each channel by each layer or norm; higher stays."""


def l1(evidence: Evidence) -> Tensor:
    """Sum the absolute weights of each filter, ``sum_j |w_ij|`` (Li et al. 2017, arXiv 1608.08710)."""
    return torch.stack([own.abs().sum(dim=1) for own in evidence.filters])


def l2(evidence: Evidence) -> Tensor:
    """Return the root of the sum of squared weights of each filter, ``sqrt(sum_j w_ij^2)`` (arXiv 2404.08831)."""
    return torch.stack([torch.linalg.vector_norm(own, dim=1) for own in evidence.filters])


def fpgm(evidence: Evidence) -> Tensor:
    """Sum the distances of each filter to the others of its layer, ``sum_k ||w_i - w_k||_2``.

    Filters near the geometric median are redundant, however large they are (He et al. 2019, arXiv 1811.00250). In a
    group with splits, the others are those of the same split.
    """
    splits = evidence.group.splits
    parts = [own.reshape(splits, -1, own.shape[1]) for own in evidence.filters]
    return torch.stack([torch.cdist(own, own).sum(dim=2).flatten() for own in parts])


def bn_scale(evidence: Evidence) -> Tensor:
    """Return the weight of the norm of each channel, ``|gamma_i|``: network slimming.

    Every norm that acts on the channels of the group counts, even if some layers have no norm of their own. The
    ranking is meaningful only for networks that were trained with `slimming_penalty` (Liu et al. 2017, arXiv
    1708.06519).

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
    """Estimate the change of the loss without each filter, ``|sum_j w_ij * dL/dw_ij|``.

    The weights in the evidence are the products ``w_ij * dL/dw_ij``. This is the root of the first-order importance of
    Molchanov et al. 2019 (arXiv 1906.10771, equation 9); see `taylor`.
    """
    return torch.stack([own.sum(dim=1).abs() for own in evidence.filters])


def random(evidence: Evidence) -> Tensor:
    """Draw uniformly from [0, 1), the same for the same seed and group name; the control for other criteria."""
    group = evidence.group
    generator = torch.Generator().manual_seed(evidence.seed * 1_000_003 + zlib.crc32(group.name.encode()))
    drawn = torch.rand(1, group.width, generator=generator)
    return drawn.to(evidence.filters[0].device) if evidence.filters else drawn


CRITERIA: Final[Mapping[str, Criterion]] = MappingProxyType(
    {"l1": l1, "l2": l2, "bn_scale": bn_scale, "fpgm": fpgm, "random": random}
)
"""The criteria that need no data; see `taylor` for the one that does."""
