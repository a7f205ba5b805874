"""The registered plugin, a small slide, and a workflow without a network."""

import importlib.util
import os
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="napari-")) / "settings.yaml")  # not the user's settings
os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
ROOT = Path(__file__).parents[2]

if importlib.util.find_spec("napari") is None:
    collect_ignore_glob = ["*test_*.py"]


@pytest.fixture
def plugin(npe2pm):
    """The only registered plugin, from the manifest in this tree."""
    with npe2pm.tmp_plugin(manifest=ROOT / "napari.yaml") as registered:
        yield registered


@pytest.fixture(autouse=True)
def no_recent_models():
    """Forget the model files that tests open: napari keeps its settings for the whole process."""
    from napari_pathprune.plugin.shelf.preferences import forget_model, read_preferences

    def forget():
        for path in read_preferences().recent_models:
            forget_model(path)

    forget()
    yield
    forget()


@pytest.fixture
def tissue():
    """(120, 160, 3) uint8: pink, with two dark discs at (40, 40) and (80, 110), radius 10."""
    image = np.full((120, 160, 3), (230, 170, 200), np.uint8)
    ys, xs = np.mgrid[:120, :160]
    for y, x in ((40, 40), (80, 110)):
        image[(ys - y) ** 2 + (xs - x) ** 2 <= 100] = (70, 30, 110)
    return image


@dataclass
class DarkDiscs:
    """A workflow in which dark pixels are nuclei, with small tiles and alternating types.

    Before each tile it waits for `gate`, and before tile `pause_at` for `pause`.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)
    pause_at: int = 0
    error: Exception | None = None
    error_at: int = 1
    note: str | None = None
    closed: bool = False
    thread: str = ""

    def __call__(self, request):
        from scipy import ndimage

        from napari_pathprune.instances.table import InstanceTable
        from napari_pathprune.plugin.jobs.segment_job import ModelLoaded
        from napari_pathprune.slides.tiles import cut_evenly
        from napari_pathprune.workflows.segment.segment import SegmentFinished, SegmentStarted, TileDone

        self.thread = threading.current_thread().name
        yield ModelLoaded(("background", "neoplastic", "inflammatory"), "no network at all")
        labels, count = ndimage.label(request.slide.read(request.region)[..., 0] < 128)
        boxes = cut_evenly(request.region, 40)
        yield SegmentStarted(len(boxes), request.region, self.note)
        y0, x0 = request.region[:2]
        whole = InstanceTable.from_instance_map(labels.astype(np.int32))
        types = 1 + np.arange(count, dtype=np.int16) % 2
        try:
            for done, box in enumerate(boxes, 1):
                assert self.gate.wait(20)
                assert done != self.pause_at or self.pause.wait(20)
                if self.error is not None and done == self.error_at:
                    raise self.error
                top, left, bottom, right = box
                own = (whole.y + y0 >= top) & (whole.y + y0 < bottom) & (whole.x + x0 >= left) & (whole.x + x0 < right)
                table = whole.select(own)
                table = InstanceTable(
                    *(getattr(table, name) for name in ("id", "y", "x", "box", "area")),
                    type=types[own],
                    type_probability=np.full(len(table), 0.75, np.float32),
                    points=table.points,
                    offsets=table.offsets,
                ).transform(offset=(y0, x0))
                mine = np.where(np.isin(labels, table.id), labels, 0).astype(np.int32)
                yield TileDone(done, len(boxes), request.region, mine, table)
            yield SegmentFinished(4, count, 2.0, 0.5)
        finally:
            self.closed = True


@pytest.fixture
def dark_discs():
    """A workflow with a closed gate; it is opened at the end, so that no thread outlives its test."""
    workflow = DarkDiscs()
    yield workflow
    workflow.gate.set()
    workflow.pause.set()
