"""A segmentation on disk: label pyramid, table, outlines, and a record of the run."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.box import Box
from napari_pathprune.base.out_of_memory import advise_on_memory
from napari_pathprune.base.output_lock import lock_output
from napari_pathprune.inference.postprocess import Scaling
from napari_pathprune.instances.export import write_geojson, write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter, remove_leftovers
from napari_pathprune.instances.palette import names_by_number
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import Slide
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.segment.result_files import FACTS, LABELS, OUTLINES, RUN, TABLE
from napari_pathprune.workflows.segment.run_facts import check_run, collect_facts, read_finished
from napari_pathprune.workflows.segment.segment import SegmentEvent, SegmentFinished, SegmentStarted, TileDone, segment
from napari_pathprune.workflows.segment.tile_journal import TileJournal

TILES: Final = ".tiles"


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
    scaling: Scaling = "fixed",
    phases: int = 1,
) -> Iterator[SegmentEvent]:
    """Segment a slide and write the result while it is found.

    ``run.json`` is written last: it marks the result as complete. A stopped run leaves its tiles in a hidden folder,
    ``.tiles``, from which the next run can resume.

    Parameters
    ----------
    slide
        What to segment.
    checkpoint
        The model.
    folder
        Is created if needed; an older result in it is replaced.
    model_name
        Name of the model, for the record.
    region, device, tissue_only, scaling, phases
        See `segment`.
    resume
        Whether to resume a stopped run of the same slide, region and model. If it has finished, nothing is done.

    Yields
    ------
    SegmentStarted, TileDone, SegmentFinished

    Raises
    ------
    ValueError
        As `segment`; also if the model file states no pixel size, a run with other settings was stopped here, another
        run writes the folder, or the folder holds something that is not a result.
    OSError
        If the folder cannot be written or the disk is full.
    MemoryError
        If memory runs out.
    """
    mpp = check_run(slide, checkpoint, folder, model_name=model_name, region=region)
    facts = collect_facts(slide, checkpoint, region=region, tissue_only=tissue_only, scaling=scaling, phases=phases)
    before = read_finished(folder, facts) if resume else None
    if before is not None:
        note = f"{slide.name} has been segmented already and is skipped"
        yield SegmentStarted(before["tiles"], tuple(before["region_yxyx_px"]), note)
        yield SegmentFinished(before["tiles"], before["nuclei"], before["seconds"], before["megapixels"])
        return
    journal = TileJournal(folder / TILES, facts, resume=resume)
    events = segment(
        slide,
        checkpoint.model(),
        mpp=mpp,
        region=region,
        device=device,
        tissue_only=tissue_only,
        journal=journal,
        scaling=scaling,
        phases=phases,
    )
    with lock_output(folder):
        remove_leftovers(folder / LABELS)
        yield from _write_result(slide, checkpoint, folder, model_name, facts, journal, events)


def _write_result(
    slide: Slide,
    checkpoint: Checkpoint,
    folder: Path,
    model_name: str,
    facts: dict[str, Any],
    journal: TileJournal,
    events: Iterator[SegmentEvent],
) -> Iterator[SegmentEvent]:
    """Write the result of a run while it is found; the folder is locked."""
    with advise_on_memory():
        started = next(events)
    assert isinstance(started, SegmentStarted)
    tables: list[InstanceTable] = []
    finished = None
    with advise_on_memory(), LabelsWriter(folder / LABELS, slide.shape, slide.mpp) as labels:
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
    _write_run(slide, checkpoint, folder, model_name, started, finished, table, facts)
    journal.remove()
    yield finished


def _write_run(
    slide: Slide,
    checkpoint: Checkpoint,
    folder: Path,
    model_name: str,
    started: SegmentStarted,
    finished: SegmentFinished,
    table: InstanceTable,
    facts: dict[str, Any],
) -> None:
    names = names_by_number(checkpoint.type_names)
    content: dict[str, Any] = {
        "slide": slide.name,
        "slide_path": None if slide.path is None else str(slide.path.absolute()),
        "folder": str(folder),
        "shape_px": list(slide.shape),
        "mpp": None if slide.mpp is None else list(slide.mpp),
        "region_yxyx_px": list(started.region),
        "note": started.note,
        "model": model_name,
        "model_mpp": checkpoint.mpp,
        "model_params": checkpoint.params,
        "model_licence": checkpoint.licence,
        "phases": facts["phases"],
        "lineage": [{k: v for k, v in step.items() if k != "plan"} for step in checkpoint.lineage],
        "nuclei": finished.nuclei,
        "nuclei_by_type": {name: int((table.type == i).sum()) for i, name in enumerate(names)},
        "skipped_megapixels": round(finished.skipped_megapixels, 3),
        "dropped_blobs": finished.dropped_blobs,
        "damaged_tiles": len(finished.damaged),
        "damaged_yxyx_px": [list(box) for box in finished.damaged],
        "warnings": list(finished.warnings),
        "tiles": started.tiles,
        "seconds": round(finished.seconds, 2),
        "megapixels": round(finished.megapixels, 3),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "software": {"napari-pathprune": version("napari-pathprune"), "torch": torch.__version__},
        FACTS: facts,
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
    }
    with write_atomically(folder / RUN) as part:
        part.write_text(json.dumps(content, indent=2), encoding="utf-8")
