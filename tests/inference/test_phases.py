"""Maps are averaged over inputs that start half a stride apart."""

import numpy as np
import pytest
import torch

from napari_pathprune.inference.mosaic import Mosaic
from napari_pathprune.inference.phases import check_phases, list_phases
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.models import build
from napari_pathprune.slides.reader import slide_from_arrays

PICTURE = np.random.default_rng(4).integers(0, 255, (280, 290, 3), np.uint8)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build("hovernet", mode="fast", num_types=3, width=0.0625).eval()


def read_maps(model, phases, maps_px=400, shift=(0, 0), parts=((0, 0, 100, 110),)):
    """Return the nuclear map of the last of some boxes, all moved by a shift."""
    y, x = shift
    view = slide_from_arrays([PICTURE[y:, x:]], mpp=0.25).at(0.25)
    mosaic = Mosaic(view, Predictor(model, "cpu"), maps_px, phases)
    boxes = [(y0 - y, x0 - x, y1 - y, x1 - x) for y0, x0, y1, x1 in parts]
    for box in boxes:
        mosaic.add(box)
    maps, known = mosaic.read(boxes[-1])
    assert known.all()
    return np.concatenate([maps.nuclear[None], maps.types])  # 0 to 1; distances of random weights are in the hundreds


@pytest.mark.parametrize("count", [0, 2, 3, -4])
def test_other_numbers_are_refused(count):
    with pytest.raises(ValueError, match=f"got phases={count}; expected 1 or 4"):
        check_phases(count)


def test_four_phases_are_the_mean_of_images_shifted_by_half_a_stride(model):
    inner = ((200, 192, 250, 240),)  # far from the edges, where a shifted image is mirrored elsewhere
    with torch.no_grad():
        each = [read_maps(model, 1, shift=shift, parts=inner) for shift in list_phases(4, 8)]
    found = read_maps(model, 4, parts=inner)
    assert np.abs(found - np.mean(each, axis=0)).max() < 2e-3  # float16
    assert np.abs(found - each[0]).max() > 1e-2


def test_averaged_maps_do_not_depend_on_the_inputs_either(model):
    whole = read_maps(model, 4)
    part = read_maps(model, 4, maps_px=64, parts=((3, 50, 40, 90), (0, 0, 100, 110)))
    np.testing.assert_allclose(whole, part, atol=1e-3)


def test_maps_shifted_by_half_a_stride_are_the_same_maps(model):
    inner = ((200, 192, 250, 240),)
    np.testing.assert_allclose(
        read_maps(model, 4, parts=inner), read_maps(model, 4, shift=(4, 4), parts=inner), atol=2e-3
    )
