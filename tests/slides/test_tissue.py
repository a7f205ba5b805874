"""Tissue is found and glass is not, also on slides with only one of them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slide_files import halve, paint

from napari_pathprune.slides import tissue as tissue_module
from napari_pathprune.slides.reader import open_slide, slide_from_arrays
from napari_pathprune.slides.tissue import TissueMask, find_tissue

if TYPE_CHECKING:
    from pathlib import Path


def make_glass(h, w, level=243, noise=2.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(level, noise, (h, w, 3)).clip(0, 255).astype(np.uint8)


def make_island(border=0):
    """Return 600 x 800 px of glass with tissue at [200:400, 300:600] and a black frame of width `border`."""
    image = make_glass(600, 800)
    image[200:400, 300:600] = paint(200, 300)
    if border:
        image[:border] = image[-border:] = 0
        image[:, :border] = image[:, -border:] = 0
    return image


@pytest.mark.parametrize("border", [0, 60])
def test_island_of_tissue_is_found(border):
    mask = find_tissue(slide_from_arrays([make_island(border)], 0.5))
    assert mask.coverage((210, 310, 390, 590)) == 1.0
    assert mask.coverage((0, 0, 600, 250)) == 0.0
    assert mask.coverage((440, 0, 600, 800)) == 0.0
    assert 0.125 < mask.coverage((0, 0, 600, 800)) < 0.17


def test_slide_full_of_tissue_is_all_tissue():
    assert find_tissue(slide_from_arrays([paint(500, 600)], 0.5)).mask.all()


@pytest.mark.parametrize("colour", [0, 243, 255])
def test_uniformly_filled_slide_has_no_tissue(colour):
    assert not find_tissue(slide_from_arrays([np.full((400, 500, 3), colour, np.uint8)], 0.5)).mask.any()


@pytest.mark.parametrize("level", [225, 243, 252])
def test_glass_alone_has_no_tissue(level):
    assert not find_tissue(slide_from_arrays([make_glass(400, 500, level, noise=4)], 0.5)).mask.any()


def test_filled_regions_are_not_tissue():
    image = make_island()
    image[:, :150] = 243
    image[420:] = 200
    mask = find_tissue(slide_from_arrays([image], 0.5))
    assert mask.coverage((210, 310, 390, 590)) == 1.0
    assert mask.coverage((0, 0, 600, 140)) == 0.0
    assert mask.coverage((460, 0, 600, 800)) == 0.0


def test_grey_tissue_is_found():
    grey = make_island().mean(axis=2).astype(np.uint8)
    mask = find_tissue(slide_from_arrays([grey], 0.5))
    assert mask.coverage((210, 310, 390, 590)) == 1.0
    assert mask.coverage((0, 0, 600, 250)) == 0.0


@pytest.mark.parametrize("kind", ["pale", "dark", "pale and grey", "pale and all tissue"])
@pytest.mark.parametrize("strength", [0.5, 0.2, 0.12, 0.1])
def test_tissue_of_pale_and_dark_slides_is_found(kind, strength):
    if kind == "dark" and strength < 0.12:
        pytest.skip("darker than slides are")
    image = paint(600, 800) if "all" in kind else make_island()
    if "grey" in kind:
        image = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    weak = image * strength if kind == "dark" else 243 - (243.0 - image) * strength
    mask = find_tissue(slide_from_arrays([weak.clip(0, 255).astype(np.uint8)], 0.5))
    assert mask.coverage((200, 300, 400, 600)) >= 0.98
    if "all" not in kind:
        assert mask.coverage((0, 0, 600, 250)) < 0.02
        assert mask.coverage((440, 0, 600, 800)) < 0.02


def test_black_borders_of_a_dark_slide_are_not_tissue():
    mask = find_tissue(slide_from_arrays([(make_island(60) * 0.12).astype(np.uint8)], 0.5))
    assert mask.coverage((210, 310, 390, 590)) == 1.0
    assert mask.coverage((0, 0, 600, 250)) == 0.0


@pytest.mark.parametrize("border", [60, 150])
@pytest.mark.parametrize(
    ("kind", "strength", "fill"),
    [
        ("pale", 0.1, 0),
        ("pale and grey", 0.3, 0),
        ("pale and grey", 0.12, 5),
        ("dark and grey", 0.2, 0),
        ("dark", 0.12, 255),
        ("dark", 0.5, 255),
        ("dark and grey", 0.2, 255),
        ("dark and yellowish", 0.3, 255),
        ("dark and yellowish", 0.2, 0),
    ],
)
def test_padding_does_not_hide_the_tissue_of_pale_and_dark_slides(kind, strength, fill, border):
    """Mixtures of padding and glass are no tissue, but count as such if they are not told apart."""
    image = make_island()
    if "grey" in kind:
        image = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    if "yellow" in kind:
        image = image * (1, 0.99, 0.95)
    weak = image * strength if "dark" in kind else 243 - (243.0 - image) * strength
    weak[:border] = weak[-border:] = weak[:, :border] = weak[:, -border:] = fill
    mask = find_tissue(slide_from_arrays([weak.clip(0, 255).astype(np.uint8)], 0.5))
    assert mask.coverage((205, 305, 395, 595)) >= 0.98
    assert mask.coverage((0, 0, 600, 250)) < 0.02


@pytest.mark.parametrize("strength", [0.3, 0.1])
def test_pale_stroma_is_found_where_little_glass_is_left(strength):
    """The texture of tissue is not the noise of glass, which no threshold goes below."""
    rng = np.random.default_rng(0)
    image = make_glass(600, 800).astype(float)
    texture = np.kron(rng.uniform(0.3, 1.7, (100, 119)), np.ones((6, 6)))[:, :710, None]
    image[:, :710] = 243 - texture * (15, 45, 20)
    y, x = rng.integers(10, 590, 300), rng.integers(10, 700, 300)
    for cy, cx in zip(y, x, strict=True):
        image[cy - 8 : cy + 8, cx - 8 : cx + 8] = (90, 60, 140)
    whole, pale = (
        find_tissue(slide_from_arrays([(243 - (243 - image) * share).clip(0, 255).astype(np.uint8)], 0.5))
        for share in (1.0, strength)
    )
    assert whole.coverage((10, 10, 590, 700)) > 0.9
    assert pale.coverage((10, 10, 590, 700)) >= 0.98 * whole.coverage((10, 10, 590, 700))
    assert pale.coverage((0, 735, 600, 800)) < 0.02


def test_white_glass_beside_dense_grey_tissue_is_glass():
    image = np.full((600, 800, 3), 255, np.uint8)
    y, x = np.mgrid[:400, :500]
    image[100:500, 150:650] = (110 + 45 * np.sin(x / 9) * np.cos(y / 11))[..., None]
    mask = find_tissue(slide_from_arrays([image], 0.5))
    assert mask.coverage((120, 170, 480, 630)) == 1.0
    assert mask.coverage((0, 0, 600, 120)) == 0.0


def test_single_nucleus_is_found():
    image = make_glass(1000, 1000)
    y, x = np.mgrid[:1000, :1000]
    image[np.hypot(y - 503, x - 613) < 12] = (90, 60, 140)
    assert find_tissue(slide_from_arrays([image], 0.25)).coverage((495, 605, 511, 621)) == 1.0


def test_pyramid_and_single_level_agree():
    image = make_island()
    levels = [image, halve(image), halve(halve(image))]
    one, many = (find_tissue(slide_from_arrays(levels[:n], 0.5)) for n in (1, 3))
    boxes = [(y, x, y + 100, x + 100) for y in range(0, 600, 100) for x in range(0, 800, 100)]
    assert np.allclose([one.coverage(box) for box in boxes], [many.coverage(box) for box in boxes], atol=0.1)


class Recorder:
    """A level that records the number of pixels of each read."""

    def __init__(self, image):
        self.image, self.shape, self.dtype, self.read = image, image.shape, image.dtype, []

    def __getitem__(self, key):
        pixels = self.image[key]
        self.read.append(pixels.shape[0] * pixels.shape[1])
        return pixels


def test_level_is_read_in_blocks(monkeypatch):
    monkeypatch.setattr(tissue_module, "BLOCK_PX", 128)
    level = Recorder(make_island())
    mask = find_tissue(slide_from_arrays([level], 0.5))
    assert max(level.read) <= 128 * 128
    assert np.array_equal(mask.mask, find_tissue(slide_from_arrays([make_island()], 0.5)).mask)


def test_only_windows_of_a_huge_level_are_read(monkeypatch):
    for name, value in {"BUDGET_PX": 100_000, "CELL_PX": 40, "SAMPLE_PX": 16}.items():
        monkeypatch.setattr(tissue_module, name, value)
    level = Recorder(make_island())
    mask = find_tissue(slide_from_arrays([level], 0.5))
    assert max(level.read) == 16 * 16
    assert sum(level.read) < 0.2 * 600 * 800
    assert mask.mask.shape == (15, 20)
    assert mask.coverage((210, 310, 390, 590)) == 1.0
    assert mask.coverage((0, 0, 600, 200)) == 0.0


pixels = st.integers(-3, 40)


@given(pixels, pixels, st.integers(1, 30), st.integers(1, 30))
def test_coverage_is_a_share_of_the_area(y, x, h, w):
    mask = np.random.default_rng(3).random((6, 8)) < 0.5
    full = np.zeros((200, 200), bool)
    full[20:44, 20:60] = mask.repeat(4, 0).repeat(5, 1)
    share = TissueMask(mask, (1 / 4, 1 / 5)).coverage((y, x, y + h, x + w))
    assert share == pytest.approx(full[20 + y : 20 + y + h, 20 + x : 20 + x + w].mean())


def test_coverage_of_an_empty_box_is_zero():
    assert TissueMask(np.ones((2, 2), bool), (1.0, 1.0)).coverage((1, 1, 1, 2)) == 0.0


def test_pixel_size_may_be_unknown():
    assert find_tissue(slide_from_arrays([make_island()])).coverage((210, 310, 390, 590)) == 1.0


def test_mask_resolution_must_be_positive():
    with pytest.raises(ValueError, match="expected a positive number"):
        find_tissue(slide_from_arrays([make_island()]), 0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("CMU-1-Small-Region.svs", 0.38, 0.5),
        ("TCGA-V5-A7RE-11A-01-TS1_region.ome.tif", 0.36, 0.48),
        ("tcga-cr-7395-01a-01-ts1.svs", 0.6, 0.75),
    ],
)
def test_tissue_share_of_real_slides(real_slides: Path, name, low, high):
    """Compare with bounds that were set by looking at the masks."""
    with open_slide(real_slides / name) as slide:
        assert low < find_tissue(slide).mask.mean() < high


def test_nuclei_of_a_real_slide_are_in_the_mask(real_slides: Path):
    name = "TCGA-V5-A7RE-11A-01-TS1_region"
    with open_slide(real_slides / f"{name}.ome.tif") as slide:
        mask = find_tissue(slide)
    with (real_slides / f"{name}.nulite_detections.csv").open() as file:
        places = [(int(float(row["y_px"])), int(float(row["x_px"]))) for row in csv.DictReader(file)]
    found = [mask.coverage((y, x, y + 1, x + 1)) > 0 for y, x in places]
    assert np.mean(found) > 0.999
