"""What a TIFF says about its pixel size, in um (mpp), and when not to believe it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tifffile

Mpp = tuple[float, float]

UM_PER_UNIT = {"pm": 1e-6, "nm": 1e-3, "um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0, "microns": 1.0,
               "micrometer": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}  # fmt: skip
UM_PER_TIFF_UNIT = {2: 25_400.0, 3: 10_000.0}  # inch, centimetre

DECLARED_UM = (0.01, 1000.0)  # a number that was written down as a pixel size
TAGGED_UM = (0.05, 20.0)  # resolution tags: 72 to 1200 dpi (353 to 21 um) are a printer's default, not a scanner's


def mpp_of_tiff(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> Mpp | None:
    """Pixel size (y, x) of a page in um: Aperio's MPP, OME's PhysicalSize, ImageJ's unit or resolution tags; or None.

    The first source that states a believable number wins. Resolution tags are believed between 0.05 and 20 um only.
    """
    text = page.description or ""
    ome = tif.ome_metadata if tif.is_ome else None
    for found in (
        aperio_mpp(text),
        ome_mpp(ome) if isinstance(ome, str) else None,
        _imagej_mpp(text, page),
        _tagged_mpp(page),
    ):
        if found is not None:
            return found
    return None


def aperio_mpp(description: str) -> Mpp | None:
    """Pixel size from the `MPP = 0.2500` of an Aperio image description.

    Examples
    --------
    >>> aperio_mpp("Aperio Image Library v11|AppMag = 20|MPP = 0.4990")
    (0.499, 0.499)
    """
    found = re.search(r"\bMPP\s*=\s*(\d+(?:[.,]\d*)?)", description)
    if not description.startswith("Aperio") or found is None:
        return None
    size_um = float(found[1].replace(",", "."))
    return _believed((size_um, size_um), DECLARED_UM)


def ome_mpp(xml: str) -> Mpp | None:
    """Pixel size from PhysicalSizeY and PhysicalSizeX of the first Pixels element, in whatever length unit it has.

    Examples
    --------
    >>> ome_mpp('<Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.5">')
    (0.5, 0.25)
    """
    element = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    if element is None:
        return None
    sizes_um = []
    for axis in "YX":
        size = re.search(rf'\bPhysicalSize{axis}\s*=\s*["\']([^"\']+)["\']', element[0])
        unit = re.search(rf'\bPhysicalSize{axis}Unit\s*=\s*["\']([^"\']+)["\']', element[0])
        um = UM_PER_UNIT.get(_plain(unit[1])) if unit else 1.0  # the OME schema's default is um
        if size is None or um is None:
            return None
        sizes_um.append(_number(size[1]) * um)
    return _believed((sizes_um[0], sizes_um[1]), DECLARED_UM)


def _imagej_mpp(description: str, page: tifffile.TiffPage) -> Mpp | None:
    """ImageJ writes pixels per unit into the resolution tags, and the unit into its description."""
    unit = re.search(r"^unit=(.+)$", description, re.MULTILINE)
    um = UM_PER_UNIT.get(_plain(unit[1].strip())) if unit and description.startswith("ImageJ") else None
    return None if um is None else _from_tags(page, um, DECLARED_UM)


def _tagged_mpp(page: tifffile.TiffPage) -> Mpp | None:
    unit = page.tags.valueof("ResolutionUnit", 2)
    um = UM_PER_TIFF_UNIT.get(int(unit)) if isinstance(unit, int) else None
    return None if um is None else _from_tags(page, um, TAGGED_UM)


def _from_tags(page: tifffile.TiffPage, um_per_unit: float, limits_um: tuple[float, float]) -> Mpp | None:
    sizes_um = []
    for name in ("YResolution", "XResolution"):
        value = page.tags.valueof(name)
        if not isinstance(value, tuple) or len(value) != 2 or 0 in value:
            return None
        sizes_um.append(um_per_unit * value[1] / value[0])
    return _believed((sizes_um[0], sizes_um[1]), limits_um)


def _believed(mpp: Mpp, limits_um: tuple[float, float]) -> Mpp | None:
    low, high = limits_um
    plausible = all(low <= size <= high for size in mpp) and 0.5 <= mpp[0] / mpp[1] <= 2.0
    return mpp if plausible else None


def _plain(unit: str) -> str:
    return unit.replace("\\u00B5", "\u00b5").replace("&#181;", "\u00b5").replace("&#xB5;", "\u00b5")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
