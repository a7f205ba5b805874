"""An annotation project: a labelled folder that grows region by region."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.datasets.layouts.project_regions import RegionRecord, read_regions

SETTINGS: Final = "project.json"
FOLDERS: Final = ("images", "labels", "classes", "regions")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder of annotated regions; training reads it like any labelled folder.

    Attributes
    ----------
    folder
        Holds ``project.json`` and the folders ``images``, ``labels``, ``classes`` and ``regions``.
    mpp
        Size of a pixel of all its images in um.
    """

    folder: Path
    mpp: float

    def regions(self) -> tuple[RegionRecord, ...]:
        """Read the records of all regions, all revisions."""
        return read_regions(self.folder)


def open_project(folder: str | Path, mpp: float | None = None) -> Project:
    """Open a project, or create one in an empty or new folder.

    Parameters
    ----------
    folder
        The folder of the project.
    mpp
        Size of a pixel of a new project in um, normally that of the model to train. A project that exists keeps its
        own.

    Raises
    ------
    ValueError
        If the folder holds something else, its ``project.json`` is damaged, or a new project has no pixel size.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> open_project(folder, mpp=0.5).mpp, open_project(folder).mpp
    (0.5, 0.5)
    """
    folder = Path(folder).expanduser().absolute()
    settings = folder / SETTINGS
    if settings.exists():
        return Project(folder, _read_mpp(settings))
    if folder.exists() and (not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir())):
        raise ValueError(f"{folder} is not an annotation project (no {SETTINGS}); choose a project or an empty folder")
    if mpp is None or not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f"got a pixel size of {mpp} um for the new project {folder}; expected a positive number")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with write_atomically(settings) as part:
        part.write_text(json.dumps({"format": 1, "mpp": float(mpp)}, indent=2), encoding="utf-8")
    return Project(folder, float(mpp))


def read_project_mpp(folder: Path) -> float | None:
    """Return the size of a pixel of the images of a project in um; None if the folder is not a project.

    Raises
    ------
    ValueError
        If its ``project.json`` is damaged.
    """
    settings = folder / SETTINGS
    return _read_mpp(settings) if settings.exists() else None


def _read_mpp(settings: Path) -> float:
    try:
        mpp = float(json.loads(settings.read_text(encoding="utf-8"))["mpp"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{settings} is damaged ({error}); restore it, or start a new project") from error
    if not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f"{settings} has the pixel size {mpp} um; expected a positive number")
    return mpp
