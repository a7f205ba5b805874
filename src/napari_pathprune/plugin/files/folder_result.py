"""The nuclei of a result folder as the data and attributes of a layer, wherever a folder is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pathprune.instances.label_pyramid import open_levels
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.workflows.compare.read_segmentation import read_result_folder
from napari_pathprune.workflows.segment.result_files import LABELS

if TYPE_CHECKING:
    from napari_pathprune.workflows.compare.segmentation import Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class FolderResult:
    """The nuclei of a result folder.

    Attributes
    ----------
    segmentation
        What was found, and where.
    data
        Data of a Labels layer: the labels of a small slide as an array in memory, which can be edited without changing
        the files, or a list of levels that are read when they are drawn.
    attributes
        Colours and features of the layer, without its placement.
    """

    segmentation: Segmentation
    data: Any
    attributes: dict[str, Any]


def read_folder_result(folder: Path) -> FolderResult:
    """Read a result folder of `pathprune segment`; it needs no window, so a worker can do it.

    Raises
    ------
    ValueError
        If the folder is not a finished result, or damaged.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; expected a result folder of pathprune segment")
    found, table = read_result_folder(folder)
    levels = open_levels(folder / LABELS)
    data = levels if len(levels) > 1 else np.asarray(levels[0][:])
    return FolderResult(found, data, make_attributes(table, found.mpp or (1.0, 1.0), found.type_names))
