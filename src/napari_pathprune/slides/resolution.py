"""The pixel size of a TIFF in um (mpp): where it is stated, and which values are plausible."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tifffile

Mpp = tuple[float, float]

UM_PER_UNIT = {"pm": 1e-6, "nm": 1e-3, "um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0, "microns": 1.0,
               "micrometer": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}  # fmt: skip
UM_PER_TIFF_UNIT = {2: 25_400.0, 3: 10_000.0}  # inch, centimetre

DECLARED_UM = (0.01, 1000.0)  # limits of a value that is declared as a pixel size
TAGGED_UM = (0.05, 20.0)  # limits of resolution tags: 72 to 1200 dpi (353 to 21 um) are defaults for printing


def read_mpp(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> Mpp | None:
    """Return the pixel size (y, x) of a page in um, or None if it is not stated.

    The sources are Aperio's MPP, OME's PhysicalSize, ImageJ's unit and the resolution tags; the first plausible value
    is returned. Resolution tags are plausible between 0.05 and 20 um.
    """
    text = page.description or ""
    ome = tif.ome_metadata if tif.is_ome else None
    for found in (
        parse_aperio_mpp(text),
        parse_ome_mpp(ome) if isinstance(ome, str) else None,
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
    """
    found = re.search(r"\bMPP\s*=\s*(\d+(?:[.,]\d*)?)", description)
    if not description.startswith("Aperio") or found is None:
        return None
    size_um = float(found[1].replace(",", "."))
    return _reject_implausible((size_um, size_um), DECLARED_UM)


def parse_ome_mpp(xml: str) -> Mpp | None:
    """Parse PhysicalSizeY and PhysicalSizeX of the first Pixels element, in any unit of length.

    Examples
    --------
    >>> parse_ome_mpp('<Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.5">')
    (0.5, 0.25)
    """
    element = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    if element is None:
        return None
    sizes_um = []
    for axis in "YX":
        size = re.search(rf'\bPhysicalSize{axis}\s*=\s*["\']([^"\']+)["\']', element[0])
        unit = re.search(rf'\bPhysicalSize{axis}Unit\s*=\s*["\']([^"\']+)["\']', element[0])
        um = UM_PER_UNIT.get(_normalize_unit(unit[1])) if unit else 1.0  # the OME schema's default is um
        if size is None or um is None:
            return None
        sizes_um.append(_parse_float(size[1]) * um)
    return _reject_implausible((sizes_um[0], sizes_um[1]), DECLARED_UM)


def _read_imagej_mpp(description: str, page: tifffile.TiffPage) -> Mpp | None:
    """Read the pixel size of ImageJ, which stores pixels per unit in the resolution tags, and the unit elsewhere."""
    unit = re.search(r"^unit=(.+)$", description, re.MULTILINE)
    um = UM_PER_UNIT.get(_normalize_unit(unit[1].strip())) if unit and description.startswith("ImageJ") else None
    return None if um is None else _read_resolution_tags(page, um, DECLARED_UM)


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


def _normalize_unit(unit: str) -> str:
    """Replace escaped micro signs."""
    return unit.replace("\\u00B5", "\u00b5").replace("&#181;", "\u00b5").replace("&#xB5;", "\u00b5")


def _parse_float(text: str) -> float:
    """Return a number, or nan if the text is not one."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
