"""HoVer-Net's losses (Graham et al. 2019, doi:10.1016/j.media.2019.101563, section 3.2), all with weight 1."""

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
    """Return the mean cross-entropy over the pixels whose class is known.

    Parameters
    ----------
    logits
        (N, C, H, W).
    target
        (N, H, W) int64, classes; pixels of `UNKNOWN_TYPE` are ignored.
    weights
        (C,), weight of a pixel of each class; None for equal weights.

    Examples
    --------
    >>> target = torch.tensor([[[1, UNKNOWN_TYPE]]])
    >>> round(cross_entropy(torch.zeros(1, 2, 1, 2), target).item(), 3)  # log 2
    0.693
    """
    known = target != UNKNOWN_TYPE
    count = known.sum() if weights is None else weights[target[known]].sum()
    total = F.cross_entropy(logits, target, weights, ignore_index=UNKNOWN_TYPE, reduction="sum")
    return total / count.clamp(min=1e-6 if weights is not None else 1)


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the sum over classes of 1 - soft Dice, pooled over the batch.

    Parameters
    ----------
    logits
        (N, C, H, W).
    target
        (N, H, W) int64, classes; pixels of `UNKNOWN_TYPE` are ignored.
    """
    known = (target != UNKNOWN_TYPE).unsqueeze(1)
    probability = logits.softmax(dim=1) * known
    truth = F.one_hot(target.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    return (1.0 - (2.0 * overlap + SMOOTH) / (total + SMOOTH)).sum()


def gradient_loss(hv: Tensor, target: Tensor, nuclear: Tensor) -> Tensor:
    """Return the mean squared difference between the derivatives of the maps inside nuclei.

    The horizontal map is differentiated along x, the vertical map along y, each with a 5 x 5 kernel
    d / (dx^2 + dy^2).

    Parameters
    ----------
    hv, target
        (N, 2, H, W), horizontal and vertical maps.
    nuclear
        (N, H, W), 1 inside nuclei, else 0.
    """
    offsets = torch.arange(-2, 3, dtype=hv.dtype, device=hv.device)
    dy, dx = torch.meshgrid(offsets, offsets, indexing="ij")
    square = (dx.square() + dy.square()).clamp(min=1e-15)
    kernels = torch.stack([dx / square, dy / square]).unsqueeze(1)
    difference = F.conv2d(hv - target, kernels, padding=2, groups=2)
    inside = nuclear.unsqueeze(1).to(hv.dtype)
    return (difference.square() * inside).sum() / (2.0 * inside.sum() + 1e-8)


def rarity_weights(shares: NDArray[np.float64], rarity: float) -> Tensor:
    """Compute class weights for the cross-entropy that favour rare classes.

    A weight is share^-rarity, scaled so that the mean over pixels is 1.

    Parameters
    ----------
    shares
        (C,), share of the pixels in each class, above 0.
    rarity
        0 for equal weights, 1 if every class is to count the same in total, or a value in between.

    Returns
    -------
    Tensor
        (C,) float32.

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
    """Compute the terms of HoVer-Net's loss, whose sum is minimised.

    Parameters
    ----------
    maps
        Maps returned by the network: ``np``, ``hv`` and, if it predicts types, ``tp``.
    targets
        ``nuclear`` (N, H, W), ``hv`` (N, 2, H, W) and ``types`` (N, H, W).
    type_weights
        (num_types,), class weights for `cross_entropy`.

    Returns
    -------
    dict
        Scalars by name: ``np_ce``, ``np_dice``, ``hv_mse``, ``hv_msge`` and, with types, ``tp_ce``, ``tp_dice``.
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
