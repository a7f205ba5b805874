"""Tiles and time before a run."""

import json

import numpy as np
import pytest

from napari_pathprune.plugin.jobs import segment_estimate
from napari_pathprune.plugin.jobs.segment_estimate import (
    find_slide_tissue,
    measure_extent,
    measure_in_process,
    measure_model,
)
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.slides.tiles import tile_region


@pytest.fixture
def half():
    """A slide of 2 x 2 mm, of 0.5 um; the left half is glass, the right half is pink with structure."""
    pixels = np.full((4000, 4000, 3), 245, np.uint8)
    pixels[:, 2000:] = np.where(
        np.indices((4000, 2000)).sum(axis=0)[..., None] // 20 % 2, (230, 170, 200), (70, 30, 110)
    )
    return slide_from_arrays([pixels], mpp=0.5, name="half")


def test_the_time_does_not_count_the_warm_up(monkeypatch):
    from napari_pathprune.inference.predict import Predictor
    from napari_pathprune.workflows.info import measure_speed

    order = []
    predict, measure = Predictor.predict, measure_speed.measure_speed
    monkeypatch.setattr(Predictor, "predict", lambda self, image: order.append("predict") or predict(self, image))
    monkeypatch.setattr(measure_speed, "measure_speed", lambda *given: order.append("measure") or measure(*given))
    found = measure_model("hovernet-s-compact", "cpu")
    assert order[:2] == ["predict", "measure"]
    assert found.seconds_per_mm2 > 0
    assert found.mpp == 0.25
    assert found.device.endswith("(chosen in Preferences)")


def test_a_model_that_cannot_be_read_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(ValueError, match=r"missing\.safetensors"):
        list(measure_in_process(str(tmp_path / "missing.safetensors"), "cpu"))


def test_the_process_prints_one_line(capsys, monkeypatch):
    found = segment_estimate.ModelMeasured("m", "auto", "CPU", 0.25, 512, 10.0)
    monkeypatch.setattr(segment_estimate, "measure_model", lambda *_: found)
    segment_estimate._main("m", "auto")
    assert json.loads(capsys.readouterr().out)["maps_px"] == 512


def test_tiles_without_tissue_do_not_count(half):
    (found,) = find_slide_tissue(half)
    everywhere = measure_extent(half, (0, 0, 4000, 4000), 0.5, write_px=500)
    assert (everywhere.tiles, everywhere.area_mm2) == (64, 4.0)
    skipped = measure_extent(half, (0, 0, 4000, 4000), 0.5, found.tissue, write_px=500)
    assert 32 <= skipped.tiles <= 40
    assert 2.0 <= skipped.area_mm2 <= 2.5


def test_small_regions_are_not_searched_for_tissue(half):
    (found,) = find_slide_tissue(half)
    assert measure_extent(half, (0, 0, 1000, 1000), 0.5, found.tissue, write_px=500).tiles == 4


def test_no_tile_is_a_sliver():
    """A view of 576 px was cut into 512 + 64 px, with a network input for each."""
    sides = [tile.write[2] - tile.write[0] for tile in tile_region((0, 0, 576, 576), (9000, 9000), 640, 4, 512)]
    assert min(sides) > 576 / 3
