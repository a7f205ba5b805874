"""Pixel sizes are found in every place where files state them, and implausible ones are ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from slide_files import write_ome, write_svs

from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.resolution import parse_aperio_mpp, parse_ome_mpp

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = np.zeros((70, 80, 3), np.uint8)


@pytest.mark.parametrize(
    ("text", "mpp"),
    [
        ("Aperio Image Library v12|AppMag = 40|MPP = 0.2527|Left = 3", (0.2527, 0.2527)),
        ("Aperio Image Library v12|MPP = 0,2527", (0.2527, 0.2527)),
        ("Aperio Image Library v12|AppMag = 40", None),
        ("Aperio Image Library v12|MPP = 0.0", None),
        ("Another scanner|MPP = 0.25", None),
    ],
)
def test_aperio_description_is_parsed(text, mpp):
    assert parse_aperio_mpp(text) == mpp


@pytest.mark.parametrize(
    ("attributes", "mpp"),
    [
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.26"', (0.26, 0.25)),
        ('PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.00026" PhysicalSizeYUnit="mm"', (0.26, 0.25)),
        ('PhysicalSizeX="0.25" PhysicalSizeXUnit="&#181;m" PhysicalSizeY="0.25" PhysicalSizeYUnit="µm"', (0.25, 0.25)),
        ('PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1" PhysicalSizeYUnit="pixel"', None),
        ('PhysicalSizeX="0.25"', None),
        ('PhysicalSizeX="0" PhysicalSizeY="0"', None),
        ('PhysicalSizeX="wide" PhysicalSizeY="0.2"', None),
    ],
)
def test_ome_attributes_are_parsed(attributes, mpp):
    found = parse_ome_mpp(
        f'<OME><Image><ome:Pixels ID="Pixels:0" {attributes} Type="uint8"><Channel/></ome:Pixels></Image>'
    )
    assert found == (mpp and pytest.approx(mpp))


def test_ome_without_pixels_has_no_mpp():
    assert parse_ome_mpp("<OME></OME>") is None


@pytest.mark.parametrize("unit", ["nm", "µm", "mm"])
def test_ome_file_in_any_unit_is_read(tmp_path: Path, unit):
    factor = {"nm": 1e3, "µm": 1, "mm": 1e-3}[unit]
    write_ome(tmp_path / "a.ome.tif", IMAGE, unit, (0.5 * factor, 0.4 * factor))
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert slide.mpp == pytest.approx((0.5, 0.4))


@pytest.mark.parametrize(
    ("per_unit", "unit", "mpp"),
    [
        ((40000, 20000), "CENTIMETER", (0.5, 0.25)),
        ((50800, 50800), "INCH", (0.5, 0.5)),
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", None),
        ((1, 1), "NONE", None),
        ((20000, 200), "CENTIMETER", None),
    ],
)
def test_resolution_tags_are_read(tmp_path: Path, per_unit, unit, mpp):
    options = {"resolution": per_unit, "resolutionunit": unit, "photometric": "rgb", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, **options)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.mpp == (mpp and pytest.approx(mpp))


def test_imagej_unit_is_read(tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, imagej=True, resolution=(4, 4), metadata={"unit": "um", "axes": "YXS"})
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.mpp == (0.25, 0.25)


def test_view_needs_a_pixel_size(tmp_path: Path):
    write_svs(tmp_path / "a.svs", IMAGE, mpp="")
    with open_slide(tmp_path / "a.svs") as slide:
        assert slide.mpp is None
        with pytest.raises(ValueError, match="does not state its pixel size; pass mpp"):
            slide.at(0.25)
