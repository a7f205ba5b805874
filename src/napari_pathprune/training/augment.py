"""Random views of an annotated image: one warp for the geometry, then the colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_components

_RGB_FROM_HED: Final = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of haematoxylin, eosin and DAB (Ruifrok & Johnston 2001)."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a patch may be moved and coloured.

    Attributes
    ----------
    scale
        Smallest and largest extra magnification.
    stain
        Largest relative change of each stain's optical density.
    restain
        Share of patches that take the colours (mean and spread in Lab) of another training image.
    hue, saturation, brightness, contrast
        Largest changes, as shares of the whole range.
    blur
        Share of patches that are blurred, by up to `blur_px` (sigma).
    noise
        Largest standard deviation of added noise, in grey values.
    """

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
        if not 0.0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"got scale = {self.scale}; give two magnifications above 0, the smaller one first")


def warp(
    image: NDArray[np.uint8],
    instances: NDArray[np.integer],
    patch_px: int,
    zoom: float,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
    """Cut a patch at a random place, rotated, mirrored and scaled, with its instance map.

    Where the patch reaches beyond the image both are mirrored; mirrored halves of a nucleus become nuclei of
    their own.

    Parameters
    ----------
    image, instances
        (H, W, 3) uint8 and (H, W), 0 is background.
    patch_px
        Side of the patch.
    zoom
        Magnification that brings the image to the model's mpp.

    Returns
    -------
    image, instances, source
        (patch_px, patch_px, 3), (patch_px, patch_px) with ids 1..n, and (n + 1,) the id in the full image of each.
    """
    height, width = image.shape[:2]
    scale = zoom * np.exp(rng.uniform(*np.log(augmentation.scale)))
    angle = rng.uniform(0.0, 2.0 * np.pi)
    cos, sin, mirror = np.cos(angle) / scale, np.sin(angle) / scale, rng.choice([-1.0, 1.0])
    half = min(patch_px / scale, height, width) / 2.0
    centre = np.array([rng.uniform(half, width - half), rng.uniform(half, height - half)])
    turn = np.array([[mirror * cos, -sin], [mirror * sin, cos]])
    inverse = np.column_stack([turn, centre - turn @ np.full(2, (patch_px - 1) / 2.0)])
    flags, border, size = cv2.WARP_INVERSE_MAP, cv2.BORDER_REFLECT_101, (patch_px, patch_px)
    patch = cv2.warpAffine(image, inverse, size, flags=flags | cv2.INTER_LINEAR, borderMode=border)
    moved = cv2.warpAffine(
        instances.astype(np.float32), inverse, size, flags=flags | cv2.INTER_NEAREST, borderMode=border
    ).astype(np.int32)
    parts = connected_components(moved, connectivity=1, background=0).astype(np.int32)
    source = np.zeros(int(parts.max(initial=0)) + 1, np.int32)
    source[parts.ravel()] = moved.ravel()
    return patch.astype(np.uint8), parts, source


def colour(
    image: NDArray[np.uint8],
    other: NDArray[np.uint8] | None,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Change stain, colours and sharpness of a patch.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    other
        An image whose colours may be taken over; None for none.

    Returns
    -------
    ndarray
        (H, W, 3) uint8.
    """
    result = image.astype(np.float32)
    if other is not None and rng.random() < augmentation.restain:
        result = restain(image, other, strength=rng.uniform(0.4, 1.0))
    density = -np.log(np.clip(result, 1.0, 255.0) / 255.0) @ np.linalg.inv(_RGB_FROM_HED).astype(np.float32)
    density *= rng.uniform(1.0 - augmentation.stain, 1.0 + augmentation.stain, 3).astype(np.float32)
    result = 255.0 * np.exp(-np.clip(density @ _RGB_FROM_HED.astype(np.float32), 0.0, 6.0))
    hsv = cv2.cvtColor(np.clip(result / 255.0, 0.0, 1.0).astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360.0 * rng.uniform(-augmentation.hue, augmentation.hue)) % 360.0
    hsv[..., 1] = np.clip(hsv[..., 1] * (1.0 + rng.uniform(-1, 1) * augmentation.saturation), 0.0, 1.0)
    result = 255.0 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    gain = 1.0 + rng.uniform(-1, 1) * augmentation.contrast
    result = (result - 128.0) * gain + 128.0 + 255.0 * rng.uniform(-1, 1) * augmentation.brightness
    if rng.random() < augmentation.blur:
        result = cv2.GaussianBlur(result, (0, 0), rng.uniform(0.3, augmentation.blur_px))
    result = result + rng.normal(0.0, rng.uniform(0.0, augmentation.noise), result.shape)
    changed: NDArray[np.uint8] = np.clip(result, 0.0, 255.0).astype(np.uint8)
    return changed


def restain(image: NDArray[np.uint8], other: NDArray[np.uint8], strength: float) -> NDArray[np.float32]:
    """Give an image the mean and spread of another one's colours in Lab (Reinhard et al. 2001).

    Parameters
    ----------
    image, other
        (H, W, 3) uint8; only their colours need to be comparable, not their sizes.
    strength
        0 leaves the image as it is, 1 takes the other's colours wholly.

    Returns
    -------
    ndarray
        (H, W, 3) float32, 0 to 255.
    """
    lab, reference = (cv2.cvtColor(i.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB) for i in (image, other))
    mean, spread = lab.mean((0, 1)), lab.std((0, 1)) + 1e-3
    wanted_mean = mean + strength * (reference.mean((0, 1)) - mean)
    wanted_spread = spread + strength * (reference.std((0, 1)) - spread)
    moved = ((lab - mean) / spread * wanted_spread + wanted_mean).astype(np.float32)
    rgb: NDArray[np.float32] = np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), 0.0, 1.0) * 255.0
    return rgb
