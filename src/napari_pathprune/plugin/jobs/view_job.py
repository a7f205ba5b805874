"""Segment one region of a slide with one or several models, to look at them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.event import Event
from napari_pathprune.plugin.jobs.segment_job import TILE_PX, paint_tiles
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas

if TYPE_CHECKING:
    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.reader import Slide
    from napari_pathprune.workflows.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True, eq=False)
class NamedModel:
    """A model to look at.

    Attributes
    ----------
    name
        Name to show.
    source
        File or packaged name; of a model that is not in a file, the model that it was made from.
    load
        Returns the model; called in a worker's thread.
    """

    name: str
    source: str
    load: Callable[[], Checkpoint]


@dataclass(frozen=True, slots=True, eq=False)
class ViewSegmented:
    """One of the models has segmented the region.

    Attributes
    ----------
    model
        The model.
    canvas
        Its nuclei.
    type_names
        Names of its types, background first.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    model: NamedModel
    canvas: NucleiCanvas
    type_names: tuple[str, ...]
    line: str
    done: int
    total: int
    is_milestone: bool = True


def segment_view(slide: Slide, region: Box, models: Sequence[NamedModel]) -> Iterator[Event]:
    """Segment a region with each of the models, one after the other. torch is imported here.

    Parameters
    ----------
    slide
        A slide whose mpp is known.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    models
        The models.

    Yields
    ------
    SegmentStarted, TileDone, SegmentFinished, ViewSegmented
        The latter for each model.

    Raises
    ------
    ValueError
        If a model cannot be read or has no pixel size; also as `workflows.segment.segment`.
    """
    from napari_pathprune.workflows.segment.segment import segment

    keep_freed_memory()
    for model in models:
        checkpoint, canvas = model.load(), NucleiCanvas(region)
        if checkpoint.mpp is None:
            raise ValueError(f"{model.name} has no pixel size (mpp); save the model again with its mpp")
        events = segment(slide, checkpoint.model(), mpp=checkpoint.mpp, region=region, write_px=TILE_PX)
        done = total = 0
        for event in paint_tiles(events, canvas):
            done, total = event.done, event.total or 0
            if done == total and model is not models[-1]:
                continue  # a job whose work is all done cannot be cancelled any more
            yield event
        count = len(canvas.table())
        line = f"{model.name}: {count:,} nucle" + ("us" if count == 1 else "i")
        yield ViewSegmented(model, canvas, checkpoint.type_names, line, done if model is models[-1] else 0, total)
