"""Reading a result folder in a worker, so that the window can add it as a layer at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_pathprune.workflows.compare.segmentation import Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class ResultRead:
    """A result folder was read.

    Attributes
    ----------
    segmentation, data, attributes
        See `plugin.files.folder_result.FolderResult`.
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
    from napari_pathprune.plugin.files.folder_result import read_folder_result  # imports scipy, pyarrow and zarr

    found = read_folder_result(folder)
    count = 0 if found.segmentation.ids is None else len(found.segmentation.ids)
    line = f"Opened {folder.name}: {count:,} nuclei"
    yield ResultRead(found.segmentation, found.data, found.attributes, line)
