"""Segmentation of a slide: tiles -> network maps -> instances -> nuclei of the slide."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.base.box import Box
from napari_pathprune.base.event import QuietEvent
from napari_pathprune.inference.mosaic import Mosaic, grow_box
from napari_pathprune.inference.phases import check_phases
from napari_pathprune.inference.postprocess import Scaling
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.inference.rescale_nuclei import rescale_to_level0
from napari_pathprune.inference.separate_tile import NEAR_PX, separate_tile
from napari_pathprune.inference.stitch import Stitcher, TileNuclei
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import Slide
from napari_pathprune.slides.tiles import REACH_PX, Tile, find_needed, tile_region
from napari_pathprune.slides.tissue import find_tissue
from napari_pathprune.slides.tissue_grid import TissueGrid
from napari_pathprune.slides.view import View
from napari_pathprune.workflows.segment.tile_journal import TileJournal

SMALL_REGION_PX: Final = 2_000_000
"""Regions of fewer level-0 pixels are segmented without a tissue mask, which would cost more than it saves."""
LARGEST_UM2: Final = 1000
"""Larger blobs are no nuclei: those of megakaryocytes and tumour giant cells stay below."""


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
class TileDone(QuietEvent):
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
    dropped_blobs
        Number of blobs that were larger than any nucleus and are not reported.
    skipped_megapixels
        Area without tissue, in which no nuclei are reported, at the model's pixel size.
    damaged
        (y0, x0, y1, x1) in level-0 pixels of the tiles of the file that could not be read and count as glass.
    """

    tiles: int
    nuclei: int
    seconds: float
    megapixels: float
    dropped_blobs: int = 0
    skipped_megapixels: float = 0.0
    damaged: tuple[Box, ...] = ()

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return self.tiles

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return self.tiles

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about the result, in one line each."""
        found = []
        if not self.tiles:
            area = f"{self.skipped_megapixels:.1f} megapixels"
            found.append(f"no tissue was found, and all of {area} was skipped; --everywhere segments it")
        if self.dropped_blobs:
            found.append(f"{self.dropped_blobs} blobs of more than {LARGEST_UM2} um2 are no nuclei and were dropped")
        if self.damaged:
            many = f"{len(self.damaged)} tiles" if len(self.damaged) > 1 else "one tile"
            found.append(f"the slide is damaged: {many} could not be read, which is taken as glass; see run.json")
        return tuple(found)

    @property
    def line(self) -> str:
        """See `base.event.Event`."""
        return "; ".join(self.warnings)

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return bool(self.warnings)


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
    scaling: Scaling = "fixed",
    phases: int = 1,
) -> Iterator[SegmentEvent]:
    """Segment the nuclei of a slide or of a region of it, tile by tile.

    Each nucleus is reported once, as a whole, by the tile whose box contains its centroid. Nuclei do not depend on the
    tiles, on the region that contains their centroids, or on the device's memory. Two exceptions: a region of less than
    2 megapixels is searched without a tissue mask, and clumps that are not separated into nuclei of 256 px or less may
    depend on the tiles. Stop iterating to cancel.

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
        Largest side of the tiles, in pixels at `mpp`; None chooses by the free memory. Nuclei do not depend on it.
    tissue_only
        Whether to skip tiles without tissue, in regions of more than 2 megapixels.
    journal
        Store of finished tiles, from which a stopped run resumes.
    scaling
        See `inference.postprocess.instances_from_maps`. Nuclei of ``"reference"`` depend on the tiles.
    phases
        Number of shifts that maps are averaged over, 1 or 4 for 4 times the work; see `inference.phases.list_phases`.

    Yields
    ------
    SegmentStarted, TileDone, SegmentFinished

    Raises
    ------
    ValueError
        If the region lies outside the slide, its pixel size is unknown, or there is no such number of phases.
    """
    start = time.perf_counter()
    height, width = slide.shape
    y0, x0, y1, x1 = region or (0, 0, height, width)
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise ValueError(f"the region {(y0, x0, y1, x1)} is not inside the slide, which is {height} x {width} px")
    check_phases(phases)
    view = slide.at(mpp)
    predictor = Predictor(model, device)
    side_px = write_px or predictor.choose_maps_px()
    if journal is not None:
        side_px = journal.begin(side_px)  # a resumed run keeps its tiles, whatever memory is free now
    maps_px = side_px if write_px is None else side_px + 2 * REACH_PX
    whole = view.from_level0((y0, x0, y1, x1))
    tiles = tile_region(whole, view.shape, maps_px, predictor.stride_px, write_px)
    mask_pays = tissue_only and (y1 - y0) * (x1 - x0) > SMALL_REGION_PX
    tissue = TissueGrid.from_mask(find_tissue(slide), view) if mask_pays else None
    chosen = tiles if tissue is None else tuple(tile for tile in tiles if tissue.overlaps(tile.write))
    notes = [*([view.note] if view.note else []), *slide.list_notes()]
    yield SegmentStarted(len(chosen), (y0, x0, y1, x1), "; ".join(notes) or None)
    largest_px = LARGEST_UM2 / _measure_pixel(view)
    stitcher = Stitcher(tiles, view.shape, None if tissue is None else tissue.contains, largest_px)
    mosaic = Mosaic(view, predictor, maps_px, phases)
    damaged: set[Box] = set()
    for done, tile in enumerate(chosen, start=1):
        found = journal.read(done) if journal is not None else None
        if found is not None and _belongs(found, tile, stitcher.count):
            stitcher.restore(tile, found)
            damaged |= found.damaged
        else:
            found = _segment_tile(tile, mosaic, stitcher, tissue, scaling)
            damaged |= _find_damaged(slide, (y0, x0, y1, x1))
            if journal is not None:
                journal.write(done, replace(found, damaged=frozenset(damaged)))
        nuclei = rescale_to_level0(found, view.scale, slide.shape)
        yield TileDone(done, len(chosen), nuclei.box, nuclei.labels, nuclei.table)
    pixels = sum((t.write[2] - t.write[0]) * (t.write[3] - t.write[1]) for t in chosen)
    yield SegmentFinished(
        len(chosen),
        stitcher.count,
        time.perf_counter() - start,
        pixels / 1e6,
        dropped_blobs=stitcher.dropped,
        skipped_megapixels=0.0 if tissue is None else tissue.count_empty_px(whole) / 1e6,
        damaged=tuple(sorted(damaged)),
    )


def _find_damaged(slide: Slide, region: Box) -> set[Box]:
    """Return the boxes of the slide that could not be read and overlap a region, in level-0 pixels."""
    y0, x0, y1, x1 = region
    return {box for box in slide.list_damaged() if box[0] < y1 and box[2] > y0 and box[1] < x1 and box[3] > x0}


def _measure_pixel(view: View) -> float:
    """Return the area of a pixel of a view in square microns."""
    assert view.slide.mpp is not None
    return math.prod(view.slide.mpp) / math.prod(view.scale)


def _belongs(found: TileNuclei, tile: Tile, count: int) -> bool:
    """Return whether stored nuclei can be those of a tile, after a number of nuclei in earlier tiles."""
    (y0, x0, y1, x1), ids = found.box, found.table.id
    top, left, bottom, right = tile.write
    if not (y0 <= top and x0 <= left and y1 >= bottom and x1 >= right):
        return False
    return not len(ids) or bool(ids.min() > count and ids.max() <= count + found.labels.size)


def _segment_tile(
    tile: Tile, mosaic: Mosaic, stitcher: Stitcher, tissue: TissueGrid | None, scaling: Scaling
) -> TileNuclei:
    """Return the nuclei that a tile owns, in view pixels."""
    if tissue is None or tissue.overlaps(tile.maps):
        mosaic.add(tile.maps)
    mosaic.add(grow_box(tile.write if tissue is None else tissue.enclose(tile.write), NEAR_PX))
    instances, origin, maps, _ = separate_tile(mosaic, tile.write, scaling)
    mosaic.keep(find_needed(tile))
    return stitcher.add(tile, instances, origin, maps.types)
