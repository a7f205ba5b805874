"""A segmentation on disk: label pyramid, table, outlines, and how they came about."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from napari_pathprune.base.box import Box
from napari_pathprune.instances.export import write_geojson, write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.palette import names_by_number
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import Slide
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.segment.segment import SegmentEvent, SegmentFinished, SegmentStarted, TileDone, segment
from napari_pathprune.workflows.segment.tile_journal import TileJournal

LABELS: Final = "labels.ome.zarr"
TABLE: Final = "instances.parquet"
OUTLINES: Final = "nuclei.geojson"
RUN: Final = "run.json"
TILES: Final = ".tiles"


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """What a finished run found, in level-0 pixels."""

    table: InstanceTable
    seconds: float
    megapixels: float


def segment_to_folder(
    slide: Slide,
    checkpoint: Checkpoint,
    folder: Path,
    *,
    model_name: str,
    region: Box | None = None,
    device: str = "auto",
    tissue_only: bool = True,
    resume: bool = False,
) -> Iterator[SegmentEvent]:
    """Segment and write as it goes; ``run.json`` comes last and says that the rest is whole.

    A stopped run leaves its tiles in a hidden folder, ``.tiles``, from which the next one can go on.

    Parameters
    ----------
    slide, checkpoint
        What is segmented with what.
    folder
        Made if it is not there; an older result in it is replaced.
    model_name
        For the record.
    region, device, tissue_only
        See `segment`.
    resume
        Go on with a run of the same slide, region and model that was stopped.

    Yields
    ------
    SegmentStarted, TileDone, SegmentFinished

    Raises
    ------
    ValueError
        As `segment`; also if the model does not know its pixel size.
    OSError
        If the folder cannot be written or the disk is full.
    """
    if checkpoint.mpp is None:
        raise ValueError(f"{model_name} does not say what pixel size it expects; its file needs an mpp")
    mpp = checkpoint.mpp
    facts = {
        "slide": f"{slide.name} {list(slide.shape)}",
        "region": None if region is None else list(region),
        "model": checkpoint.fingerprint(),
        "tissue_only": tissue_only,
    }
    journal = TileJournal(folder / TILES, facts, resume=resume)
    events = segment(
        slide,
        checkpoint.model(),
        mpp=mpp,
        region=region,
        device=device,
        tissue_only=tissue_only,
        journal=journal,
    )
    started = next(events)
    assert isinstance(started, SegmentStarted)
    tables: list[InstanceTable] = []
    finished = None
    with LabelsWriter(folder / LABELS, slide.shape, slide.mpp) as labels:
        (folder / RUN).unlink(missing_ok=True)
        yield started
        for event in events:
            if isinstance(event, TileDone):
                labels.paint(event.box, event.labels)
                tables.append(event.table)
            elif isinstance(event, SegmentFinished):
                finished = event
            if event is not finished:
                yield event
        table = InstanceTable.concatenate(tables)
        labels.describe(table, checkpoint.type_names)
    assert finished is not None
    write_parquet(table, folder / TABLE, slide.mpp, checkpoint.type_names)
    write_geojson(table, folder / OUTLINES, checkpoint.type_names, slide.mpp)
    _write_run(slide, checkpoint, folder, model_name, started, finished, table)
    journal.close()
    yield finished


def _write_run(
    slide: Slide,
    checkpoint: Checkpoint,
    folder: Path,
    model_name: str,
    started: SegmentStarted,
    finished: SegmentFinished,
    table: InstanceTable,
) -> None:
    names = names_by_number(checkpoint.type_names)
    content: dict[str, Any] = {
        "slide": slide.name,
        "folder": str(folder),
        "shape_px": list(slide.shape),
        "mpp": None if slide.mpp is None else list(slide.mpp),
        "region_yxyx_px": list(started.region),
        "note": started.note,
        "model": model_name,
        "model_mpp": checkpoint.mpp,
        "model_params": checkpoint.params,
        "model_licence": checkpoint.licence,
        "lineage": [{k: v for k, v in step.items() if k != "plan"} for step in checkpoint.lineage],
        "nuclei": finished.nuclei,
        "nuclei_by_type": {name: int((table.type == i).sum()) for i, name in enumerate(names)},
        "tiles": started.tiles,
        "seconds": round(finished.seconds, 2),
        "megapixels": round(finished.megapixels, 3),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "software": {"napari-pathprune": version("napari-pathprune"), "torch": torch.__version__},
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
    }
    part = folder / f"{RUN}.part"
    part.write_text(json.dumps(content, indent=2), encoding="utf-8")
    part.replace(folder / RUN)
