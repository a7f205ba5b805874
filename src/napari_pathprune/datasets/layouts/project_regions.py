"""The records of an annotation project: where each annotated region lies, and whether it may teach."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from napari_pathprune.base.box import Box, check_box

Part = Literal["train", "test"]
REGIONS: Final = "regions"
"""Folder of the records, one JSON file for each annotated region; it makes a labelled folder a project."""


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """An annotated region of a slide.

    Attributes
    ----------
    name
        Name of its files without suffix.
    slide, slide_path
        Name of the slide, and path of its file; the path is empty if it is not known.
    box
        (y0, x0, y1, x1) in level-0 pixels of the slide.
    slide_mpp
        Size of a level-0 pixel in um (y, x).
    mpp
        Size of a pixel of the stored image in um.
    part
        Whether the region is for training or for testing.
    revision
        1 for the first annotation of this region of the slide, then 2, 3, ...; the last one counts.
    author, time
        Who committed the region, and when (ISO 8601).
    model
        Name of the model whose nuclei were corrected; empty if none.
    nuclei
        Number of annotated nuclei.
    """

    name: str
    slide: str
    slide_path: str
    box: Box
    slide_mpp: tuple[float, float]
    mpp: float
    part: Part
    revision: int = 1
    author: str = ""
    time: str = ""
    model: str = ""
    nuclei: int = 0

    def is_same_slide(self, other: RegionRecord) -> bool:
        """Return whether two regions are of one slide: it has the same name or the same path."""
        return self.slide == other.slide or bool(self.slide_path and self.slide_path == other.slide_path)

    def is_same_place(self, other: RegionRecord) -> bool:
        """Return whether two records annotate the same region."""
        return self.box == other.box and self.is_same_slide(other)

    def overlaps(self, other: RegionRecord) -> bool:
        """Return whether two regions share pixels."""
        (ay0, ax0, ay1, ax1), (by0, bx0, by1, bx1) = self.box, other.box
        return self.is_same_slide(other) and max(ay0, by0) < min(ay1, by1) and max(ax0, bx0) < min(ax1, bx1)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the JSON file of the region."""
        facts = asdict(self)
        return {"name": facts.pop("name"), "box_yxyx_px": list(facts.pop("box")), **facts}


def read_regions(folder: Path) -> tuple[RegionRecord, ...]:
    """Read the records of a project, all revisions, in the order of their names; empty if it is not a project.

    Raises
    ------
    ValueError
        If a record is damaged. The message names the file.
    """
    return tuple(_read_region(path) for path in sorted((folder / REGIONS).glob("*.json")))


def select_regions(records: Sequence[RegionRecord], part: Part | None = None) -> tuple[RegionRecord, ...]:
    """Return the latest revision of each region.

    Parameters
    ----------
    records
        All records of a project.
    part
        ``"train"`` for the regions that may teach: those that share no pixel with a region that is or once was a test
        region. ``"test"`` for the test regions. None for all.

    Examples
    --------
    >>> def annotate(box, part, revision=1):
    ...     return RegionRecord(f"{box}", "slide", "", box, (0.5, 0.5), 0.5, part, revision)
    >>> records = [annotate((0, 0, 9, 9), "train"), annotate((8, 8, 20, 20), "test"), annotate((40, 0, 50, 9), "train")]
    >>> [record.box for record in select_regions(records, "train")]
    [(40, 0, 50, 9)]
    """
    latest: list[RegionRecord] = []
    for record in sorted(records, key=lambda record: record.revision):
        latest = [other for other in latest if not other.is_same_place(record)]
        latest.append(record)
    latest.sort(key=lambda record: record.name)
    if part == "train":
        return tuple(record for record in latest if find_test_region(record, records) is None)
    return tuple(record for record in latest if part in {None, record.part})


def find_test_region(record: RegionRecord, records: Iterable[RegionRecord]) -> RegionRecord | None:
    """Return a test region, of any revision, that keeps a region from teaching; None if it may teach."""
    tests = (other for other in records if other.part == "test")
    return record if record.part == "test" else next((other for other in tests if other.overlaps(record)), None)


def _read_region(path: Path) -> RegionRecord:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["part"] not in get_args(Part):
            raise ValueError(f"part is {facts['part']!r}")  # noqa: TRY301 - one message for all damage
        y, x = facts["slide_mpp"]
        return RegionRecord(
            path.stem,
            str(facts["slide"]),
            str(facts["slide_path"]),
            check_box(tuple(facts["box_yxyx_px"])),
            (float(y), float(x)),
            float(facts["mpp"]),
            facts["part"],
            int(facts["revision"]),
            str(facts.get("author", "")),
            str(facts.get("time", "")),
            str(facts.get("model", "")),
            int(facts.get("nuclei", 0)),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a record of an annotated region ({error}); restore it or remove it") from error
