"""HoVer-Net's losses (Graham et al. 2019, doi:10.1016/j.media.2019.101563, section 3.2), all of weight 1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_pathprune.training.targets import UNKNOWN_TYPE

SMOOTH = 1e-3


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over the pixels with a known class.

    Parameters
    ----------
    logits
        (N, C, H, W).
    target
        (N, H, W) int64; `UNKNOWN_TYPE` is left out.
    """
    known = (target != UNKNOWN_TYPE).sum().clamp(min=1)
    total = F.cross_entropy(logits, target, ignore_index=UNKNOWN_TYPE, reduction="sum")
    return total / known


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


def hovernet_losses(maps: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give each term of HoVer-Net's loss; their sum is what is minimised.

    Parameters
    ----------
    maps
        What the network returns: ``np``, ``hv`` and, if typed, ``tp``.
    targets
        ``nuclear`` (N, H, W), ``hv`` (N, 2, H, W) and ``types`` (N, H, W).

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
        terms["tp_ce"] = cross_entropy(maps["tp"], targets["types"])
        terms["tp_dice"] = dice_loss(maps["tp"], targets["types"])
    return terms
