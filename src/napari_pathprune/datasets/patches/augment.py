"""Random patches of an annotated image: first the geometry of picture and instance map, then the colours.

Transforms come from torchvision's transforms v2 where they exist there, but their parameters are drawn here. The same
generator gives the same patch, and torch's global random state is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from numpy.typing import NDArray
from skimage.measure import label as connected_components
from torch import Tensor

from napari_pathprune.datasets.patches.geometry import TURNS, cut, random_view
from napari_pathprune.datasets.patches.stain import Look, jitter_stains, restain

_SMALLEST_BLUR_PX: Final = 0.3


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Ranges of the random changes of a patch.

    Attributes
    ----------
    turn
        Angles by which patches are rotated: ``"any"``, ``"quarter"`` (multiples of 90 degrees) or ``"none"``.
    mirror
        Whether half of the patches are mirrored, at random.
    scale
        Smallest and largest extra magnification.
    stain
        Largest relative change of the optical density of each stain.
    restain
        Share of patches that take on the colours (mean and spread in Lab) of another training image.
    hue
        Largest shift of the hue, as a share of the full circle.
    saturation, brightness, contrast
        Largest relative changes.
    blur
        Share of patches that are blurred.
    blur_px
        Largest sigma of the blur, in pixels.
    noise
        Largest standard deviation of added noise, in grey values.

    Raises
    ------
    ValueError
        If a number is out of range, or `turn` is unknown.

    Examples
    --------
    >>> Augmentation(hue=0.6)
    Traceback (most recent call last):
    ValueError: got hue = 0.6; give a share from 0 to 0.5
    """

    turn: str = "any"
    mirror: bool = True
    scale: tuple[float, float] = (0.75, 1.35)
    stain: float = 0.25
    restain: float = 0.5
    hue: float = 0.03
    saturation: float = 0.2
    brightness: float = 0.1
    contrast: float = 0.2
    blur: float = 0.3
    blur_px: float = 1.2
    noise: float = 6.0

    def __post_init__(self) -> None:
        if self.turn not in TURNS:
            raise ValueError(f"got turn = {self.turn!r}; give one of {', '.join(TURNS)}")
        if not 0.0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"got scale = {self.scale}; give two magnifications above 0, the smaller one first")
        for name in ("stain", "restain", "hue", "saturation", "brightness", "contrast", "blur"):
            highest = 0.5 if name == "hue" else 1.0
            if not 0.0 <= getattr(self, name) <= highest:
                raise ValueError(f"got {name} = {getattr(self, name)}; give a share from 0 to {highest:g}")
        if not self.blur_px >= _SMALLEST_BLUR_PX:
            raise ValueError(f"got blur_px = {self.blur_px}; give {_SMALLEST_BLUR_PX} or more, or blur = 0 for none")
        if not self.noise >= 0.0:
            raise ValueError(f"got noise = {self.noise}; give 0 or more grey values")


def warp(
    image: NDArray[np.uint8],
    instances: NDArray[np.integer],
    patch_px: int,
    zoom: float,
    augmentation: Augmentation,
    rng: np.random.Generator,
    *,
    within_px: int | None = None,
) -> tuple[Tensor, NDArray[np.int32], NDArray[np.int32]]:
    """Cut a patch and its instance map at a random place, with random rotation, mirroring and scale.

    Where the patch extends beyond the image, both are mirrored. The mirrored part of a nucleus becomes a separate
    nucleus.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    instances
        (H, W), instance map; 0 is background.
    patch_px
        Side of the patch, in pixels.
    zoom
        Magnification that brings the image to the model's mpp.
    augmentation
        Rotations, mirroring and the range of the extra magnification.
    rng
        Source of all random choices.
    within_px
        Side of the square around the centre of the patch that lies within the image; see `geometry.random_view`. None
        for the side of the patch.

    Returns
    -------
    image
        (3, patch_px, patch_px) float32, from 0 to 255.
    instances
        (patch_px, patch_px) int32, with ids 1 to n.
    source
        (n + 1,) int32, id of each nucleus in the full image.
    """
    height, width = instances.shape
    view = random_view(
        (height, width),
        within_px or patch_px,
        zoom,
        augmentation.scale,
        rng,
        turn=augmentation.turn,
        mirror=augmentation.mirror,
    )
    patch, moved = cut(image, instances, patch_px, view)
    assert moved is not None
    parts = connected_components(moved.numpy(), connectivity=1, background=0).astype(np.int32)
    source = np.zeros(int(parts.max(initial=0)) + 1, np.int32)
    source[parts.ravel()] = moved.numpy().ravel()
    return patch, parts, source


def colour(patch: Tensor, other: Look | None, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Change the stain, colours and sharpness of a patch at random.

    Parameters
    ----------
    patch
        (3, H, W) float32, from 0 to 255.
    other
        Look of another image that the patch may take on; None to keep its own.
    augmentation
        Ranges of the changes.
    rng
        Source of all random choices.

    Returns
    -------
    Tensor
        (3, H, W) float32, from 0 to 255.
    """
    if other is not None and rng.random() < augmentation.restain:
        patch = restain(patch, other, strength=rng.uniform(0.4, 1.0))
    patch = jitter_stains(patch, 1.0 + augmentation.stain * rng.uniform(-1.0, 1.0, 3)) / 255.0
    patch = F.adjust_hue(patch, augmentation.hue * rng.uniform(-1.0, 1.0))
    patch = F.adjust_saturation(patch, 1.0 + augmentation.saturation * rng.uniform(-1.0, 1.0))
    patch = F.adjust_contrast(patch, 1.0 + augmentation.contrast * rng.uniform(-1.0, 1.0))
    patch = F.adjust_brightness(patch, 1.0 + augmentation.brightness * rng.uniform(-1.0, 1.0))
    if rng.random() < augmentation.blur:
        patch = _blur(patch, rng.uniform(_SMALLEST_BLUR_PX, augmentation.blur_px))
    spread = rng.uniform(0.0, augmentation.noise)
    # torchvision's own noise uses torch's global generator
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    noise = torch.randn(patch.shape, generator=generator)
    return patch.mul(255.0).add_(noise, alpha=spread).clamp_(0.0, 255.0)


def _blur(patch: Tensor, sigma: float) -> Tensor:
    reach = min(ceil(3.0 * sigma), min(patch.shape[-2:]) - 1)
    blurred: Tensor = F.gaussian_blur(patch, [2 * reach + 1] * 2, [sigma] * 2)
    return blurred
