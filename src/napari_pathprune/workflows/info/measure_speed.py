"""The speed of a model on this machine, measured on the packaged slide."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from napari_pathprune.base.box import Box
from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.inference.device import describe_device, find_device
from napari_pathprune.slides.reader import Slide, open_slide
from napari_pathprune.slides.tiles import REACH_PX
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.prune.prune import compute_patch_cost
from napari_pathprune.workflows.segment.segment import SegmentFinished, segment

SLIDE: Final = "CMU-1-Small-Region.svs"
CENTRE_PX: Final = (830, 1130)
"""(y, x) of densely packed nuclei on the packaged slide, in level-0 pixels."""
TILE_PX: Final = 512
"""Side of a tile in the Segment dock, in pixels of the model."""
SMALLEST_TILE_PX: Final = 128
BUDGET_MACS: Final = 60e9
"""MACs of a measurement on a CPU: about two seconds on two cores."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How long a model takes on a device.

    Attributes
    ----------
    seconds_per_mm2
        Seconds for a square millimetre of tissue in tiles of `TILE_PX`, post-processing included.
    device
        The device in words.
    """

    seconds_per_mm2: float
    device: str


def measure_speed(checkpoint: Checkpoint, device: str = "auto") -> Speed:
    """Segment one tile of the packaged slide, and return how long a square millimetre takes.

    Large models are measured on a smaller tile, and the time is corrected for its larger share of context, so that a
    measurement takes seconds.

    Parameters
    ----------
    checkpoint
        The model.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    ValueError
        If the pixel size of the model is unknown, or there is no such device.
    """
    if checkpoint.mpp is None:
        raise ValueError("the model has no pixel size, so that its speed on a slide is unknown")
    found = find_device(device)
    model = checkpoint.model()
    halo_px = int(getattr(model, "margin_px", 0)) + int(getattr(model, "padding_px", 0))
    wide_px = halo_px + REACH_PX  # the region that is measured has no neighbours to share maps with
    side_px = _choose_side(compute_patch_cost(checkpoint).macs_per_megapixel, wide_px, is_cpu=found.type == "cpu")
    with open_slide(packaged_file(SLIDE)) as slide:
        assert slide.mpp is not None
        region = _centre_box(slide, side_px * checkpoint.mpp / slide.mpp[0])
        seconds = math.inf
        for _ in range(1 if found.type == "cpu" else 2):  # a GPU needs a warm-up
            *_, end = segment(
                slide, model, mpp=checkpoint.mpp, region=region, device=device, write_px=side_px, tissue_only=False
            )
            assert isinstance(end, SegmentFinished)
            seconds = min(seconds, end.seconds)
        y0, x0, y1, x1 = region
        area_mm2 = (y1 - y0) * (x1 - x0) * slide.mpp[0] * slide.mpp[1] / 1e6
    correction = _share_of_context(TILE_PX, halo_px) / _share_of_context(side_px, wide_px)
    return Speed(seconds / area_mm2 * correction, describe_device(found))


def _choose_side(macs_per_megapixel: float, halo_px: int, *, is_cpu: bool) -> int:
    """Return the side of the tile to measure, in pixels of the model."""
    if not is_cpu:
        return TILE_PX
    read_px = 1000 * math.sqrt(BUDGET_MACS / macs_per_megapixel)
    return int(min(max(read_px - 2 * halo_px, SMALLEST_TILE_PX), TILE_PX))


def _share_of_context(side_px: int, halo_px: int) -> float:
    """Return the pixels that are read for each pixel of a tile."""
    return ((side_px + 2 * halo_px) / side_px) ** 2


def _centre_box(slide: Slide, side: float) -> Box:
    """Return a square box of tissue, or as much of it as the slide has."""
    y, x = CENTRE_PX
    height, width = slide.shape
    half = max(round(side / 2), 1)
    return max(y - half, 0), max(x - half, 0), min(y + half, height), min(x + half, width)
