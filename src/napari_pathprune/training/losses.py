"""HoVer-Net's losses (Graham et al. 2019, doi:10.1016/j.media.2019.101563, section 3.2), all of weight 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE

SMOOTH = 1e-3


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the pixels with a known class.

    Parameters
    ----------
    logits
        (N, C, H, W).
    target
        (N, H, W) int64; `UNKNOWN_TYPE` is left out.
    weights
        (C,), how much a pixel of each class counts; None if all count the same.
    """
    known = target != UNKNOWN_TYPE
    count = known.sum() if weights is None else weights[target[known]].sum()
    total = F.cross_entropy(logits, target, weights, ignore_index=UNKNOWN_TYPE, reduction="sum")
    return total / count.clamp(min=1e-6 if weights is not None else 1)


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Sum over classes of 1 - soft Dice, pooled over the batch, over the pixels with a known class.

    Shapes as in `cross_entropy`.
    """
    known = (target != UNKNOWN_TYPE).unsqueeze(1)
    probability = logits.softmax(dim=1) * known
    truth = F.one_hot(target.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    return (1.0 - (2.0 * overlap + SMOOTH) / (total + SMOOTH)).sum()


def gradient_loss(hv: Tensor, target: Tensor, nuclear: Tensor) -> Tensor:
    """Mean squared difference of the maps' own derivatives, inside nuclei.

    The horizontal map is differentiated along x and the vertical one along y, with 5 x 5 kernels d / (dx^2 + dy^2).

    Parameters
    ----------
    hv, target
        (N, 2, H, W), horizontal then vertical.
    nuclear
        (N, H, W), 1 inside nuclei.
    """
    offsets = torch.arange(-2, 3, dtype=hv.dtype, device=hv.device)
    dy, dx = torch.meshgrid(offsets, offsets, indexing="ij")
    square = (dx.square() + dy.square()).clamp(min=1e-15)
    kernels = torch.stack([dx / square, dy / square]).unsqueeze(1)
    difference = F.conv2d(hv - target, kernels, padding=2, groups=2)
    inside = nuclear.unsqueeze(1).to(hv.dtype)
    return (difference.square() * inside).sum() / (2.0 * inside.sum() + 1e-8)


def rarity_weights(shares: NDArray[np.float64], rarity: float) -> Tensor:
    """Give rare classes a greater weight in the cross-entropy: share^-rarity, with mean 1 over the pixels.

    Parameters
    ----------
    shares
        (C,), share of the pixels of each class, above 0.
    rarity
        0 for none, 1 lets every class count the same in all, 0.5 is half way.

    Examples
    --------
    >>> rarity_weights(np.array([0.8, 0.2]), 1.0).tolist()
    [0.625, 2.5]
    """
    weights = shares**-rarity
    return torch.from_numpy(weights / (weights * shares).sum()).float()


def hovernet_losses(
    maps: Mapping[str, Tensor], targets: Mapping[str, Tensor], *, type_weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Give each term of HoVer-Net's loss; their sum is what is minimised.

    Parameters
    ----------
    maps
        What the network returns: ``np``, ``hv`` and, if typed, ``tp``.
    targets
        ``nuclear`` (N, H, W), ``hv`` (N, 2, H, W) and ``types`` (N, H, W).
    type_weights
        (num_types,), as in `cross_entropy`.

    Returns
    -------
    dict
        Scalars by name: ``np_ce``, ``np_dice``, ``hv_mse``, ``hv_msge`` and, if typed, ``tp_ce``, ``tp_dice``.
    """
    nuclear, hv = targets["nuclear"], targets["hv"]
    terms = {
        "np_ce": cross_entropy(maps["np"], nuclear),
        "np_dice": dice_loss(maps["np"], nuclear),
        "hv_mse": F.mse_loss(maps["hv"], hv),
        "hv_msge": gradient_loss(maps["hv"], hv, nuclear),
    }
    if "tp" in maps:
        weights = None if type_weights is None else type_weights.to(maps["tp"])
        terms["tp_ce"] = cross_entropy(maps["tp"], targets["types"], weights)
        terms["tp_dice"] = dice_loss(maps["tp"], targets["types"])
    return terms
