"""What a segmentation will take: size of the region, tiles, time, and the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

from napari_pathprune.base.time_left import format_duration
from napari_pathprune.plugin.jobs.job import Job, JobEnd, JobFailed
from napari_pathprune.plugin.jobs.job_runner import JobRunner
from napari_pathprune.plugin.jobs.segment_estimate import (
    SMALL_REGION_PX,
    Extent,
    ModelMeasured,
    TissueFound,
    find_slide_tissue,
    measure_extent,
    measure_in_process,
)
from napari_pathprune.plugin.jobs.segment_job import TILE_PX, SegmentRequest
from napari_pathprune.plugin.shelf.preferences import read_preferences
from napari_pathprune.plugin.shelf.shelf import unwrap

if TYPE_CHECKING:
    from napari_pathprune.base.event import Event
    from napari_pathprune.plugin.layers.region_kind import Region
    from napari_pathprune.slides.reader import Mpp
    from napari_pathprune.slides.tissue import TissueMask

LARGE_MPX: Final = 20.0
NO_FILE: Final = "The layer has no slide file: nuclei are kept in napari only, so save them at the end"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an extent depends on."""

    layer: int
    mpp: Mpp | None
    region: tuple[int, int, int, int]
    model: str
    tissue_only: bool
    is_process: bool
    has_tissue: bool


class RunEstimate(QObject):  # type: ignore[misc]
    """Estimates of segmentations. Models and slides are measured once, in the background.

    Parameters
    ----------
    parent
        Owner of the object.

    Attributes
    ----------
    changed
        Signal without arguments: a measurement has ended.
    pace
        Seconds per square millimetre of each model in its last run, without its start.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.pace: dict[str, float] = {}
        self._models: dict[tuple[str, str], ModelMeasured] = {}
        self._failed: dict[tuple[str, str], str] = {}
        self._tissue: WeakKeyDictionary[Any, TissueMask | None] = WeakKeyDictionary()
        self._asked: Any = None
        self._runner = JobRunner(self)
        self._runner.received.connect(self._receive)
        self._runner.ended.connect(self._finish)
        self._last: tuple[_Plan, Extent] | None = None

    @property
    def is_measuring(self) -> bool:
        """Whether a measurement is under way."""
        return self._runner.is_running

    def measure(self, request: SegmentRequest, layer: Any) -> None:  # noqa: ANN401 - napari has no types
        """Measure what is not known yet of a model and of a slide, one thing at a time, in the background.

        Parameters
        ----------
        request
            What to segment.
        layer
            The layer of the slide.
        """
        if self.is_measuring:
            return
        asked = request.model, read_preferences().device
        if asked not in self._models and asked not in self._failed:
            self._asked = asked
            self._runner.run(Job(f"measurement of {request.model_name}", lambda: measure_in_process(*asked)))
        elif _may_skip(request) and unwrap(layer) not in self._tissue:
            self._asked = unwrap(layer)
            slide = request.slide
            self._runner.run(Job(f"search for the tissue of {layer.name}", lambda: find_slide_tissue(slide)))

    def describe_device(self, model: str | None) -> str:
        """Return the device that a model runs on and why, or that it is not known yet."""
        asked = model or "", read_preferences().device
        if asked in self._models:
            return self._models[asked].device
        return "could not be measured" if asked in self._failed else "is being measured ..."

    def describe_run(self, region: Region, mpp: Mpp | None) -> str:
        """Return the size of a region, in pixels and millimetres."""
        height, width = region.shape
        text = f"{width:,} \u00d7 {height:,} px"
        if mpp is not None:
            text += f" = {width * mpp[1] / 1e3:.2f} \u00d7 {height * mpp[0] / 1e3:.2f} mm"
        return f"{text}\n{region.note}" if region.note else text

    def describe_work(self, request: SegmentRequest, layer: Any, *, is_process: bool) -> str:  # noqa: ANN401
        """Return the number of tiles and the time of a segmentation, as far as they are known.

        Parameters
        ----------
        request
            What to segment.
        layer
            The layer of the slide.
        is_process
            Whether a process of its own will run, with larger tiles.
        """
        asked = request.model, read_preferences().device
        if asked in self._failed:
            return f"No estimate: {self._failed[asked]}"
        measured = self._models.get(asked)
        if measured is None:
            return "The time is being estimated ..."
        tissue = self._tissue.get(unwrap(layer))
        has_tissue = tissue is not None
        plan = _Plan(
            id(layer),
            request.slide.mpp,
            request.region,
            request.model,
            request.tissue_only,
            is_process,
            has_tissue,
        )
        if self._last is None or self._last[0] != plan:
            self._last = (
                plan,
                measure_extent(
                    request.slide,
                    request.region,
                    measured.mpp,
                    tissue if _may_skip(request) else None,
                    write_px=None if is_process else TILE_PX,
                    maps_px=measured.maps_px,
                ),
            )
        extent = self._last[1]
        pace = self.pace.get(request.model)
        seconds = (measured.seconds_per_mm2 if pace is None else pace) * extent.area_mm2
        most = "at most " if _may_skip(request) and not has_tissue else "about "
        source = "measured" if pace is None else "at the pace of the last run"
        tiles = f"{extent.tiles:,} tile" + "s" * (extent.tiles != 1)
        return f"{most}{tiles}, {format_duration(seconds)} ({source})"

    def stop(self) -> None:
        """Forget the measurement that is under way."""
        self._runner.stop()

    def _receive(self, event: Event) -> None:
        if isinstance(event, ModelMeasured):
            self._models[event.source, event.asked] = event
        elif isinstance(event, TissueFound):
            self._tissue[self._asked] = event.tissue

    def _finish(self, end: JobEnd) -> None:
        asked, self._asked = self._asked, None
        if isinstance(end, JobFailed):
            if isinstance(asked, tuple):
                self._failed[asked] = end.line
            else:
                self._tissue[asked] = None
        self.changed.emit()


def _may_skip(request: SegmentRequest) -> bool:
    """Return whether tiles without tissue are skipped."""
    y0, x0, y1, x1 = request.region
    return request.tissue_only and (y1 - y0) * (x1 - x0) > SMALL_REGION_PX
