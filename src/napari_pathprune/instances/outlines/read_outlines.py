"""Outlines of nuclei from other programs: QuPath GeoJSON and Aperio XML.

Files hold (x, y) from the corner of the slide; outlines are (y, x) with pixel centres at whole numbers.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import numpy as np
import orjson

from napari_pathprune.instances.palette import NO_TYPE, NUCLEUS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNTYPED: Final = frozenset({"", NO_TYPE, NUCLEUS, "Unclassified"})


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Outlines of nuclei, in level-0 pixels.

    Attributes
    ----------
    rings
        The outline of each nucleus, (P, 2) float64, (y, x); the first point is not repeated.
    types
        (N,) int16, index in `type_names`; 0 for a nucleus without a type.
    type_names
        Names of the types in the order in which they occur, background first; empty if no nucleus has a type.
    """

    rings: tuple[NDArray[np.float64], ...]
    types: NDArray[np.int16]
    type_names: tuple[str, ...]


def read_outlines(path: str | Path) -> Outlines:
    """Read the outlines of a file.

    Parameters
    ----------
    path
        GeoJSON as QuPath writes it (``.geojson``, ``.geojson.gz`` or ``.json``), or Aperio XML (``.xml``). Polygons
        count; of a polygon of several parts the largest part; of a cell its nucleus. Points and lines are left out.

    Raises
    ------
    ValueError
        If the file is damaged, of another kind, or has no polygons.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.xml")
    >>> corners = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in ((2, 1), (5, 1), (5, 3), (2, 3)))
    >>> regions = f"<Regions><Region><Vertices>{corners}</Vertices></Region></Regions>"
    >>> _ = path.write_text(f'<Annotations><Annotation Name="tumour">{regions}</Annotation></Annotations>')
    >>> found = read_outlines(path)
    >>> found.rings[0].tolist(), found.type_names
    ([[0.5, 1.5], [0.5, 4.5], [2.5, 4.5], [2.5, 1.5]], ('background', 'tumour'))
    """
    path = Path(path)
    read = _find_format(path)
    try:
        pairs = list(read(path.read_bytes()))
    except (
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        ET.ParseError,
    ) as error:
        raise ValueError(f"{path} cannot be read ({error}); export it again") from error
    if not pairs:
        raise ValueError(f"{path} has no polygons; export detections or annotations with their outlines")
    names = list(dict.fromkeys(name for name, _ in pairs if name not in _UNTYPED))
    numbers = {name: number for number, name in enumerate(names, 1)}
    types = np.array([numbers.get(name, 0) for name, _ in pairs], np.int16)
    return Outlines(tuple(ring for _, ring in pairs), types, ("background", *names) if names else ())


_Pairs = Iterator[tuple[str, "NDArray[np.float64]"]]


def _find_format(path: Path) -> Callable[[bytes], _Pairs]:
    name = path.name.lower()
    if name.endswith((".geojson", ".json")):
        return _read_geojson
    if name.endswith((".geojson.gz", ".json.gz")):
        return lambda content: _read_geojson(gzip.decompress(content))
    if name.endswith(".xml"):
        return _read_aperio
    raise ValueError(f"{path} is neither GeoJSON nor XML; expected .geojson, .geojson.gz, .json or .xml")


def _read_geojson(content: bytes) -> _Pairs:
    whole = orjson.loads(content)
    features = whole["features"] if isinstance(whole, dict) and "features" in whole else whole
    for feature in features if isinstance(features, list) else [features]:
        geometry = feature.get("nucleusGeometry") or feature["geometry"]
        if geometry["type"] not in {"Polygon", "MultiPolygon"}:
            continue
        parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        rings = [_to_ring(part[0]) for part in parts]
        ring = max(rings, key=_measure_area)
        if len(ring) >= 3:
            yield _name_class(feature.get("properties") or {}), ring


def _name_class(properties: dict[str, Any]) -> str:
    found = properties.get("classification") or {}
    return str(found.get("name") or ": ".join(found.get("names") or ()))


def _read_aperio(content: bytes) -> _Pairs:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("it declares entities, which Aperio files do not")
    for annotation in ET.fromstring(content).iter("Annotation"):  # noqa: S314 - entities are refused above
        attributes = (attribute.get("Name") for attribute in annotation.iterfind("Attributes/Attribute"))
        name = annotation.get("Name") or next((text for text in attributes if text), "")
        for region in annotation.iter("Region"):
            points = [(float(v.get("X", "")), float(v.get("Y", ""))) for v in region.iter("Vertex")]
            if len(points) >= 3:
                yield name, _to_ring(points)


def _to_ring(points: Any) -> NDArray[np.float64]:  # noqa: ANN401 - nested lists
    """Return points (x, y) as (y, x) with pixel centres at whole numbers, without the repeated point."""
    ring = np.asarray(points, np.float64)[:, 1::-1] - 0.5
    return ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring


def _measure_area(ring: NDArray[np.float64]) -> float:
    y, x = ring.T
    return float(abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))) / 2)
