"""Training targets, computed from instance maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE

SMALLEST_PX = 30
"""Smallest nucleus that gets distances, in pixels, as in HoVer-Net."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Target maps of a patch.

    Attributes
    ----------
    nuclear
        (H, W) int64, 1 inside nuclei, else 0.
    hv
        (2, H, W) float32, horizontal and vertical distance to the centre of the nucleus, from -1 to 1; 0 outside
        nuclei.
    types
        (H, W) int64, 0 outside nuclei and `UNKNOWN_TYPE` inside nuclei without a known type. If no types are known at
        all, it is `UNKNOWN_TYPE` everywhere: background alone would teach the network that no nucleus has a type.
    """

    nuclear: NDArray[np.int64]
    hv: NDArray[np.float32]
    types: NDArray[np.int64]


def hv_maps(instances: NDArray[np.integer]) -> NDArray[np.float32]:
    """Compute the distance of every nuclear pixel to the centre of mass of its nucleus.

    Distances are scaled for each nucleus and side. They run from -1 at the leftmost (topmost) pixel to 1 at the
    rightmost (lowest) pixel. Nuclei with fewer than `SMALLEST_PX` pixels stay 0. Vectorised over nuclei.

    Parameters
    ----------
    instances
        (H, W), 0 is background.

    Returns
    -------
    ndarray
        (2, H, W) float32, horizontal and vertical distances.

    References
    ----------
    Graham et al. 2019, doi:10.1016/j.media.2019.101563, section 3.1.

    Examples
    --------
    >>> disc = np.hypot(*np.mgrid[-8:9, -8:9]) < 7
    >>> horizontal, vertical = hv_maps(disc.astype(np.int32))
    >>> [round(float(horizontal[8, x]), 2) for x in (2, 8, 14)]
    [-1.0, 0.0, 1.0]
    """
    maps = np.zeros((2, *instances.shape), np.float32)
    flat = instances.ravel()
    pixels = np.flatnonzero(flat)
    if pixels.size == 0:
        return maps
    pixels = pixels[np.argsort(flat[pixels], kind="stable")]
    starts = np.flatnonzero(np.diff(flat[pixels], prepend=0))
    sizes = np.diff(np.append(starts, pixels.size))
    large = np.repeat(sizes >= SMALLEST_PX, sizes)
    y, x = np.divmod(pixels, instances.shape[1])
    for target, position in zip(maps, (x, y), strict=True):
        centre = np.add.reduceat(position, starts) / sizes
        distance = position - np.repeat(centre, sizes)
        for sign in (-1.0, 1.0):
            reach = np.repeat(np.maximum.reduceat(sign * distance, starts), sizes)
            side = large & (sign * distance > 0)
            target.reshape(-1)[pixels[side]] = distance[side] / reach[side]
    return maps


def compute_targets(
    instances: NDArray[np.integer], types: NDArray[np.integer] | None, output_px: tuple[int, int]
) -> Targets:
    """Compute the targets of a patch, cropped to the centre that the network predicts.

    Parameters
    ----------
    instances
        (H, W), 0 is background.
    types
        Type of every instance id, with ``types[0] == 0``; None if the types are not known.
    output_px
        Height and width of the network's maps.

    Returns
    -------
    Targets
    """
    lookup = np.full(int(instances.max(initial=0)) + 1, UNKNOWN_TYPE, np.int64)
    if types is not None:
        lookup[: len(types)] = types[: len(lookup)]
    top, left = ((size - out) // 2 for size, out in zip(instances.shape, output_px, strict=True))
    centre = (slice(top, top + output_px[0]), slice(left, left + output_px[1]))
    return Targets(
        nuclear=(instances[centre] > 0).astype(np.int64),
        hv=np.ascontiguousarray(hv_maps(instances)[(slice(None), *centre)]),
        types=lookup[instances[centre]],
    )
