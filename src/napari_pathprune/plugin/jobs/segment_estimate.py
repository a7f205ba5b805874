"""How many tiles a segmentation has and how long it takes, before it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.base.error_line import error_line, is_mistake

if TYPE_CHECKING:
    from napari_pathprune.base.box import Box
    from napari_pathprune.base.event import Event
    from napari_pathprune.slides.reader import Slide
    from napari_pathprune.slides.tissue import TissueMask

SMALL_REGION_PX: Final = 2_000_000
"""Regions of fewer level-0 pixels are segmented without a tissue mask."""
MOST_TILES: Final = 4000
"""Tiles that are looked up in the tissue mask one by one, which takes 10 microseconds each."""
WARM_UP_PX: Final = 96
POLL_S: Final = 0.2
STRIDE_PX: Final = 8
"""Tiles start at multiples of the network's stride; another one than HoVer-Net's hardly changes their number."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """A measurement goes on.

    Attributes
    ----------
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    line: str = ""
    done: int = 0
    total: int | None = 1
    is_milestone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ModelMeasured:
    """A model was measured on a device.

    Attributes
    ----------
    source
        The model, as in `ShelfModel.source`.
    asked
        The device as it is named in Preferences.
    device
        The device in words, and why it was chosen.
    mpp
        Pixel size of the model in um.
    maps_px
        Side of the tiles of a whole slide, in pixels of the model.
    seconds_per_mm2
        Time for a square millimetre of tissue.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    source: str
    asked: str
    device: str
    mpp: float
    maps_px: int
    seconds_per_mm2: float
    line: str = ""
    done: int = 1
    total: int | None = 1
    is_milestone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TissueFound:
    """The tissue of a slide was found.

    Attributes
    ----------
    tissue
        Where it is.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    tissue: TissueMask
    line: str = ""
    done: int = 1
    total: int | None = 1
    is_milestone: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """The work of a segmentation.

    Attributes
    ----------
    tiles
        Number of tiles; those without tissue do not count if they are skipped.
    area_mm2
        Their area.
    """

    tiles: int
    area_mm2: float


def measure_in_process(source: str, asked: str) -> Iterator[Event]:
    """Run `measure_model` in another process: importing torch here would block the window for up to a second.

    Yields
    ------
    Measuring, ModelMeasured

    Raises
    ------
    ValueError
        As `measure_model`.
    RuntimeError
        If the process fails.
    """
    command = [sys.executable, "-m", __name__, source, asked]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while True:
                try:
                    output, errors = process.communicate(timeout=POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    yield Measuring()  # so that it can be stopped
        finally:
            process.kill()
    try:
        fields = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        lines = errors.strip().splitlines() or [f"exit code {process.returncode}"]
        raise RuntimeError(f"the speed could not be measured: {lines[-1]}") from None
    if "problem" in fields:
        raise ValueError(fields["problem"])
    yield ModelMeasured(**fields)


def measure_model(source: str, asked: str) -> ModelMeasured:
    """Measure a model on a device with one small tile, after an even smaller one to warm up. torch is imported here.

    Parameters
    ----------
    source
        Name of a packaged model, or path of a model file.
    asked
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    ValueError
        If the model cannot be read or has no pixel size, or there is no such device.
    """
    import numpy as np

    from napari_pathprune.inference.device import describe_device
    from napari_pathprune.inference.predict import Predictor
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.info.measure_speed import measure_speed

    keep_freed_memory()
    checkpoint = load(source)
    predictor = Predictor(checkpoint.model(), asked)
    side = predictor.fit_side(2 * predictor.margin_px + WARM_UP_PX)
    predictor.predict(np.full((side, side, 3), 200, np.uint8))
    speed = measure_speed(checkpoint, asked)
    assert checkpoint.mpp is not None
    words = f"{describe_device(predictor.device)} ({explain_device(predictor.device.type, asked)})"
    return ModelMeasured(source, asked, words, checkpoint.mpp, predictor.choose_maps_px(), speed.seconds_per_mm2)


def explain_device(kind: str, asked: str) -> str:
    """Return why a model runs on a kind of device.

    Examples
    --------
    >>> explain_device("cpu", "auto"), explain_device("cuda", "auto"), explain_device("cpu", "cpu")
    ('no CUDA or MPS device found', 'CUDA found', 'chosen in Preferences')
    """
    if asked != "auto":
        return "chosen in Preferences"
    return "no CUDA or MPS device found" if kind == "cpu" else f"{kind.upper()} found"


def find_slide_tissue(slide: Slide) -> Iterator[Event]:
    """Find the tissue of a slide.

    Yields
    ------
    TissueFound
    """
    from napari_pathprune.slides.tissue import find_tissue

    yield TissueFound(find_tissue(slide))


def measure_extent(
    slide: Slide,
    region: Box,
    mpp: float,
    tissue: TissueMask | None = None,
    *,
    write_px: int | None = None,
    maps_px: int | None = None,
) -> Extent:
    """Return the work of a segmentation.

    Parameters
    ----------
    slide
        A slide whose mpp is known.
    region
        (y0, x0, y1, x1) in level-0 pixels.
    mpp
        Pixel size of the model in um.
    tissue
        Where tiles are not skipped; None if none are.
    write_px
        Side of the tiles of a view or region, in pixels of the model.
    maps_px
        Side of the tiles of a whole slide, if `write_px` is not given.

    Raises
    ------
    ValueError
        If neither side is given.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_pathprune.slides.reader import slide_from_arrays
    >>> slide = slide_from_arrays([np.zeros((1000, 2000, 3), np.uint8)], mpp=0.5)
    >>> measure_extent(slide, (0, 0, 1000, 2000), 0.5, write_px=500)
    Extent(tiles=8, area_mm2=0.5)
    """
    assert slide.mpp is not None
    from napari_pathprune.slides.tiles import REACH_PX, tile_region
    from napari_pathprune.slides.view import view_at

    view = view_at(slide, mpp)
    y0, x0, y1, x1 = region
    area_mm2 = (y1 - y0) * (x1 - x0) * slide.mpp[0] * slide.mpp[1] / 1e6
    if write_px is not None:
        maps_px = write_px + 2 * REACH_PX
    if maps_px is None:
        raise ValueError("got no side of the tiles; give write_px or maps_px")
    tiles = tile_region(view.from_level0(region), view.shape, maps_px, STRIDE_PX, write_px)
    if tissue is None or (y1 - y0) * (x1 - x0) <= SMALL_REGION_PX:
        return Extent(len(tiles), area_mm2)
    if len(tiles) > MOST_TILES:
        share = tissue.coverage(region)
        return Extent(round(len(tiles) * share), area_mm2 * share)
    chosen = [tile for tile in tiles if tissue.coverage(view.to_level0(tile.write)) > 0]
    sizes = [(tile.write[2] - tile.write[0]) * (tile.write[3] - tile.write[1]) for tile in chosen]
    whole = max(sum((t.write[2] - t.write[0]) * (t.write[3] - t.write[1]) for t in tiles), 1)
    return Extent(len(chosen), area_mm2 * sum(sizes) / whole)


def _main(source: str, asked: str) -> None:
    """Print what `measure_model` returns, or the problem, as a line of JSON."""
    try:
        fields = asdict(measure_model(source, asked))
    except Exception as error:
        if not is_mistake(error):
            raise
        fields = {"problem": error_line(error)}
    sys.stdout.write(json.dumps(fields) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
