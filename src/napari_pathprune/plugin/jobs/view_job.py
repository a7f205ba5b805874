"""Segment one region of a slide with one or several models, to look at them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.event import Event
from napari_pathprune.plugin.jobs.segment_job import TILE_PX, paint_tiles
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas

if TYPE_CHECKING:
    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.reader import Slide
    from napari_pathprune.workflows.checkpoint import Checkpoint

PATCHES_A_SIDE: Final = 3
"""Batch norms are re-estimated on the square of this number of patches."""


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
    is_cut
        Whether the model was cut and not trained since: its batch norms are then re-estimated on the region, as a
        compression does on training images. Without that, a cut model often finds nothing.
    """

    name: str
    source: str
    load: Callable[[], Checkpoint]
    is_cut: bool = False


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
        network = checkpoint.model()
        if model.is_cut:
            network = _recalibrate(network, slide, region, checkpoint.mpp)
        events = segment(slide, network, mpp=checkpoint.mpp, region=region, write_px=TILE_PX)
        done = total = 0
        for event in paint_tiles(events, canvas):
            done, total = event.done, event.total or 0
            if done == total and model is not models[-1]:
                continue  # a job whose work is all done cannot be cancelled any more
            yield event
        count = len(canvas.table())
        line = f"{model.name}: {count:,} nucle" + ("us" if count == 1 else "i")
        yield ViewSegmented(model, canvas, checkpoint.type_names, line, done if model is models[-1] else 0, total)


def _recalibrate(network: Any, slide: Slide, region: Box, mpp: float) -> Any:  # noqa: ANN401 - torch is imported late
    """Re-estimate the batch norms of a network on patches of a region, evenly spread."""
    import numpy as np
    import torch

    from napari_pathprune.pruning import recalibrate
    from napari_pathprune.slides.view import view_at
    from napari_pathprune.workflows.prune.prune import make_example

    view, size = view_at(slide, mpp), make_example(network).shape[-1]
    y0, x0, y1, x1 = view.from_level0(region)
    places = [
        (y, x)
        for y in np.linspace(y0, max(y1 - size, y0), PATCHES_A_SIDE).astype(int)
        for x in np.linspace(x0, max(x1 - size, x0), PATCHES_A_SIDE).astype(int)
    ]
    patches = (view.read((y, x, y + size, x + size)) for y, x in dict.fromkeys(places))
    return recalibrate(network, (torch.from_numpy(patch).permute(2, 0, 1)[None].float() for patch in patches))
