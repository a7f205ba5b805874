"""Which images of a data set to read, with which types, and what to do about bad files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar, get_args

from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.layouts.project_regions import Part

_LOG = get_plain_logger(__name__)
BadFiles = Literal["stop", "skip"]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class ImageSelection:
    """Arguments of `read_images` that every layout uses.

    Attributes
    ----------
    type_names, zoom, weight, leave_out, only, bad_files, part
        See `read_images`.

    Raises
    ------
    ValueError
        If `bad_files` is neither "stop" nor "skip".

    Examples
    --------
    >>> ImageSelection(leave_out=("b",)).select_names(Path("tiles"), ["a", "b", "c"])
    ['a', 'c']
    """

    type_names: Sequence[str] = ()
    zoom: float = 1.0
    weight: float = 1.0
    leave_out: Collection[str] = ()
    only: Collection[str] = ()
    bad_files: BadFiles = "stop"
    part: Part | None = None

    def __post_init__(self) -> None:
        if self.bad_files not in get_args(BadFiles):
            raise ValueError(f"got bad_files = {self.bad_files!r}; give 'stop' or 'skip'")

    def select_names(self, folder: Path, names: Sequence[str]) -> list[str]:
        """Return the selected names; raise a ValueError if a name does not exist."""
        known = set(names)
        unknown = sorted({*self.leave_out, *self.only} - known)
        if unknown:
            raise ValueError(f"{folder} has no image {unknown[0]!r}; remove the name or correct it")
        left_out, only = set(self.leave_out), set(self.only)
        return [name for name in names if name not in left_out and (not only or name in only)]

    def read_each(self, items: Sequence[str], read: Callable[[str], Read]) -> list[Read]:
        """Read items one by one; raise at a bad one, or leave it out with a warning."""
        found = []
        for item in items:
            try:
                found.append(read(item))
            except ValueError as error:
                if self.bad_files == "stop":
                    raise
                _LOG.warning("left out: %s", error)
        return found

    def read(self, folder: Path, names: Sequence[str], read: Callable[[str], AnnotatedImage]) -> list[AnnotatedImage]:
        """Read the selected images and share the weight among them."""
        images = self.read_each(self.select_names(folder, names), read)
        if not images:
            raise ValueError(f"no image of {folder} is left; correct the files or select more images")
        return [replace(image, zoom=self.zoom, weight=self.weight / len(images)) for image in images]
