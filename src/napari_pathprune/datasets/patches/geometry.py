"""Cutting of patches: picture and instance map are rotated, mirrored and scaled alike by torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, radians, sin
from typing import Final

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode

from napari_pathprune.base.mirror import mirror_indices

TURNS: Final = ("any", "quarter", "none")
_HALF: Final = 16  # bits


@dataclass(frozen=True, slots=True)
class View:
    """Position, scale and orientation of a patch in an image.

    Attributes
    ----------
    centre
        (y, x) in pixels of the image.
    scale
        Magnification.
    degrees
        Clockwise rotation of the patch, in degrees.
    mirrored
        Whether the patch is mirrored left to right after the rotation.
    """

    centre: tuple[int, int]
    scale: float = 1.0
    degrees: float = 0.0
    mirrored: bool = False


def random_view(
    shape: tuple[int, int],
    within_px: int,
    zoom: float,
    scale: tuple[float, float],
    rng: np.random.Generator,
    *,
    turn: str = "any",
    mirror: bool = True,
) -> View:
    """Draw a random view of an image.

    Parameters
    ----------
    shape
        Height and width of the image, in pixels.
    within_px
        Side of the unrotated square around the centre of the view, in pixels of the patch. It lies within the image if
        the image is large enough.
    zoom
        Magnification that brings the image to the model's mpp.
    scale
        Smallest and largest extra magnification.
    rng
        Source of all random choices.
    turn
        Rotations, one of `TURNS`: any angle, multiples of 90 degrees, or none. Without rescaling, the latter two leave
        the values of all pixels unchanged.
    mirror
        Whether half of the views are mirrored, at random.

    Examples
    --------
    >>> view = random_view((100, 300), 40, 1.0, (1.0, 1.0), np.random.default_rng(0))
    >>> 20 <= view.centre[0] < 80, view.scale
    (True, 1.0)
    """
    magnified = zoom * float(np.exp(rng.uniform(*np.log(scale))))
    degrees, mirrored = rng.uniform(0.0, 360.0), rng.choice([True, False])
    degrees = {"any": degrees, "quarter": 90.0 * (degrees // 90.0), "none": 0.0}[turn]
    half = min(within_px / magnified, *shape) / 2.0
    x, y = (int(rng.uniform(half, size - half)) for size in reversed(shape))
    return View((y, x), magnified, -degrees, bool(mirrored) and mirror)


def cut(
    image: NDArray[np.uint8], instances: NDArray[np.integer] | None, patch_px: int, view: View
) -> tuple[Tensor, Tensor | None]:
    """Cut a patch from an image and its instance map; both are mirrored beyond the edges of the image.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    instances
        (H, W), instance map; None for none.
    patch_px
        Side of the patch, in pixels.
    view
        Position, scale and orientation of the patch.

    Returns
    -------
    image
        (3, patch_px, patch_px) float32, from 0 to 255.
    instances
        (patch_px, patch_px) int32; None if there was no instance map.

    Examples
    --------
    >>> image = np.zeros((9, 9, 3), np.uint8)
    >>> image[4, 6] = 90
    >>> patch, _ = cut(image, None, 5, View((4, 4), degrees=90.0))
    >>> patch[0, 4, 2].round().item()  # the pixel on the right is now below
    90.0
    """
    # torchvision's affine returns as many pixels as it is given, so it gets the square around the rotated patch
    angle = radians(view.degrees)
    reach = ceil(patch_px / view.scale * (abs(cos(angle)) + abs(sin(angle)))) + 3
    side = max(reach, patch_px)
    side += (side - patch_px) % 2  # so that square and patch have the same centre
    rows, columns = (
        mirror_indices(middle - side // 2, middle - side // 2 + side, size)
        for middle, size in zip(view.centre, image.shape[:2], strict=True)
    )
    square = torch.from_numpy(np.ascontiguousarray(image[rows][:, columns].transpose(2, 0, 1)))
    parts: list[Tensor] = [tv_tensors.Image(square.float())]
    if instances is not None:
        ids = instances[rows][:, columns].astype(np.int32)
        # torchvision transforms float32, which is exact up to 24 bits, so ids are split into two halves
        halves = np.stack((ids >> _HALF, ids & (1 << _HALF) - 1)).astype(np.float32)
        parts.append(tv_tensors.Mask(torch.from_numpy(halves)))
    for place, part in enumerate(parts):
        turned = F.affine(
            part, view.degrees, [0, 0], view.scale, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR
        )  # masks use the nearest pixel
        turned = F.center_crop(turned, [patch_px, patch_px])
        parts[place] = F.horizontal_flip(turned) if view.mirrored else turned
    patch = parts[0].as_subclass(Tensor).contiguous()
    if instances is None:
        return patch, None
    upper, lower = parts[1].as_subclass(Tensor).int()
    return patch, upper << _HALF | lower
