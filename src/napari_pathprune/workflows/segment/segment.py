"""Segmentation of a slide: tiles -> network maps -> instances -> nuclei of the slide."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.base.box import Box
from napari_pathprune.inference.postprocess import instances_from_maps
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.inference.rescale_nuclei import rescale_to_level0
from napari_pathprune.inference.stitch import Stitcher, TileNuclei
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import Slide
from napari_pathprune.slides.tiles import Tile, tile_region
from napari_pathprune.slides.tissue import find_tissue
from napari_pathprune.slides.view import View
from napari_pathprune.workflows.segment.tile_journal import TileJournal

CONTEXT_PX: Final = 64
"""View pixels of context around a write box.

A nucleus on the edge of the box is seen whole, and unaffected by the padding of the encoder (56 px).
"""
SMALL_REGION_PX: Final = 2_000_000
"""Regions of fewer level-0 pixels are segmented without a tissue mask, which would cost more than it saves."""


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """A run starts.

    Attributes
    ----------
    tiles
        Number of tiles.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    note
        What the user should know, such as that the slide is resampled; None if nothing.
    """

    tiles: int
    region: Box
    note: str | None

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return 0

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.tiles

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return self.note or ""

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return bool(self.note)


@dataclass(frozen=True, slots=True, eq=False)
class TileDone:
    """The nuclei of one tile, in level-0 pixels.

    Attributes
    ----------
    done, total
        Numbers of tiles.
    box
        (y0, x0, y1, x1) of `labels`.
    labels
        (h, w) int32 with slide-wide ids, to paint by ``target[box] = where(target[box] == 0, labels, target[box])``.
    table
        The same nuclei with the same ids.
    """

    done: int
    total: int
    box: Box
    labels: NDArray[np.int32]
    table: InstanceTable

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return f"{len(self.table)} nuclei in this tile"

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """A run has finished.

    Attributes
    ----------
    tiles, nuclei
        Their numbers.
    seconds
        Wall time.
    megapixels
        Segmented area, in millions of pixels at the model's pixel size.
    """

    tiles: int
    nuclei: int
    seconds: float
    megapixels: float

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.tiles

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.tiles

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return ""

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return False


SegmentEvent = SegmentStarted | TileDone | SegmentFinished


def segment(
    slide: Slide,
    model: nn.Module,
    *,
    mpp: float,
    region: Box | None = None,
    device: str = "auto",
    write_px: int | None = None,
    tissue_only: bool = True,
    journal: TileJournal | None = None,
) -> Iterator[SegmentEvent]:
    """Segment the nuclei of a slide or of a region of it, tile by tile.

    Each nucleus is reported once, as a whole, by exactly one tile. Stop iterating to cancel.

    Parameters
    ----------
    slide
        Is read at the model's pixel size, and resampled if its own differs.
    model
        Returns network maps; see `models.hovernet.HoVerNet`.
    mpp
        Pixel size that the model expects, in um.
    region
        (y0, x0, y1, x1) in level-0 pixels; None for the whole slide.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    write_px
        Largest side of the tiles, in pixels at `mpp`; None chooses by the free memory.
    tissue_only
        Whether to skip tiles without tissue, in regions of more than 2 megapixels.
    journal
        Store of finished tiles, from which a stopped run resumes.

    Yields
    ------
    SegmentStarted, TileDone, SegmentFinished

    Raises
    ------
    ValueError
        If the region lies outside the slide, or the pixel size of the slide is unknown.
    """
    start = time.perf_counter()
    height, width = slide.shape
    y0, x0, y1, x1 = region or (0, 0, height, width)
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"the region {(y0, x0, y1, x1)} is not inside the slide, which is {height} x {width} px")
    view = slide.at(mpp)
    predictor = Predictor(model, device)
    halo_px = predictor.margin_px + CONTEXT_PX
    side_px = write_px or predictor.choose_read_px() - 2 * halo_px
    if journal is not None:
        side_px = journal.begin(side_px)  # a resumed run keeps its tiles, whatever memory is free now
    tiles = tile_region(view.from_level0((y0, x0, y1, x1)), side_px, halo_px, view.level, mpp)
    mask_pays = tissue_only and (y1 - y0) * (x1 - x0) > SMALL_REGION_PX
    chosen = _select_tissue(tiles, view) if mask_pays else tiles
    yield SegmentStarted(len(chosen), (y0, x0, y1, x1), view.note)
    stitcher = Stitcher(tiles, view.shape, predictor.margin_px)
    for done, tile in enumerate(chosen, start=1):
        found = journal.read(done) if journal is not None else None
        if found is not None:
            stitcher.restore(tile, found)
        else:
            found = _segment_tile(tile, view, predictor, stitcher)
            if journal is not None:
                journal.write(done, found)
        nuclei = rescale_to_level0(found, view.scale, slide.shape)
        yield TileDone(done, len(chosen), nuclei.box, nuclei.labels, nuclei.table)
    pixels = sum((t.write[2] - t.write[0]) * (t.write[3] - t.write[1]) for t in chosen)
    yield SegmentFinished(len(chosen), stitcher.count, time.perf_counter() - start, pixels / 1e6)


def _segment_tile(tile: Tile, view: View, predictor: Predictor, stitcher: Stitcher) -> TileNuclei:
    """Return the nuclei that a tile owns, in view pixels."""
    prediction = predictor.predict(view.read(tile.read))
    origin = (tile.read[0] + prediction.margin_px, tile.read[1] + prediction.margin_px)
    return stitcher.add(tile, instances_from_maps(prediction.maps), origin, prediction.maps.types)


def _select_tissue(tiles: tuple[Tile, ...], view: View) -> tuple[Tile, ...]:
    """Return the tiles that hold tissue."""
    tissue = find_tissue(view.slide)
    return tuple(tile for tile in tiles if tissue.coverage(view.to_level0(tile.write)) > 0.0)
