"""The pixel size of a TIFF in um (mpp): where it is stated, and which values are plausible."""

from __future__ import annotations

import html
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tifffile

Mpp = tuple[float, float]

UM_PER_UNIT = {"fm": 1e-9, "pm": 1e-6, "\u00e5": 1e-4, "angstrom": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "um": 1.0,
               "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0, "micrometer": 1.0, "mm": 1e3, "millimeter": 1e3,
               "cm": 1e4, "centimeter": 1e4, "dm": 1e5, "m": 1e6, "meter": 1e6, "thou": 25.4, "mil": 25.4,
               "in": 25_400.0, "inch": 25_400.0}  # fmt: skip
UM_PER_TIFF_UNIT = {2: 25_400.0, 3: 10_000.0, 4: 1000.0, 5: 1.0}  # inch, cm, and mm and um, which some programs write

MPP_LIMITS = (0.01, 100.0)
"""Plausible pixel sizes of a tissue image in um. Others are a mistake and would need an absurd amount of memory."""
TAGGED_UM = (0.05, 20.0)  # limits of resolution tags: 72 to 1200 dpi (353 to 21 um) are defaults for printing


XMP = 700  # the tag of the metadata of Ventana
NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"


def read_mpp(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> Mpp | None:
    """Return the pixel size (y, x) of a page in um, or None if it is not stated.

    The sources are Aperio's MPP, the spacing of Philips, the properties that libvips copies from OpenSlide, Ventana's
    ScanRes, OME's PhysicalSize, ImageJ's unit and the resolution tags; the first plausible value is returned.
    Resolution tags are plausible between 0.05 and 20 um.
    """
    text = page.description or ""
    ome = tif.ome_metadata if tif.is_ome else None
    first = tif.pages[0].aspage()
    for found in (
        parse_aperio_mpp(text),
        parse_philips_mpp(first.description or ""),
        _parse_openslide_mpp(first.description or ""),
        *(parse_ventana_mpp(one.tags.valueof(XMP) or b"") for one in (first, page)),
        parse_ome_mpp(ome, (page.imagelength, page.imagewidth)) if isinstance(ome, str) else None,
        _read_imagej_mpp(text, page),
        _read_tagged_mpp(page),
    ):
        if found is not None:
            return found
    return None


def parse_aperio_mpp(description: str) -> Mpp | None:
    """Parse the pixel size in the `MPP = 0.2500` of an Aperio image description.

    Examples
    --------
    >>> parse_aperio_mpp("Aperio Image Library v11|AppMag = 20|MPP = 0.4990")
    (0.499, 0.499)
    >>> parse_aperio_mpp("Aperio|MPP = 2.5E-1")
    (0.25, 0.25)
    """
    found = re.search(rf"\bMPP\s*=\s*({NUMBER})[ \t]*([^\W\d_]*)[ \t]*(?:$|[|;\r\n])", description, re.IGNORECASE)
    if not description.startswith("Aperio") or found is None:
        return None
    size_um = _parse_float(found[1]) * (_find_unit(found[2]) if found[2] else 1.0)
    return _reject_implausible((size_um, size_um), MPP_LIMITS)


def parse_philips_mpp(xml: str) -> Mpp | None:
    """Parse the finest DICOM_PIXEL_SPACING, in mm, of the description of a Philips TIFF.

    The spacings of coarser levels and of the macro image are larger.

    Examples
    --------
    >>> parse_philips_mpp('<... "DPUfsImport"><Attribute Name="DICOM_PIXEL_SPACING">"0.0003" "0.0002"</Attribute>')
    (0.3, 0.2)
    """
    if "DPUfsImport" not in xml:
        return None
    sizes = []
    for text in re.findall(r"DICOM_PIXEL_SPACING\b[^>]*>([^<]*)<", xml):
        values = [round(1000 * _parse_float(number), 9) for number in re.findall(NUMBER, html.unescape(text))]
        size = _reject_implausible((values[0], values[1]), MPP_LIMITS) if len(values) == 2 else None
        sizes += [] if size is None else [size]
    return min(sizes, key=math.prod, default=None)


def _parse_openslide_mpp(xml: str) -> Mpp | None:
    """Parse the properties openslide.mpp-y and openslide.mpp-x that libvips writes into the description."""
    sizes = []
    for axis in "yx":
        found = re.search(rf"openslide\.mpp-{axis}</name>\s*<value[^>]*>\s*({NUMBER})\s*<", xml)
        sizes.append(math.nan if found is None else _parse_float(found[1]))
    return _reject_implausible((sizes[0], sizes[1]), MPP_LIMITS)


def parse_ventana_mpp(xmp: bytes | str) -> Mpp | None:
    """Parse the ScanRes, in um, of the metadata of a Ventana BIF file.

    Examples
    --------
    >>> parse_ventana_mpp(b'<Metadata><iScan Magnification="40" ScanRes="0.25">')
    (0.25, 0.25)
    """
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)
    element = re.search(r"<iScan\b[^>]*>", text)
    size = None if element is None else _find_attribute(element[0], "ScanRes")
    return None if size is None else _reject_implausible((_parse_float(size), _parse_float(size)), MPP_LIMITS)


def parse_ome_mpp(xml: str, shape: tuple[int, int] | None = None) -> Mpp | None:
    """Parse PhysicalSizeY and PhysicalSizeX of a Pixels element, in any unit of length.

    Parameters
    ----------
    xml
        The metadata of the file.
    shape
        Height and width of the image. If there are several, the first of this shape is meant; None for the first one.

    Examples
    --------
    >>> parse_ome_mpp('<Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.5">')
    (0.5, 0.25)
    """
    elements = re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    if shape is not None and len(elements) > 1:
        sides = {"SizeY": str(shape[0]), "SizeX": str(shape[1])}
        elements = [one for one in elements if all(_find_attribute(one, name) == side for name, side in sides.items())]
    if not elements:
        return None
    sizes_um = []
    for axis in "YX":
        size, unit = (_find_attribute(elements[0], f"PhysicalSize{axis}{end}") for end in ("", "Unit"))
        if size is None:
            return None
        sizes_um.append(_parse_float(size) * (1.0 if unit is None else _find_unit(unit)))  # the schema's default is um
    return _reject_implausible((sizes_um[0], sizes_um[1]), MPP_LIMITS)


def _find_attribute(element: str, name: str) -> str | None:
    found = re.search(rf"""\b{name}\s*=\s*(?:"([^"]*)"|'([^']*)')""", element)
    return None if found is None else html.unescape(found[1] or found[2] or "").strip()


def _read_imagej_mpp(description: str, page: tifffile.TiffPage) -> Mpp | None:
    """Read the pixel size of ImageJ, which stores pixels per unit in the resolution tags, and the unit elsewhere."""
    unit = re.search(r"^unit=(.+)$", description, re.MULTILINE)
    um = _find_unit(unit[1]) if unit and description.startswith("ImageJ") else math.nan
    return None if math.isnan(um) else _read_resolution_tags(page, um, MPP_LIMITS)


def _read_tagged_mpp(page: tifffile.TiffPage) -> Mpp | None:
    unit = page.tags.valueof("ResolutionUnit", 2)
    um = UM_PER_TIFF_UNIT.get(int(unit)) if isinstance(unit, int) else None
    return None if um is None else _read_resolution_tags(page, um, TAGGED_UM)


def _read_resolution_tags(page: tifffile.TiffPage, um_per_unit: float, limits_um: tuple[float, float]) -> Mpp | None:
    sizes_um = []
    for name in ("YResolution", "XResolution"):
        value = page.tags.valueof(name)
        if not isinstance(value, tuple) or len(value) != 2 or 0 in value:
            return None
        sizes_um.append(um_per_unit * value[1] / value[0])
    return _reject_implausible((sizes_um[0], sizes_um[1]), limits_um)


def _reject_implausible(mpp: Mpp, limits_um: tuple[float, float]) -> Mpp | None:
    """Return a pixel size, or None if it is outside the limits or far from square."""
    low, high = limits_um
    is_plausible = all(low <= size <= high for size in mpp) and 0.5 <= mpp[0] / mpp[1] <= 2.0
    return mpp if is_plausible else None


def _find_unit(name: str) -> float:
    """Return a unit of length in um, or nan if it is not known. Escaped micro signs are understood."""
    name = html.unescape(name).strip().removesuffix(".").replace("\\u00B5", "\u00b5").replace("\u00c2\u00b5", "\u00b5")
    name = name.lower().replace("metre", "meter")
    name = {"inches": "inch", "mils": "mil"}.get(name, name.removesuffix("s") if name.endswith(("ns", "ers")) else name)
    return UM_PER_UNIT.get(name, math.nan)


def _parse_float(text: str) -> float:
    """Return a number, with a point or a comma, or nan if the text is not one."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan
