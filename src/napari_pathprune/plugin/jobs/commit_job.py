"""The workflow that commits an annotated region to a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pathprune.base.error_line import error_line
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.workflows.project.project import SETTINGS, open_project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.datasets.layouts.project_regions import Part, RegionRecord
    from napari_pathprune.slides.reader import Slide

LOG = get_plain_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class CommitRequest:
    """A region to commit; see `commit_region`.

    Attributes
    ----------
    folder
        Folder of the project; it is created if needed.
    slide, region, labels, types, type_names, part
        See `commit_region`.
    model
        Name of a packaged model or path of a model file whose nuclei were corrected; empty if none. A new project has
        its pixel size.
    """

    folder: Path
    slide: Slide
    region: Box
    labels: NDArray[Any]
    types: Mapping[int, int]
    type_names: tuple[str, ...]
    part: Part
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class RegionCommitted:
    """The region is stored.

    Attributes
    ----------
    record
        What was stored.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    record: RegionRecord
    line: str
    done: int = 1
    total: int | None = 1
    is_milestone: bool = True


def commit(request: CommitRequest) -> Iterator[RegionCommitted]:
    """Commit a region, and create the project if it does not exist yet.

    Yields
    ------
    RegionCommitted

    Raises
    ------
    ValueError
        As `open_project` and `commit_region`.
    """
    from napari_pathprune.workflows.project.commit_region import commit_region  # imports cv2

    is_new = not (request.folder / SETTINGS).exists()
    project = open_project(request.folder, _find_mpp(request) if is_new else None)
    record = commit_region(
        project,
        request.slide,
        request.region,
        request.labels,
        request.types,
        request.type_names,
        part=request.part,
        model=request.model,
    )
    count = sum(1 for other in project.regions() if other.part == record.part)
    nuclei = f"{record.nuclei:,} nucle" + ("us" if record.nuclei == 1 else "i")
    about = f" (new project, {project.mpp:.4g} \u00b5m/px)" if is_new else ""
    line = f"Committed {nuclei} as {record.name}; {count} for {record.part}ing in {request.folder.name}{about}."
    yield RegionCommitted(record, line)


def _find_mpp(request: CommitRequest) -> float | None:
    """Return the pixel size of the model that was corrected, or else of the slide."""
    if request.model:
        from napari_pathprune.workflows.checkpoint import load  # imports torch, in the worker's thread

        try:
            mpp = load(request.model).mpp
        except (OSError, ValueError) as error:  # the file may have been moved since, and the annotation must not wait
            LOG.warning("the pixel size of the slide is used for the new project: %s", error_line(error))
            mpp = None
        if mpp is not None:
            return mpp
    return None if request.slide.mpp is None else request.slide.mpp[0]
