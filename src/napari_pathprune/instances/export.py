"""Instance tables as files: Parquet for analysis, GeoJSON for QuPath.

`instances.outlines` writes and reads outlines of other programs, `instances.label_pyramid` writes labels for viewers.
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

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.error_line import first_line
from napari_pathprune.instances.outlines.rings import make_rings
from napari_pathprune.instances.palette import names_by_number, type_colours
from napari_pathprune.instances.table import InstanceTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAMESPACE: Final = uuid.UUID("7a1c3a6e-0f0b-5d0c-9a43-5b8f5a2f6d11")
_FEATURES_AT_ONCE: Final = 4096


def write_parquet(
    table: InstanceTable, path: str | Path, mpp: tuple[float, float] | None, type_names: Sequence[str]
) -> None:
    """Write a table as Parquet, for pandas, polars, R or DuckDB.

    Parameters
    ----------
    table
        Nuclei in level-0 pixels.
    path
        Path of the file. An existing file is replaced once the new one is complete.
    mpp
        Micrometres per level-0 pixel (y, x). If None, the columns in micrometres are empty.
    type_names
        Names of the types by number, background first; empty for an untyped model.

    Raises
    ------
    ValueError
        If the table has types without a name.
    OSError
        If the file cannot be written; the message says "disk full" if that is the reason.

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
    names = _name_types(table, type_names)
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
        "contour": _nest_outlines(table),
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
    """Read a file written by `write_parquet`.

    Returns
    -------
    tuple
        The table, the pixel size (y, x) in um or None, and the names of the types.

    Raises
    ------
    ValueError
        If the file is not an instance table of this package.
    """
    try:
        stored = pq.read_table(Path(path))
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a Parquet file: {first_line(error)}") from error
    about = (stored.schema.metadata or {}).get(b"pathprune")
    if about is None:
        raise ValueError(f"{path} is not an instance table of pathprune; pass the instances.parquet of a result folder")
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
    """Write outlines as GeoJSON, which QuPath reads as detections.

    The file is a FeatureCollection of polygons in level-0 pixels (x, y) from the corner of the slide, so the centre of
    a pixel is at .5. Rings are closed and valid. Ids are computed from the nuclei and are the same each time. Features
    are written in batches, so memory does not grow with the slide.

    Parameters
    ----------
    table
        Nuclei in level-0 pixels.
    path
        Path of the file, ``.geojson`` or ``.geojson.gz`` (QuPath opens both).
    type_names
        Names of the types by number, background first; see `palette.names_by_number`.
    mpp
        Micrometres per level-0 pixel (y, x), for areas in um^2. If None, they are left out.

    Raises
    ------
    ValueError
        If the table has types without a name.
    OSError
        If the file cannot be written; the message says "disk full" if that is the reason.
    """
    names = _name_types(table, type_names)
    classes = [{"name": name, "color": list(rgb)} for name, rgb in zip(names, type_colours(type_names), strict=True)]
    target = Path(path)
    with write_atomically(target) as partial, _open_output(partial, is_compressed=target.suffix == ".gz") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        separator = b"\n"
        for start in range(0, len(table), _FEATURES_AT_ONCE):
            part = table.select(np.arange(start, min(start + _FEATURES_AT_ONCE, len(table))))
            for feature in _make_features(part, classes, mpp):
                file.write(separator + orjson.dumps(feature))
                separator = b",\n"
        file.write(b"\n]}\n")


@contextmanager
def _open_output(path: Path, *, is_compressed: bool) -> Iterator[IO[bytes]]:
    """Open a file for writing, compressed without a name and a time so that it is the same each time."""
    with path.open("wb") as file:
        if not is_compressed:
            yield file
            return
        with gzip.GzipFile("", "wb", compresslevel=5, fileobj=file, mtime=0) as archive:
            yield cast("IO[bytes]", archive)


def _make_features(
    table: InstanceTable, classes: Sequence[dict[str, Any]], mpp: tuple[float, float] | None
) -> Iterator[dict[str, Any]]:
    for row, ring in enumerate(make_rings(table)):
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


def _name_types(table: InstanceTable, type_names: Sequence[str]) -> list[str]:
    """Return the names of the types by number, or raise if a type of the table has no name."""
    highest = int(table.type.max(initial=0))
    if highest >= max(1, len(type_names)):
        raise ValueError(f"got types up to {highest}, but {len(type_names)} names of types: {list(type_names)}")
    return list(names_by_number(type_names))


def _nest_outlines(table: InstanceTable) -> pa.Array:
    """Return a list of points (y, x) for each nucleus, without copying the points."""
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(table.points.ravel()), 2)
    if len(table.points) < 2**31:
        return pa.ListArray.from_arrays(pa.array(table.offsets.astype(np.int32)), pairs)
    return pa.LargeListArray.from_arrays(pa.array(table.offsets), pairs)
