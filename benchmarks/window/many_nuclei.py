"""A slide with a hundred thousand nuclei, drawn rather than found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.result_layer import add_result_layer
from napari_pathprune.plugin.shelf.shelf import result_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

SIDE: Final = 317
"""Nuclei along each side."""
COUNT: Final = SIDE**2
PITCH_PX, RADIUS_PX = 20, 6
MPP: Final = (0.25, 0.25)
NAMES: Final = ("background", "tumour", "stroma", "lymphocyte")
SLIDE: Final = "many"


def draw_many_nuclei(seed: int, side: int = SIDE) -> NucleiCanvas:
    """Return discs on a grid, shifted at random and of random types."""
    rng = np.random.default_rng(seed)
    size = side * PITCH_PX
    y, x = np.mgrid[-RADIUS_PX : RADIUS_PX + 1, -RADIUS_PX : RADIUS_PX + 1]
    disc = y * y + x * x <= RADIUS_PX**2
    rows, columns = np.divmod(np.arange(side * side), side)
    centres = np.stack([rows, columns], axis=1) * PITCH_PX + PITCH_PX // 2 + rng.integers(-3, 4, (side * side, 2))
    labels = np.zeros((size, size), np.int32)
    for number, (row, column) in enumerate(centres.tolist(), 1):
        part = labels[row - RADIUS_PX : row + RADIUS_PX + 1, column - RADIUS_PX : column + RADIUS_PX + 1]
        part[disc] = number
    corners = centres.repeat(4, axis=0) + RADIUS_PX * np.tile([[0, -1], [-1, 0], [0, 1], [1, 0]], (len(centres), 1))
    box = np.concatenate([centres - RADIUS_PX, centres + RADIUS_PX + 1], axis=1)
    table = InstanceTable(
        np.arange(1, len(centres) + 1, dtype=np.int32),
        centres[:, 0].astype(float),
        centres[:, 1].astype(float),
        box,
        np.full(len(centres), disc.sum(), float),
        type=rng.integers(1, len(NAMES), len(centres)).astype(np.int16),
        type_probability=rng.random(len(centres)).astype(np.float32),
        points=corners.astype(np.float32),
        offsets=np.arange(0, len(corners) + 1, 4),
    )
    canvas = NucleiCanvas((0, 0, size, size))
    canvas.add(canvas.region, labels, table)
    return canvas


def add_many_nuclei(viewer: ViewerModel, canvas: NucleiCanvas, name: str) -> Labels:
    """Add nuclei as a result of the slide `SLIDE`, which is added first if it is not there."""
    if SLIDE not in viewer.layers:
        size = canvas.region[2]
        pink: Any = np.broadcast_to(np.uint8([230, 170, 200]), (size, size, 3))
        viewer.add_image(pink, rgb=True, name=SLIDE, scale=MPP, units=("um", "um"))
    facts = result_metadata(name, SLIDE, canvas.region, NAMES)
    return add_result_layer(viewer, viewer.layers[SLIDE], canvas, MPP, f"{SLIDE} {name}", facts)
