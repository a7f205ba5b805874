"""Every nucleus of a slide is found once, as a whole, in its place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from napari_pathprune.base.box import Box
from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.instances.metrics import panoptic_quality
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.slides.reader import Slide, open_slide, slide_from_arrays
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.segment.segment import SegmentFinished, SegmentStarted, TileDone, segment

Field = tuple[NDArray[np.int32], NDArray[np.uint8]]


def paint(events: list[object], shape: tuple[int, int]) -> NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    for event in events:
        if isinstance(event, TileDone):
            y0, x0, y1, x1 = event.box
            target = labels[y0:y1, x0:x1]
            np.copyto(target, event.labels, where=target == 0)
    return labels


@pytest.fixture
def field(disc_field: Callable[[tuple[int, int]], Field]) -> Field:
    return disc_field((420, 500))


@pytest.mark.parametrize("write_px", [100, 170, 600])
def test_all_nuclei_are_found_once_whatever_the_tiles(field: Field, oracle: nn.Module, write_px: int) -> None:
    truth, picture = field
    slide = slide_from_arrays([picture], mpp=0.25)
    events = list(segment(slide, oracle, mpp=0.25, write_px=write_px))
    labels = paint(events, slide.shape)
    assert panoptic_quality(truth, labels).pq > 0.95
    tables = [event.table for event in events if isinstance(event, TileDone)]
    ids = np.concatenate([table.id for table in tables])
    assert sorted(ids.tolist()) == list(range(1, truth.max() + 1))
    assert set(np.unique(labels)) == {0, *ids.tolist()}
    assert {int(kind) for table in tables for kind in table.type} == {1}
    areas = {int(i): a for table in tables for i, a in zip(table.id, table.area, strict=True)}
    assert all(np.isclose((labels == i).sum(), area, rtol=0.1) for i, area in areas.items())


def find_nuclei(
    slide: Slide, model: nn.Module, write_px: int, region: Box | None = None, phases: int = 1
) -> set[bytes]:
    """Return every column of every nucleus but its number, bit by bit."""
    events = segment(
        slide, model, mpp=0.25, region=region, write_px=write_px, tissue_only=False, device="cpu", phases=phases
    )
    table = InstanceTable.concatenate([event.table for event in events if isinstance(event, TileDone)])
    columns = (table.y, table.x, table.box, table.area, table.type, table.type_probability)
    found = {
        b"".join([*(column[row].tobytes() for column in columns), table.contour(row).tobytes()])
        for row in range(len(table))
    }
    assert len(found) == len(table), "no nucleus is reported twice"
    return found


def centre_of(nucleus: bytes) -> tuple[float, float]:
    y, x = np.frombuffer(nucleus[:16], np.float64)
    return float(y), float(x)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(20, 400),
    st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(1, 220), st.integers(1, 300)),
)
def test_nuclei_are_bit_equal_whatever_the_tiles_and_the_region(
    field: Field, oracle: nn.Module, write_px: int, place: tuple[int, int, int, int]
) -> None:
    slide = slide_from_arrays([field[1]], mpp=0.25)
    whole = find_nuclei(slide, oracle, 600)
    assert find_nuclei(slide, oracle, write_px) == whole
    y, x, height, width = place
    part = find_nuclei(slide, oracle, write_px, (y, x, y + height, x + width))
    inside = {
        one
        for one in whole
        if y - 0.5 <= centre_of(one)[0] < y + height - 0.5 and x - 0.5 <= centre_of(one)[1] < x + width - 0.5
    }
    assert part == inside


@pytest.mark.parametrize("phases", [1, 4])
def test_nuclei_of_the_packaged_model_are_bit_equal_whatever_the_tiles(phases: int) -> None:
    checkpoint = load("hovernet-s-compact")
    with open_slide(packaged_file("CMU-1-Small-Region.svs")) as slide:
        region = (803, 1101, 923, 1221)
        first, second = (find_nuclei(slide, checkpoint.model(), px, region, phases) for px in (240, 130))
    assert first == second
    assert len(first) > 5


def test_events_come_in_order_and_count(field: Field, oracle: nn.Module) -> None:
    slide = slide_from_arrays([field[1]], mpp=0.25)
    events = list(segment(slide, oracle, mpp=0.25, write_px=170))
    first, *tiles, last = events
    assert isinstance(first, SegmentStarted)
    assert first.note is None
    assert [event.done for event in tiles if isinstance(event, TileDone)] == list(range(1, first.tiles + 1))
    assert isinstance(last, SegmentFinished)
    assert last.nuclei == field[0].max()
    assert last.megapixels == pytest.approx(field[0].size / 1e6)


def test_a_region_gives_what_lies_in_it_in_slide_coordinates(field: Field, oracle: nn.Module) -> None:
    truth, picture = field
    slide = slide_from_arrays([picture], mpp=0.25)
    region = (112, 140, 308, 364)
    events = list(segment(slide, oracle, mpp=0.25, region=region, write_px=120))
    labels = paint(events, slide.shape)
    whole = set(np.unique(truth[region[0] : region[2], region[1] : region[3]])) - {0}
    found = set(np.unique(truth[labels > 0])) - {0}
    centres = {i: np.argwhere(truth == i).mean(0) for i in whole}
    inside = {
        i for i, (y, x) in centres.items() if region[0] + 1 < y < region[2] - 1 and region[1] + 1 < x < region[3] - 1
    }
    assert inside <= found <= whole


def test_a_coarser_slide_is_resampled_and_the_note_states_it(field: Field, oracle: nn.Module) -> None:
    truth, picture = field
    slide = slide_from_arrays([picture], mpp=0.5)
    events = list(segment(slide, oracle, mpp=0.25, region=(0, 0, 150, 150)))
    started = events[0]
    assert isinstance(started, SegmentStarted)
    assert started.note is not None
    assert "0.5" in started.note
    assert "0.25" in started.note
    labels = paint(events, slide.shape)[:140, :140]
    nuclei = [event.table for event in events if isinstance(event, TileDone)]
    assert panoptic_quality(truth[:140, :140], labels).dq > 0.8
    assert max(float(table.y.max()) for table in nuclei if len(table)) < 165.0


@pytest.mark.parametrize("region", [(0, 0, 421, 10), (-1, 0, 5, 5), (10, 10, 10, 20)])
def test_a_region_outside_is_refused(field: Field, oracle: nn.Module, region: tuple[int, int, int, int]) -> None:
    slide = slide_from_arrays([field[1]], mpp=0.25)
    with pytest.raises(ValueError, match="not inside the slide, which is 420 x 500 px"):
        next(iter(segment(slide, oracle, mpp=0.25, region=region)))


def test_tiles_without_tissue_are_skipped(oracle: nn.Module) -> None:
    picture = np.full((1600, 1600, 3), 255, np.uint8)
    slide = slide_from_arrays([picture], mpp=0.25)
    events = list(segment(slide, oracle, mpp=0.25, write_px=800))
    started, finished = events[0], events[-1]
    assert isinstance(started, SegmentStarted)
    assert started.tiles == 0
    assert isinstance(finished, SegmentFinished)
    assert finished.nuclei == 0
    assert finished.skipped_megapixels == pytest.approx(2.56)
    assert finished.line == "no tissue was found, and all of 2.6 megapixels was skipped; --everywhere segments it"
    assert finished.is_milestone


def test_a_slide_without_pixel_size_asks_for_it(oracle: nn.Module) -> None:
    slide = slide_from_arrays([np.zeros((200, 200, 3), np.uint8)])
    with pytest.raises(ValueError, match="pass mpp"):
        next(iter(segment(slide, oracle, mpp=0.25)))


def test_black_margins_give_the_nuclei_of_white_ones() -> None:
    checkpoint = load("hovernet-s-compact")
    with open_slide(packaged_file("CMU-1-Small-Region.svs")) as whole:
        pixels = whole.read((803, 1101, 953, 1251)).repeat(2, axis=0).repeat(2, axis=1)
    y, x = np.mgrid[:300, :300]
    margins = (x < 70) | (y > 240) | (np.hypot(y - 100, x - 200) < 40)
    found = [
        find_nuclei(slide_from_arrays([np.where(margins[..., None], fill, pixels)], mpp=0.25), checkpoint.model(), 600)
        for fill in np.array([0, 255], np.uint8)
    ]
    assert found[0] == found[1]
    assert len(found[0]) > 3


@pytest.mark.parametrize("write_px", [150, 600])
def test_blobs_larger_than_any_nucleus_are_dropped_and_counted(field: Field, oracle: nn.Module, write_px: int) -> None:
    y, x = np.mgrid[-90:90, -90:90]
    blob = np.maximum(abs(y), abs(x)) < 70  # 35 x 35 um
    distances = np.where(blob, x, 0) / 70, np.where(blob, y, 0) / 70
    picture = field[1].copy()
    picture[80:260, 100:280] = np.stack([blob * 255, *((d + 1) * 127 for d in distances)], axis=-1)
    slide = slide_from_arrays([picture], mpp=0.25)
    events = list(segment(slide, oracle, mpp=0.25, write_px=write_px))
    finished = events[-1]
    assert isinstance(finished, SegmentFinished)
    assert finished.dropped_blobs == 1
    assert "1 blobs of more than 1000 um2" in finished.line
    areas = np.concatenate([event.table.area for event in events if isinstance(event, TileDone)])
    assert areas.max() < 600
    assert finished.nuclei == len(areas) > 150
