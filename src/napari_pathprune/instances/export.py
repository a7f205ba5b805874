"""Instance tables as files: Parquet for analysis, GeoJSON for QuPath, an OME-Zarr label pyramid for viewers.

The only place where (y, x) becomes (x, y).
"""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.palette import names_by_number, type_colours
from napari_pathprune.instances.table import InstanceTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LabelsWriter", "read_parquet", "write_geojson", "write_parquet"]

_NAMESPACE: Final = uuid.UUID("7a1c3a6e-0f0b-5d0c-9a43-5b8f5a2f6d11")
_FEATURES_AT_ONCE: Final = 4096


def write_parquet(
    table: InstanceTable, path: str | Path, mpp: tuple[float, float] | None, type_names: Sequence[str]
) -> None:
    """Write a table for pandas, polars, R, DuckDB.

    Parameters
    ----------
    table
        Nuclei in level-0 pixels.
    path
        Where to; an existing file is replaced when the new one is whole.
    mpp
        Micrometres per level-0 pixel (y, x); None leaves the columns in micrometres empty.
    type_names
        Names of the types by number, background first; empty where untyped.

    Raises
    ------
    ValueError
        If the table has types without a name.
    OSError
        If the file cannot be written; "disk full" if that is why.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> table = InstanceTable.from_instance_map(np.eye(4, dtype=np.int32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_parquet(table, f"{folder}/nuclei.parquet", (0.25, 0.25), ())
    ...     stored, mpp, names = read_parquet(f"{folder}/nuclei.parquet")
    >>> stored.area.tolist(), mpp
    ([4.0], (0.25, 0.25))
    """
    names = _names(table, type_names)
    um_y, um_x = mpp or (np.nan, np.nan)
    columns = {
        "id": table.id,
        "y": table.y,
        "x": table.x,
        "y_um": (table.y + 0.5) * um_y,
        "x_um": (table.x + 0.5) * um_x,
        **dict(zip(("y0", "x0", "y1", "x1"), table.box.T, strict=True)),
        "area_px": table.area,
        "area_um2": table.area * (um_y * um_x),
        "type": table.type,
        "type_name": pa.DictionaryArray.from_arrays(pa.array(table.type, pa.int16()), pa.array(names, pa.string())),
        "type_probability": table.type_probability,
        "contour": _nested(table),
    }
    about = {
        "mpp": mpp,
        "type_names": list(type_names),
        "positions": "level-0 pixels, (y, x), centres at whole numbers",
    }
    whole = pa.table(columns).replace_schema_metadata({"pathprune": orjson.dumps(about)})
    with write_atomically(Path(path)) as partial:
        pq.write_table(whole, partial, compression="zstd")


def read_parquet(path: str | Path) -> tuple[InstanceTable, tuple[float, float] | None, tuple[str, ...]]:
    """Read what `write_parquet` wrote.

    Returns
    -------
    tuple
        The table, mpp (y, x) or None, and the names of the types.

    Raises
    ------
    ValueError
        If the file is no instance table of this package.
    """
    try:
        stored = pq.read_table(Path(path))
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a Parquet file: {error}") from error
    about = (stored.schema.metadata or {}).get(b"pathprune")
    if about is None:
        raise ValueError(f"{path} holds no nuclei of pathprune; give an instances.parquet of a result folder")
    facts = orjson.loads(about)

    def column(name: str) -> NDArray[Any]:
        values: NDArray[Any] = stored[name].to_numpy()
        return values

    contours = stored["contour"].combine_chunks()
    points = contours.flatten().flatten().to_numpy().reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum(contours.value_lengths().to_numpy(), dtype=np.int64)])
    box = np.stack([column(name) for name in ("y0", "x0", "y1", "x1")], axis=1)
    table = InstanceTable(
        column("id"),
        column("y"),
        column("x"),
        box,
        column("area_px"),
        column("type"),
        column("type_probability"),
        points,
        offsets,
    )
    return table, tuple(facts["mpp"]) if facts["mpp"] else None, tuple(facts["type_names"])


def write_geojson(
    table: InstanceTable,
    path: str | Path,
    type_names: Sequence[str],
    mpp: tuple[float, float] | None = None,
) -> None:
    """Write outlines as QuPath detections.

    A FeatureCollection of polygons in level-0 pixels (x, y) from the slide's corner, so that a pixel's centre lies at
    .5; rings are closed and valid; ids follow from the nuclei and are the same each time. Written in portions: memory
    does not grow with the slide.

    Parameters
    ----------
    table
        Nuclei in level-0 pixels.
    path
        ``.geojson``, or ``.geojson.gz`` (QuPath opens both).
    type_names
        Names of the types by number, background first; see `palette.names_by_number`.
    mpp
        Micrometres per level-0 pixel (y, x), for areas in um^2; None leaves them out.

    Raises
    ------
    ValueError
        If the table has types without a name.
    OSError
        If the file cannot be written; "disk full" if that is why.
    """
    names = _names(table, type_names)
    classes = [{"name": name, "color": list(rgb)} for name, rgb in zip(names, type_colours(type_names), strict=True)]
    target = Path(path)
    with write_atomically(target) as partial, _opened(partial, packed=target.suffix == ".gz") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        separator = b"\n"
        for start in range(0, len(table), _FEATURES_AT_ONCE):
            part = table.select(np.arange(start, min(start + _FEATURES_AT_ONCE, len(table))))
            for feature in _features(part, classes, mpp):
                file.write(separator + orjson.dumps(feature))
                separator = b",\n"
        file.write(b"\n]}\n")


@contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if not packed:
            yield file
            return
        with gzip.GzipFile("", "wb", compresslevel=5, fileobj=file, mtime=0) as archive:
            yield cast("IO[bytes]", archive)


def _features(
    table: InstanceTable, classes: Sequence[dict[str, Any]], mpp: tuple[float, float] | None
) -> Iterator[dict[str, Any]]:
    for row, ring in enumerate(_rings(table)):
        kind = int(table.type[row])
        measurements: dict[str, float] = {"Area px^2": float(table.area[row])}
        if mpp is not None:
            measurements["Area µm^2"] = float(table.area[row] * mpp[0] * mpp[1])
        if kind:
            measurements["Type probability"] = round(float(table.type_probability[row]), 4)
        key = f"{table.id[row]} {table.y[row]:.2f} {table.x[row]:.2f}"
        yield {
            "type": "Feature",
            "id": str(uuid.uuid5(_NAMESPACE, key)),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {
                "objectType": "detection",
                "classification": classes[kind],
                "measurements": measurements,
            },
        }


def _rings(table: InstanceTable) -> Iterator[list[list[float]]]:
    """Outlines as closed, valid rings of (x, y)."""
    if not len(table):
        return
    corners = np.repeat(np.arange(len(table)), np.diff(table.offsets))
    across_down = table.points[:, ::-1].astype(np.float64) + 0.5
    polygons = shapely.polygons(shapely.linearrings(across_down, indices=corners))
    for row in np.flatnonzero(~shapely.is_valid(polygons)):  # outlines that touch themselves, at spurs one pixel wide
        parts = shapely.get_parts(shapely.buffer(polygons[row], 0))
        largest = parts[shapely.area(parts).argmax()] if len(parts) else shapely.Polygon()
        polygons[row] = largest if largest.area > 0 else shapely.box(*polygons[row].bounds)
    for polygon in polygons:
        yield shapely.get_coordinates(polygon.exterior).round(2).tolist()


def _names(table: InstanceTable, type_names: Sequence[str]) -> list[str]:
    """Names by number of type, of which every one must have a name."""
    highest = int(table.type.max(initial=0))
    if highest >= max(1, len(type_names)):
        raise ValueError(f"the table has types up to {highest}, but {len(type_names)} have names: {list(type_names)}")
    return list(names_by_number(type_names))


def _nested(table: InstanceTable) -> pa.Array:
    """Outlines as a list of (y, x) for each nucleus, without copying the points."""
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(table.points.ravel()), 2)
    if len(table.points) < 2**31:
        return pa.ListArray.from_arrays(pa.array(table.offsets.astype(np.int32)), pairs)
    return pa.LargeListArray.from_arrays(pa.array(table.offsets), pairs)
