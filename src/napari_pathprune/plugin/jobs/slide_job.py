"""A whole slide, segmented by a process of its own: its command, and its nuclei while they are found."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.plugin.jobs.processes.process_job import ProcessJob, find_jobs, start_process
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.workflows.segment.result_files import RUN

if TYPE_CHECKING:
    from napari_pathprune.slides.reader import Slide

VERB: Final = "segment"
TILES: Final = ".tiles"
FALLBACK: Final = "pathprune-results"
"""Folder in the user's home for results whose slide is in a folder that cannot be written."""


@dataclass(frozen=True, slots=True)
class SlideRun:
    """A slide to segment into a result folder.

    Attributes
    ----------
    slide
        File of the slide.
    model
        Name of a packaged model, or path of a model file.
    out
        The result folder.
    mpp
        Size of a level-0 pixel in um, if the file lacks it or the user has entered another one; else None.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    tissue_only
        Whether to skip tiles of bare glass.
    """

    slide: Path
    model: str
    out: Path
    mpp: float | None = None
    device: str = "auto"
    tissue_only: bool = True

    def arguments(self) -> tuple[str, ...]:
        """Return the words after ``pathprune``; the same words resume the run.

        Examples
        --------
        >>> SlideRun(Path("/a/b.svs"), "hovernet-s", Path("/r")).arguments()[-4:]
        ('/r', '--device', 'auto', '--resume')
        """
        words = [VERB, str(self.slide), "--model", self.model, "--out", str(self.out), "--device", self.device]
        words += [] if self.mpp is None else ["--mpp", f"{self.mpp:g}"]
        words += [] if self.tissue_only else ["--everywhere"]
        return (*words, "--resume")


def start_slide(run: SlideRun, jobs: Path) -> ProcessJob:
    """Start the process of a run.

    Parameters
    ----------
    run
        What to segment.
    jobs
        Folder for the folders of jobs.

    Raises
    ------
    OSError
        If the folder of the job cannot be written or the process cannot be started.
    """
    notes = {"slide": str(run.slide), "model": run.model, "out": str(run.out), "mpp": run.mpp}
    return start_process(jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{run.slide.stem}", run.arguments(), notes)


def find_slide_jobs(jobs: Path) -> tuple[ProcessJob, ...]:
    """Return the segmentations of whole slides that were not dismissed, latest last."""
    return tuple(job for job in find_jobs(jobs) if job.arguments[:1] == (VERB,) and "out" in job.notes)


def suggest_folder(slide: Path, model_name: str) -> Path:
    """Return a new result folder beside a slide, or in the user's home if the slide's folder cannot be written.

    Parameters
    ----------
    slide
        File of the slide.
    model_name
        Name of the model without folder and suffix.
    """
    is_packaged = slide.parent == packaged_file(slide.name).parent
    place = slide.parent if not is_packaged and os.access(slide.parent, os.W_OK) else Path.home() / FALLBACK
    first = place / f"{slide.stem.removesuffix('.ome')}-{model_name}"
    folder, number = first, 2
    while folder.exists():
        folder, number = first.with_name(f"{first.name}-{number}"), number + 1
    return folder


def check_folder(out: Path) -> None:
    """Raise a ValueError if a result cannot be written to a new folder."""
    if (out / RUN).exists():
        raise ValueError(f"{out.name} holds a result already; choose another result folder")
    parent = next((one for one in (out, *out.parents) if one.exists()), None)
    if parent is None or not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ValueError(f"the result folder cannot be written: {out}; choose another one")


@dataclass(frozen=True, slots=True, eq=False)
class TilesRead:
    """The tiles that were finished since the last reading are on the canvas.

    Attributes
    ----------
    tiles
        Number of new tiles.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    tiles: int
    line: str = ""
    done: int = 1
    total: int | None = 1
    is_milestone: bool = False


class GrowingSlide:
    """The nuclei of a slide while a process finds them, read from the tiles that the process has stored.

    The labels are numbers of types, so that the colours of the layer never change: with the ids of all nuclei, each
    drawing would take longer than the one before. The finished result has the ids.

    Parameters
    ----------
    slide
        The slide; its pixel size is the one that the process states.
    out
        Its result folder.

    Attributes
    ----------
    canvas
        Labels: the number of the type, and the number after the last type for nuclei without a type.
    type_names
        Names of the types, background first; empty before the first tile, or for an untyped model.
    counts
        Number of nuclei of each type, nuclei without a type first.
    """

    def __init__(self, slide: Slide, out: Path) -> None:
        self._slide, self._tiles = slide, out / TILES
        self._read, self._scale = 0, (1.0, 1.0)
        self.canvas = NucleiCanvas((0, 0, *slide.shape))
        self.type_names: tuple[str, ...] = ()
        self.counts = np.zeros(1, np.int64)

    @property
    def number_of_types(self) -> int:
        """Number of the types; an untyped model has one."""
        return max(len(self.type_names), 1)

    @property
    def legend(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Labels on the canvas, and the type that each of them stands for."""
        return (*range(1, self.number_of_types), self.number_of_types), (*range(1, self.number_of_types), 0)

    def read_tiles(self) -> Iterator[TilesRead]:
        """Read the tiles that are new since the last call.

        Yields
        ------
        TilesRead
            Once.
        """
        from napari_pathprune.workflows.segment.tile_journal import LEDGER, TileJournal

        before = self._read
        facts = self._read_facts(self._tiles / LEDGER)
        if facts:
            journal = TileJournal(self._tiles, facts, resume=False)
            while self._paint_next(journal):
                pass
        yield TilesRead(self._read - before)

    def _read_facts(self, path: Path) -> dict[str, Any]:
        from napari_pathprune.base.ledger import Ledger
        from napari_pathprune.slides.reader import slide_from_arrays
        from napari_pathprune.slides.view import view_at

        try:
            facts = Ledger(path, "").facts
        except (OSError, ValueError):  # it is removed when the run has finished
            return {}
        if facts and not self._read:
            self.type_names = tuple(str(name) for name in facts["model_types"])
            self.counts = np.zeros(self.number_of_types, np.int64)
            mpp = (float(facts["slide_mpp"][0]), float(facts["slide_mpp"][1]))
            slide = slide_from_arrays(self._slide.levels, mpp, self._slide.name)
            self._scale = view_at(slide, float(facts["model_mpp"])).scale
        return facts

    def _paint_next(self, journal: Any) -> bool:  # noqa: ANN401 - imported late
        """Paint the next tile, and return whether there was one."""
        from napari_pathprune.inference.rescale_nuclei import rescale_to_level0

        try:
            found = journal.read(self._read + 1)
        except (OSError, ValueError, KeyError, EOFError):  # removed, because the run has finished
            return False
        if found is None:
            return False
        nuclei = rescale_to_level0(found, self._scale, self._slide.shape)
        kinds = np.where(nuclei.table.type < self.number_of_types, nuclei.table.type, 0)
        labels = np.where(kinds == 0, self.number_of_types, kinds)
        last = int(max(nuclei.labels.max(initial=0), nuclei.table.id.max(initial=0)))
        lookup = np.zeros(last + 1, np.int32)
        lookup[nuclei.table.id] = labels
        self.canvas.add(nuclei.box, lookup[nuclei.labels])
        self.counts += np.bincount(kinds, minlength=self.number_of_types)
        self._read += 1
        return True
