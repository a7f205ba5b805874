import dataclasses

import pytest

from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.info import measure_speed as module
from napari_pathprune.workflows.info.measure_speed import measure_speed


def test_the_speed_is_that_of_one_tile(monkeypatch):
    regions = []

    def segment(*_, region, write_px, **settings):
        regions.append((region, write_px, settings["mpp"], settings["device"]))
        yield module.SegmentFinished(1, 5, 2.0, 0.25)

    monkeypatch.setattr(module, "segment", segment)
    speed = measure_speed(load("hovernet-s-compact"), "cpu")
    [((y0, x0, y1, x1), write_px, mpp, device)] = regions
    assert (write_px, mpp, device) == (512, 0.25, "cpu")
    assert y1 - y0 == x1 - x0 == 256  # the slide has 0.499 um/px
    share = (720 / 848) ** 2  # of the pixels that are read for a single tile, in the middle of a slide
    assert speed.seconds_per_mm2 == pytest.approx(2.0 / (256 * 0.000499) ** 2 * share, rel=1e-3)
    assert speed.device.startswith("CPU")


def test_a_large_model_is_measured_on_a_smaller_tile_and_corrected_for_context(monkeypatch):
    monkeypatch.setattr(module, "BUDGET_MACS", 1e9)
    monkeypatch.setattr(module, "segment", lambda *_, **__: iter([module.SegmentFinished(1, 5, 1.0, 0.1)]))
    speed = measure_speed(load("hovernet-s-compact"), "cpu")
    assert module._choose_side(4.9e10, 110, is_cpu=True) == module.SMALLEST_TILE_PX
    assert module._choose_side(4.9e10, 110, is_cpu=False) == module.TILE_PX
    uncorrected = 1.0 / (64 * 0.000499) ** 2
    assert speed.seconds_per_mm2 == pytest.approx(
        uncorrected * (720 / 512) ** 2 / ((128 + 2 * 168) / 128) ** 2, rel=0.01
    )


def test_a_packaged_model_is_measured():
    assert 0 < measure_speed(load("hovernet-s-compact"), "cpu").seconds_per_mm2 < float("inf")


def test_a_model_without_pixel_size_is_refused(checkpoint):
    with pytest.raises(ValueError, match="no pixel size"):
        measure_speed(dataclasses.replace(checkpoint, mpp=None))
