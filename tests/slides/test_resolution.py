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
        ("Aperio|MPP = 2.5E-1|Left = 3", (0.25, 0.25)),
        ("Aperio|MPP = 2,5e-01", (0.25, 0.25)),
        ("Aperio|MPP=.25\r\nmore", (0.25, 0.25)),
        ("Aperio|mpp = +0.25 ", (0.25, 0.25)),
        ("Aperio|MPP = 0.25 um", (0.25, 0.25)),
        ("Aperio|MPP = 250nm|x", (0.25, 0.25)),
        ("Aperio|MPP = 2.5E", None),
        ("Aperio|MPP = 1000", None),
        ("Aperio|MPP = 1e-9", None),
        ("Aperio|MPP = -0.25", None),
        ("Aperio|MPP = nan", None),
        ("Aperio|MPP = 0.25.1", None),
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
        ("PhysicalSizeX='2.5E-1' PhysicalSizeY='0,25'", (0.25, 0.25)),
        ('PhysicalSizeX="1000" PhysicalSizeY="1000"', None),
        ('PhysicalSizeX="1e-9" PhysicalSizeY="1e-9"', None),
        ('PhysicalSizeX="-0.25" PhysicalSizeY="-0.25"', None),
        ('PhysicalSizeX="inf" PhysicalSizeY="nan"', None),
        ('PhysicalSizeX="0" PhysicalSizeY="0"', None),
        ('PhysicalSizeX="wide" PhysicalSizeY="0.2"', None),
    ],
)
def test_ome_attributes_are_parsed(attributes, mpp):
    found = parse_ome_mpp(
        f'<OME><Image><ome:Pixels ID="Pixels:0" {attributes} Type="uint8"><Channel/></ome:Pixels></Image>'
    )
    assert found == (mpp and pytest.approx(mpp))


UNITS = {
    **dict.fromkeys(
        [
            "um",
            "UM",
            "\u03bcm",
            "&#xb5;m",
            "&#181;m",
            "&micro;m",
            "\\u00B5m",
            "\xc2\xb5m",
            "micron",
            "Microns",
            "micrometers",
            "micrometre",
        ],
        1,
    ),
    **dict.fromkeys(["nm", "nanometers"], 0.001),
    **dict.fromkeys(["\xc5"], 0.0001),
    **dict.fromkeys(["pm"], 1e-06),
    **dict.fromkeys(["mm", "millimetres"], 1000.0),
    **dict.fromkeys(["cm"], 10000.0),
    **dict.fromkeys(["dm"], 100000.0),
    **dict.fromkeys(["m", "metre"], 1000000.0),
    **dict.fromkeys(["in", "inch", "inches"], 25400),
    **dict.fromkeys(["thou", "mil"], 25.4),
}


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_and_spelling_is_known(unit):
    size = 0.25 / UNITS[unit]
    sides = " ".join(f'PhysicalSize{axis}="{size!r}" PhysicalSize{axis}Unit="{unit}"' for axis in "XY")
    assert parse_ome_mpp(f"<Pixels {sides}>") == pytest.approx((0.25, 0.25))


@pytest.mark.parametrize("unit", ["pixel", "reference frame", "parsec", ""])
def test_other_units_are_not_guessed(unit):
    sides = " ".join(f'PhysicalSize{axis}="0.25" PhysicalSize{axis}Unit="{unit}"' for axis in "XY")
    assert parse_ome_mpp(f"<Pixels {sides}>") is None


PHILIPS = (
    '<DataObject ObjectType="DPUfsImport"><Attribute Name="DICOM_PIXEL_SPACING">{macro}</Attribute>'
    '<Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028" PMSVR="IDoubleArray">{slide}</Attribute>'
    '<Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028" PMSVR="IDoubleArray">{reduced}</Attribute></DataObject>'
)


@pytest.mark.parametrize(
    ("text", "mpp"),
    [
        ('"0.000226891" "0.000226907"', (0.226891, 0.226907)),
        ("&quot;2.5E-4&quot; &quot;2.5E-4&quot;", (0.25, 0.25)),
        ('"0" "0"', (0.5, 0.5)),
        ('"1" "1"', (0.5, 0.5)),
    ],
)
def test_spacing_of_philips_is_read(tmp_path: Path, text, mpp):
    xml = PHILIPS.format(macro='"0.0162" "0.0162"', slide=text, reduced='"0.0005" "0.0005"')
    options = {"software": "Philips DP v1.0", "description": xml, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tiff", IMAGE, photometric="rgb", tile=(64, 64), **options)
    with open_slide(tmp_path / "a.tiff") as slide:
        assert slide.mpp == pytest.approx(mpp)


@pytest.mark.parametrize(
    ("size", "mpp"), [("0.2325", (0.2325, 0.2325)), ("2.5E-1", (0.25, 0.25)), ("0", None), ("1000", None), ("x", None)]
)
def test_size_of_ventana_is_read(tmp_path: Path, size, mpp):
    xmp = f'<?xml version="1.0"?><Metadata><iScan Mode="x" ScanRes="{size}" Magnification="40"/></Metadata>'.encode()
    options = {
        "description": "level=0 mag=40 quality=90",
        "metadata": None,
        "extratags": [(700, 7, len(xmp), xmp, True)],
    }
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, photometric="rgb", tile=(64, 64), **options)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.mpp == mpp


@pytest.mark.parametrize(("size", "mpp"), [("0.26", (0.26, 0.25)), ("0,26", (0.26, 0.25)), ("0", (0.5, 0.5))])
def test_size_of_libvips_is_read_before_its_resolution_tags(tmp_path: Path, size, mpp):
    properties = "".join(
        f"<property><name>openslide.mpp-{axis}</name><value type='VipsRefString'>{value}</value></property>"
        for axis, value in (("x", "0.25"), ("y", size))
    )
    xml = f"<?xml version='1.0'?><image xmlns='http://www.vips.ecs.soton.ac.uk//dzsave'><properties>{properties}"
    options = {"description": xml, "metadata": None, "resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, photometric="rgb", tile=(64, 64), **options)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.mpp == pytest.approx(mpp)


def test_the_size_of_the_image_that_is_used_counts():
    macro, slide = (
        f'<Pixels SizeX="{w}" SizeY="9" PhysicalSizeX="{s}" PhysicalSizeY="{s}">' for w, s in ((5, 16), (80, 0.25))
    )
    assert parse_ome_mpp(macro + slide, (9, 80)) == (0.25, 0.25)
    assert parse_ome_mpp(macro + slide, (9, 81)) is None


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
        ((4000, 4000), "MILLIMETER", (0.25, 0.25)),
        ((4, 2), "MICROMETER", (0.5, 0.25)),
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


@pytest.mark.parametrize("mpp", [1e-9, 0.0, -1.0, 1000.0, float("nan"), float("inf")])
def test_nonsense_of_a_model_is_refused(tmp_path: Path, mpp):
    write_svs(tmp_path / "a.svs", IMAGE)
    with open_slide(tmp_path / "a.svs") as slide, pytest.raises(ValueError, match="got a pixel size of"):
        slide.at(mpp)


def test_view_needs_a_pixel_size(tmp_path: Path):
    write_svs(tmp_path / "a.svs", IMAGE, mpp="")
    with open_slide(tmp_path / "a.svs") as slide:
        assert slide.mpp is None
        with pytest.raises(ValueError, match="does not state its pixel size; pass mpp"):
            slide.at(0.25)
