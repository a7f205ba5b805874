"""A result folder is complete and consistent, and is never half replaced."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from torch import nn

from napari_pathprune.base.box import Box
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.inference.stitch import Stitcher, TileNuclei
from napari_pathprune.instances.export import read_parquet
from napari_pathprune.slides.reader import Slide, open_slide, slide_from_arrays
from napari_pathprune.slides.tiles import Tile
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.compare.read_segmentation import read_segmentation
from napari_pathprune.workflows.segment.result_files import LABELS, OUTLINES, RUN, TABLE
from napari_pathprune.workflows.segment.result_folder import TILES, segment_to_folder
from napari_pathprune.workflows.segment.segment import SegmentEvent, SegmentFinished, TileDone
from napari_pathprune.workflows.segment.tile_journal import LEDGER


@pytest.fixture
def slide(disc_field: Callable[[tuple[int, int]], Any]) -> Slide:
    return slide_from_arrays([disc_field((300, 260))[1]], mpp=0.25, name="discs")


@pytest.fixture
def seeing(checkpoint: Checkpoint, oracle: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    return checkpoint


def test_the_folder_agrees_with_itself(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    events = list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    finished = events[-1]
    assert isinstance(finished, SegmentFinished)
    run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    table, mpp, names = read_parquet(folder / TABLE)
    outlines = json.loads((folder / OUTLINES).read_text(encoding="utf-8"))
    labels = np.asarray(zarr.open_group(folder / LABELS, mode="r")["0"][:])  # type: ignore[index]
    assert finished.nuclei == run["nuclei"] == len(table) == len(outlines["features"]) > 50
    assert set(np.unique(labels)) - {0} == set(table.id.tolist())
    assert mpp == (0.25, 0.25)
    assert names == seeing.type_names
    assert run["nuclei_by_type"]["neoplastic"] == len(table)
    assert run["model"] == "oracle"


def test_phases_are_recorded_and_not_mixed(
    seeing: Checkpoint, slide: Slide, tmp_path: Path, small_tiles: list[Box]
) -> None:
    folder = tmp_path / "result"
    stop_after(segment_to_folder(slide, seeing, folder, model_name="oracle", phases=4), 3)
    assert len(small_tiles) == 3
    with pytest.raises(ValueError, match="phases = 4, but it is 1 now"):
        list(segment_to_folder(slide, seeing, folder, model_name="oracle", resume=True))
    events = list(segment_to_folder(slide, seeing, folder, model_name="oracle", resume=True, phases=4))
    run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    assert run["phases"] == run["depends_on"]["phases"] == 4
    found = read_segmentation(folder)
    assert (found.phases, found.fingerprint) == (4, seeing.fingerprint())
    assert isinstance(events[-1], SegmentFinished)
    assert events[-1].nuclei > 50
    with pytest.raises(ValueError, match="got phases=3; expected 1 or 4"):
        list(segment_to_folder(slide, seeing, tmp_path / "new", model_name="oracle", phases=3))


def test_a_stopped_run_leaves_no_run_file(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    stopped = segment_to_folder(slide, seeing, folder, model_name="oracle")
    next(stopped)
    next(stopped)
    stopped.close()
    assert not (folder / RUN).exists()
    list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    assert (folder / RUN).exists()
    assert not [path for path in folder.iterdir() if path.name.endswith(".part")]


def test_memory_that_runs_out_ends_with_advice(
    seeing: Checkpoint, slide: Slide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object) -> None:
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2.00 GiB")

    monkeypatch.setattr(Predictor, "predict", run_out)
    with pytest.raises(MemoryError, match=r"^not enough memory: take a smaller region or a more compact model$"):
        list(segment_to_folder(slide, seeing, tmp_path / "result", model_name="oracle"))


def test_a_run_stopped_by_an_earlier_version_resumes(
    seeing: Checkpoint, slide: Slide, tmp_path: Path, small_tiles: list[Box]
) -> None:
    folder = tmp_path / "result"
    stop_after(segment_to_folder(slide, seeing, folder, model_name="oracle"), 6)
    (folder / TILES / LEDGER).rename(folder / TILES / "run.json")
    small_tiles.clear()
    events = list(segment_to_folder(slide, seeing, folder, model_name="oracle", resume=True))
    assert len(small_tiles) == sum(isinstance(event, TileDone) for event in events) - 6
    assert not (folder / TILES).exists()


def test_a_model_without_pixel_size_is_refused(checkpoint: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    fields = {name: getattr(checkpoint, name) for name in checkpoint.__slots__}
    unsure = Checkpoint(**{**fields, "mpp": None})
    with pytest.raises(ValueError, match="does not state the pixel size"):
        next(iter(segment_to_folder(slide, unsure, tmp_path / "result", model_name="unsure")))
    assert not (tmp_path / "result").exists()


def stop_after(events: Iterator[SegmentEvent], tiles: int) -> None:
    """Stop a run as Ctrl-C does."""
    for event in events:
        if isinstance(event, TileDone) and event.done == tiles:
            break
    events.close()  # type: ignore[attr-defined]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> list[Box]:
    """Cut a small slide into many tiles, and return the write boxes of those that are segmented."""
    seen: list[Box] = []
    add = Stitcher.add

    def record(stitcher: Stitcher, tile: Tile, *found: Any) -> TileNuclei:
        seen.append(tile.write)
        return add(stitcher, tile, *found)

    monkeypatch.setattr(Predictor, "choose_maps_px", lambda _: 120)
    monkeypatch.setattr(Stitcher, "add", record)
    return seen


def test_a_resumed_run_ends_with_the_same_result(
    seeing: Checkpoint, slide: Slide, tmp_path: Path, small_tiles: list[Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "stopped"
    list(segment_to_folder(slide, seeing, whole, model_name="oracle"))
    total = len(small_tiles)
    assert total > 3
    stop_after(segment_to_folder(slide, seeing, folder, model_name="oracle"), 6)
    small_tiles.clear()
    monkeypatch.setattr(Predictor, "choose_maps_px", lambda _: 180)  # more memory is free now, but the tiles stay
    list(segment_to_folder(slide, seeing, folder, model_name="oracle", resume=True))
    assert len(small_tiles) == total - 6
    for name in (TABLE, OUTLINES):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    first, second = (np.asarray(zarr.open_group(f / LABELS, mode="r")["0"][:]) for f in (whole, folder))  # type: ignore[index]
    np.testing.assert_array_equal(first, second)
    assert not (folder / TILES).exists()


def test_a_stopped_run_of_another_model_does_not_resume(
    seeing: Checkpoint, slide: Slide, tmp_path: Path, small_tiles: list[Box]
) -> None:
    stop_after(segment_to_folder(slide, seeing, tmp_path / "a", model_name="oracle"), 1)
    other = dataclasses.replace(seeing, weights={name: w + 1 for name, w in seeing.weights.items()})
    with pytest.raises(ValueError, match="left by a run with model"):
        list(segment_to_folder(slide, other, tmp_path / "a", model_name="oracle", resume=True))
    coarse = dataclasses.replace(slide, mpp=(0.5, 0.5))
    with pytest.raises(ValueError, match="left by a run with slide_mpp"):
        list(segment_to_folder(coarse, seeing, tmp_path / "a", model_name="oracle", resume=True))
    renamed = dataclasses.replace(seeing, type_names=tuple(f"other {name}" for name in seeing.type_names))
    with pytest.raises(ValueError, match="left by a run with model_types"):
        list(segment_to_folder(slide, renamed, tmp_path / "a", model_name="oracle", resume=True))
    with pytest.raises(ValueError, match="not inside the slide"):
        list(segment_to_folder(slide, seeing, tmp_path / "a", model_name="oracle", region=(0, 0, 9999, 9)))
    assert list((tmp_path / "a" / TILES).glob("*.npz")), "a mistake must not cost finished tiles"
    small_tiles.clear()
    list(segment_to_folder(slide, seeing, tmp_path / "a", model_name="oracle"))
    assert len(small_tiles) > 3, "without resuming, every tile is segmented again"


def test_damaged_tiles_are_segmented_again(
    seeing: Checkpoint, slide: Slide, tmp_path: Path, small_tiles: list[Box]
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "stopped"
    list(segment_to_folder(slide, seeing, whole, model_name="oracle"))
    stop_after(segment_to_folder(slide, seeing, folder, model_name="oracle"), 6)
    first, second, *_ = sorted((folder / TILES).glob("*.npz"))
    first.write_bytes(b"")
    with np.load(second) as file:  # a whole file, but of a later tile
        content = {name: file[name] for name in file.files}
    content["id"] = content["id"] + 10**8
    content["labels"] = np.where(content["labels"] > 0, content["labels"] + 10**8, 0).astype(np.int32)
    np.savez(second, **content)
    total = len(small_tiles)
    list(segment_to_folder(slide, seeing, folder, model_name="oracle", resume=True))
    assert len(small_tiles) == 2 * (total - 6) + 2
    assert (folder / TABLE).read_bytes() == (whole / TABLE).read_bytes()


def test_a_finished_run_is_skipped_when_it_is_resumed(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    *_, done = segment_to_folder(slide, seeing, folder, model_name="oracle")
    before = (folder / RUN).read_bytes()
    started, finished = segment_to_folder(slide, seeing, folder, model_name="oracle", resume=True)
    assert started.line == "discs has been segmented already and is skipped"
    assert (finished.done, finished.nuclei) == (done.done, done.nuclei)  # type: ignore[union-attr]
    coarse = dataclasses.replace(slide, mpp=(0.5, 0.5))
    with pytest.raises(ValueError, match="left by a run with slide_mpp"):
        list(segment_to_folder(coarse, seeing, folder, model_name="oracle", resume=True))
    assert (folder / RUN).read_bytes() == before


def test_two_runs_do_not_write_one_folder(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    first = segment_to_folder(slide, seeing, tmp_path / "result", model_name="oracle")
    next(first)
    for resume in (False, True):
        with pytest.raises(ValueError, match="is being written by another run"):
            list(segment_to_folder(slide, seeing, tmp_path / "result", model_name="oracle", resume=resume))
    list(first)
    assert (tmp_path / "result" / RUN).exists()


def test_foreign_folders_and_links_stay_as_they_were(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    folder, victim = tmp_path / "result", tmp_path / "victim"
    (folder / LABELS).mkdir(parents=True)
    (folder / LABELS / "zarr.json").write_text("{}", encoding="utf-8")
    (folder / LABELS / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="is not a label pyramid of this package"):
        list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    assert (folder / LABELS / "mine.txt").exists()
    other = tmp_path / "other"
    victim.mkdir()
    other.mkdir()
    (other / f".{LABELS}.part").symlink_to(victim)
    (other / f".{LABELS}.old").symlink_to(victim)
    list(segment_to_folder(slide, seeing, other, model_name="oracle"))
    list(segment_to_folder(slide, seeing, other, model_name="oracle"))
    assert list(victim.iterdir()) == []
    assert len(list(other.iterdir())) == 6


def test_broken_tiles_of_a_slide_are_counted_also_after_a_resume(
    seeing: Checkpoint, tmp_path: Path, disc_field: Callable[[tuple[int, int]], Any], small_tiles: list[Box]
) -> None:
    path = tmp_path / "discs.tif"
    options = {"tile": (64, 64), "compression": "zlib", "photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, disc_field((300, 260))[1], **options)
    with tifffile.TiffFile(path) as tif:
        offsets = [tif.pages[0].dataoffsets[index] for index in (1, 21)]  # type: ignore[union-attr]
    with path.open("r+b") as file:
        for offset in offsets:
            file.seek(offset)
            file.write(bytes(60))
    with open_slide(path, mpp=0.25) as slide:
        stop_after(segment_to_folder(slide, seeing, tmp_path / "a", model_name="oracle"), 8)
    with open_slide(path, mpp=0.25) as slide:
        events = list(segment_to_folder(slide, seeing, tmp_path / "a", model_name="oracle", resume=True))
    assert small_tiles
    finished = events[-1]
    assert isinstance(finished, SegmentFinished)
    assert finished.nuclei > 30
    assert finished.damaged == ((0, 64, 64, 128), (256, 64, 300, 128))
    assert "2 tiles could not be read" in finished.line
    run = json.loads((tmp_path / "a" / RUN).read_text(encoding="utf-8"))
    assert run["damaged_tiles"] == 2
    assert run["damaged_yxyx_px"] == [[0, 64, 64, 128], [256, 64, 300, 128]]
