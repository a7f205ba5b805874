"""Stain augmentation: jitter of haematoxylin and eosin, and transfer of the look of another image."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_RGB_FROM_HED: Final = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of haematoxylin, eosin and DAB (Ruifrok & Johnston 2001)."""
_LOOK_PX: Final = 128 * 128
"""Number of pixels from which the look of an image is measured, whatever its size."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Mean and standard deviation of an image's colours in Lab, (3,) float32 each."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]


def measure_look(image: NDArray[np.uint8]) -> Look:
    """Measure the look of an image on an even sample of its pixels.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.

    Examples
    --------
    >>> measure_look(np.full((9, 9, 3), 255, np.uint8)).mean.round().tolist()  # white
    [100.0, 0.0, 0.0]
    """
    step = max(1, int(sqrt(image.shape[0] * image.shape[1] / _LOOK_PX)))
    return _measure_lab(_to_lab(image[::step, ::step].astype(np.float32)))


def restain(image: Tensor, look: Look, strength: float) -> Tensor:
    """Transfer the look of another image to an image (Reinhard et al. 2001, doi:10.1109/38.946629).

    Parameters
    ----------
    image
        (3, H, W) float32, from 0 to 255.
    look
        Look of the other image.
    strength
        From 0, which keeps the image's own look, to 1, which replaces it.

    Returns
    -------
    Tensor
        (3, H, W) float32, from 0 to 255.
    """
    lab = _to_lab(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
    own = _measure_lab(lab)
    mean = own.mean + strength * (look.mean - own.mean)
    gain = (own.spread + strength * (look.spread - own.spread)) / own.spread
    rgb = cv2.cvtColor(lab * gain + (mean - own.mean * gain), cv2.COLOR_LAB2RGB)  # torchvision has no Lab
    return torch.from_numpy(rgb).permute(2, 0, 1).clamp(0.0, 1.0).mul(255.0).contiguous()


def jitter_stains(image: Tensor, factors: NDArray[np.float64]) -> Tensor:
    """Multiply the optical density of each stain by a factor.

    Parameters
    ----------
    image
        (3, H, W) float32, from 0 to 255.
    factors
        (3,), factors of haematoxylin, eosin and the remainder.

    Returns
    -------
    Tensor
        (3, H, W) float32, from 0 to 255.

    References
    ----------
    Tellez et al. 2018, doi:10.1109/TMI.2018.2820199.
    """
    mixing = np.linalg.inv(_RGB_FROM_HED) @ np.diag(factors) @ _RGB_FROM_HED
    density = image.clamp(1.0, 255.0).div_(255.0).log_().neg_()
    changed = torch.from_numpy(mixing.T.astype(np.float32)) @ density.reshape(3, -1)
    return changed.clamp_(0.0, 6.0).neg_().exp_().mul_(255.0).reshape(image.shape)


def _to_lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    lab: NDArray[np.float32] = cv2.cvtColor(rgb / np.float32(255.0), cv2.COLOR_RGB2LAB)
    return lab


def _measure_lab(lab: NDArray[np.float32]) -> Look:
    mean, spread = cv2.meanStdDev(lab)
    return Look(mean.ravel().astype(np.float32), spread.ravel().astype(np.float32) + np.float32(1e-3))
