"""Segmentation beside the window: what a worker thread does, told in small events that know no torch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from napari_pathprune.plugin.layers.nuclei_layer import NucleiCanvas

if TYPE_CHECKING:
    from napari_pathprune.base.box import Box
    from napari_pathprune.slides.reader import Slide

LOG = logging.getLogger(__name__)

TILE_PX: Final = 512
"""What a tile answers for, in pixels of the model: small, so that nuclei appear and Cancel works within seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest:
    """What to segment, and with what.

    Attributes
    ----------
    slide
        Knows its mpp.
    model
        A packaged model's name, or a file.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    tissue_only
        Whether tiles of bare glass are left out.
    """

    slide: Slide
    model: str
    region: Box
    tissue_only: bool = True


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is there. `type_names` has the background first; it is empty for an untyped model."""

    type_names: tuple[str, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """The slide is cut into tiles; `note` says what a person should know about it."""

    tiles: int
    note: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One more tile is on the canvas."""

    done: int
    tiles: int
    nuclei: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Finished:
    """All tiles are on the canvas."""

    nuclei: int
    seconds: float
    megapixels: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run was stopped; what was found stays on the canvas."""

    done: int
    tiles: int
    nuclei: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The run came to an end that nobody wanted; `message` is one line for a person."""

    message: str


JobEvent = Loaded | Started | Progress | Finished | Cancelled | Failed
Workflow = Callable[[SegmentRequest], Iterator[object]]
"""Yields `Loaded`, then the events of `workflows.segment`."""


def segment_with(request: SegmentRequest) -> Iterator[object]:
    """Load the model and segment; the workflow of the dock. torch is imported here, in the worker's thread."""
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.segment.segment import segment

    checkpoint = load(request.model)
    mpp = checkpoint.mpp
    if mpp is None:
        raise ValueError("the model does not say which pixel size it wants; save it again with its mpp")
    yield Loaded(checkpoint.type_names, f"{checkpoint.params / 1e6:.2f} M parameters, reads {mpp:g} um/px")
    yield from segment(
        request.slide,
        checkpoint.model(),
        mpp=mpp,
        region=request.region,
        write_px=TILE_PX,
        tissue_only=request.tissue_only,
    )


class SegmentJob:
    """One run. Its events are made in a worker's thread; `stop` and `canvas` are for any thread.

    Parameters
    ----------
    request
        What to do.
    workflow
        How to do it.
    """

    def __init__(self, request: SegmentRequest, workflow: Workflow = segment_with) -> None:
        self.request = request
        self.canvas = NucleiCanvas(request.region)
        self._workflow = workflow
        self._source: Iterator[object] | None = None
        self._since = 0.0
        self._first = 0
        self._stop = threading.Event()

    def __repr__(self) -> str:
        """For napari's question whether to close while this runs."""
        return f"segmentation of {self.request.slide.name}"

    def stop(self) -> None:
        """Ask for the end of the run. It comes after the tile that is in work."""
        self._stop.set()

    def close(self) -> None:
        """Let go of the workflow, its files and threads; for a worker that napari made quit between two events."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def events(self) -> Iterator[JobEvent]:
        """Run. Ends with exactly one of `Finished`, `Cancelled` and `Failed`, and never raises.

        (napari would show a traceback; and superqt takes the RuntimeErrors of torch for the end of its own worker.)
        """
        try:
            yield from self._run()
        except (ValueError, OSError) as error:
            yield Failed(_first_line(error))
        except MemoryError:
            yield Failed("there is not enough memory; choose a smaller region or a more compact model")
        except Exception as error:
            LOG.exception("segmentation failed")
            yield Failed(f"{type(error).__name__}: {_first_line(error)}")

    def _run(self) -> Iterator[JobEvent]:
        self._source = self._workflow(self.request)
        done = tiles = nuclei = 0
        try:
            for event in self._source:
                told = self._told(event)
                if isinstance(told, Progress):
                    done, tiles, nuclei = told.done, told.tiles, nuclei + told.nuclei
                    told = Progress(done, tiles, nuclei, told.seconds_left)
                elif isinstance(told, Started):
                    tiles = told.tiles
                yield told
                if self._stop.is_set() and not isinstance(told, Finished):
                    yield Cancelled(done, tiles, nuclei)
                    return
        finally:
            self.close()

    def _told(self, event: object) -> JobEvent:
        """Turn an event of the workflow into ours, and put its nuclei on the canvas."""
        if isinstance(event, Loaded):
            return event
        from napari_pathprune.workflows.segment.segment import SegmentFinished, SegmentStarted, TileDone

        match event:
            case SegmentStarted():
                self._since = time.perf_counter()
                return Started(event.tiles, event.note)
            case TileDone():
                self.canvas.add(event.box, event.labels, event.table)
                now = time.perf_counter()
                per_tile = (now - self._since) / max(event.done - self._first, 1)
                if not self._first:  # the first tile warms up: the pace is that of the others
                    self._since, self._first = now, event.done
                return Progress(event.done, event.total, len(event.table), per_tile * (event.total - event.done))
            case SegmentFinished():
                return Finished(event.nuclei, event.seconds, event.megapixels)
        raise AssertionError(f"unknown event {event!r}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
