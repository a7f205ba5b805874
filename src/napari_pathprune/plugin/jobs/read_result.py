"""Reading a result folder in a worker, so that the window can add it as a layer at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_pathprune.instances.export import read_parquet
from napari_pathprune.instances.label_pyramid import open_levels
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.workflows.compare.read_segmentation import read_segmentation
from napari_pathprune.workflows.compare.segmentation import Segmentation
from napari_pathprune.workflows.segment.result_files import LABELS, TABLE


@dataclass(frozen=True, slots=True, eq=False)
class ResultRead:
    """A result folder was read.

    Attributes
    ----------
    segmentation
        Its nuclei.
    data
        Data of a Labels layer, read when it is drawn: an array, or a list of levels.
    attributes
        Colours and features of the layer, without its placement.
    done, total, line, is_milestone
        See `base.event.Event`.
    """

    segmentation: Segmentation
    data: Any
    attributes: dict[str, Any]
    line: str
    done: int = 1
    total: int = 1
    is_milestone: bool = True


def read_result(folder: Path) -> Iterator[ResultRead]:
    """Read a result folder of `pathprune segment`.

    Yields
    ------
    ResultRead

    Raises
    ------
    ValueError
        If the folder is not a finished result.
    """
    found = read_segmentation(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a result folder of pathprune segment")
    levels = open_levels(folder / LABELS)
    table, mpp, type_names = read_parquet(folder / TABLE)
    attributes = make_attributes(table, mpp or (1.0, 1.0), type_names)
    data = levels if len(levels) > 1 else levels[0]
    yield ResultRead(found, data, attributes, f"Opened {folder.name}: {len(table):,} nuclei")
