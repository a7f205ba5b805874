"""The workflow of the Segment dock: load a model, segment a region, paint the tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.event import Event
from napari_pathprune.plugin.shelf.preferences import Preferences, read_preferences

if TYPE_CHECKING:
    from torch import nn

    from napari_pathprune.base.box import Box
    from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
    from napari_pathprune.slides.reader import Slide

TILE_PX: Final = 512
"""Side of a tile in pixels of the model: small, so that nuclei appear and Cancel takes effect within seconds."""

SMALLEST_TILE_PX: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest:
    """What to segment, and with which model.

    Attributes
    ----------
    slide
        A slide whose mpp is known.
    model
        The name of a packaged model, or the path of a model file.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    tissue_only
        Whether to skip tiles of bare glass.
    """

    slide: Slide
    model: str
    region: Box
    tissue_only: bool = True

    @property
    def model_name(self) -> str:
        """The name of the model without folder and suffix."""
        return self.model.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".safetensors")

    @property
    def area_mm2(self) -> float:
        """Area of the region in square millimetres."""
        assert self.slide.mpp is not None
        y0, x0, y1, x1 = self.region
        return (y1 - y0) * (x1 - x0) * self.slide.mpp[0] * self.slide.mpp[1] / 1e6


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """The model is in memory.

    Attributes
    ----------
    type_names
        Names of the nucleus types, background first; empty for an untyped model.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    type_names: tuple[str, ...]
    line: str = ""
    done: int = 0
    total: int | None = None
    is_milestone: bool = True


SegmentWorkflow = Callable[[SegmentRequest], Iterator[Event]]
"""Yields `ModelLoaded`, then the events of `workflows.segment`."""


def load_and_segment(request: SegmentRequest) -> Iterator[Event]:
    """Load the model and segment the region. torch is imported here, in the worker's thread.

    Yields
    ------
    ModelLoaded, SegmentStarted, TileDone, SegmentFinished

    Raises
    ------
    ValueError
        If the model cannot be read or has no pixel size; also as `workflows.segment.segment`.
    """
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.segment.segment import segment

    preferences = read_preferences()
    keep_freed_memory()  # without it tiles take half as long again on a CPU (712 px, hovernet-s: 5.1 s instead of 3.3)
    checkpoint = load(request.model)
    mpp = checkpoint.mpp
    if mpp is None:
        raise ValueError(f"{request.model_name} has no pixel size (mpp); save the model again with its mpp")
    summary = f"{request.model_name}: {checkpoint.params / 1e6:.2f} M parameters, {mpp:g} um/px"
    yield ModelLoaded(checkpoint.type_names, summary)
    model = checkpoint.model()
    yield from segment(
        request.slide,
        model,
        mpp=mpp,
        region=request.region,
        device=preferences.device,
        write_px=choose_tile_side(model, preferences),
        tissue_only=request.tissue_only,
    )


def choose_tile_side(model: nn.Module, preferences: Preferences) -> int:
    """Return the side of a tile: `TILE_PX`, or less if the memory limit of the user asks for it.

    Parameters
    ----------
    model
        The network.
    preferences
        Device and memory limit.
    """
    if preferences.memory_budget is None:
        return TILE_PX
    from napari_pathprune.inference.predict import Predictor
    from napari_pathprune.slides.tiles import REACH_PX

    predictor = Predictor(model, preferences.device)
    maps_px = predictor.choose_maps_px(preferences.memory_budget)
    return min(TILE_PX, max(maps_px - 2 * REACH_PX, SMALLEST_TILE_PX))


def paint_tiles(events: Iterator[Event], canvas: NucleiCanvas) -> Iterator[Event]:
    """Paint the nuclei of each tile on a canvas before its event is passed on.

    Parameters
    ----------
    events
        Events of a `SegmentWorkflow`.
    canvas
        Covers the region that is segmented.

    Yields
    ------
    Event
        The same events.
    """
    for event in events:
        from napari_pathprune.workflows.segment.segment import TileDone  # imports torch, which the workflow has done

        if isinstance(event, TileDone):
            canvas.add(event.box, event.labels, event.table)
        yield event
