"""The main job on the packaged slide and model: prune, segment with both models, and compare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.box import Box
from napari_pathprune.base.event import QuietEvent
from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.instances.export import read_parquet
from napari_pathprune.instances.metrics import panoptic_quality
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.demo.picture import Panel, draw_side_by_side
from napari_pathprune.workflows.prune.prune import compute_patch_cost, repeat_cut
from napari_pathprune.workflows.segment.result_files import LABELS, RUN, TABLE
from napari_pathprune.workflows.segment.result_folder import segment_to_folder
from napari_pathprune.workflows.segment.segment import SegmentEvent

SLIDE: Final = "CMU-1-Small-Region.svs"
DENSE: Final = "hovernet-s"
COMPACT: Final = "hovernet-s-compact"
REGION: Final[Box] = (680, 800, 1240, 1360)
"""A square of 560 px at 20x with many nuclei; it takes the dense model a minute on two cores."""
COLUMNS: Final = (
    "",
    "parameters",
    "MACs / megapixel",
    "seconds / megapixel",
    "nuclei",
    "agreement with dense (PQ)",
)


@dataclass(frozen=True, slots=True)
class DemoStage:
    """A stage of the demo starts; ``line`` describes it."""

    line: str

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return 0

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return None

    @property
    def is_milestone(self) -> bool:
        """See `base.event.Event`."""
        return True


@dataclass(frozen=True, slots=True)
class DemoDone(QuietEvent):
    """The demo has finished.

    Attributes
    ----------
    folder
        Where the results are.
    rows
        Rows of the table, one for each model, with cells for `COLUMNS`.
    """

    folder: Path
    rows: tuple[tuple[str, ...], ...]

    @property
    def done(self) -> int:
        """See `base.event.Event`."""
        return 1

    @property
    def total(self) -> int | None:
        """See `base.event.Event`."""
        return 1

    def to_dict(self) -> dict[str, Any]:
        """Return folder and table as JSON values."""
        return {"folder": str(self.folder), "columns": list(COLUMNS), "rows": [list(row) for row in self.rows]}


DemoEvent = DemoStage | SegmentEvent | DemoDone


def run_demo(folder: Path, region: Box = REGION) -> Iterator[DemoEvent]:
    """Prune the packaged model, segment a region with the dense and the compact model, and compare them.

    Three models segment the same tissue: the dense one, the one that was just cut, and the packaged compact one, which
    is the same cut after fine-tuning.

    Parameters
    ----------
    folder
        Is created if needed; the results of an earlier demo in it are replaced.
    region
        (y0, x0, y1, x1) in level-0 pixels of the packaged slide.

    Yields
    ------
    DemoStage, the events of `segment`, and DemoDone

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full.
    MemoryError
        If memory runs out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dense, compact = load(DENSE), load(COMPACT)
    yield DemoStage(f"pruning {DENSE} in the same way as {COMPACT} ...")
    cut, plan = repeat_cut(dense, compact)
    with write_atomically(folder / "prune-plan.json") as part:
        part.write_text(plan.to_json(), encoding="utf-8")
    save(cut, folder / "just-cut.safetensors")
    models = {"dense": (DENSE, dense), "just-cut": ("just cut", cut), "compact": (COMPACT, compact)}
    with open_slide(packaged_file(SLIDE)) as slide:
        pixels = slide.read(region)
        for name, (title, checkpoint) in models.items():
            yield DemoStage(f"segmenting with {title} ({checkpoint.params / 1e6:.2f} M parameters) ...")
            yield from segment_to_folder(slide, checkpoint, folder / name, model_name=title, region=region)
    panels = [_read_panel(folder / name, title, pixels, region) for name, (title, _) in models.items()]
    rows = tuple(
        _make_row(folder / name, checkpoint, panel, panels[0])
        for (name, (_, checkpoint)), panel in zip(models.items(), panels, strict=True)
    )
    draw_side_by_side([panels[0], panels[2]], folder / "side-by-side.png")
    draw_side_by_side(panels, folder / "with-just-cut.png")
    _write_table(folder, rows)
    yield DemoDone(folder, rows)


def _read_panel(folder: Path, title: str, pixels: NDArray[np.uint8], region: Box) -> Panel:
    y0, x0, y1, x1 = region
    labels = np.asarray(zarr.open_group(folder / LABELS, mode="r")["0"][y0:y1, x0:x1])
    table, mpp, type_names = read_parquet(folder / TABLE)
    return Panel(title, pixels, labels, table.transform(offset=(-y0, -x0)), type_names, mpp)


def _make_row(folder: Path, checkpoint: Checkpoint, panel: Panel, dense: Panel) -> tuple[str, ...]:
    run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    cost = compute_patch_cost(checkpoint)
    return (
        panel.title,
        f"{checkpoint.params:,}",
        f"{cost.macs_per_megapixel / 1e9:.0f} G",
        f"{run['seconds'] / run['megapixels']:.1f}",
        f"{run['nuclei']:,}",
        f"{panoptic_quality(dense.labels, panel.labels).pq:.3f}",
    )


def _write_table(folder: Path, rows: tuple[tuple[str, ...], ...]) -> None:
    lines = ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, ("---",) * len(COLUMNS), *rows)]
    with write_atomically(folder / "table.md") as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
