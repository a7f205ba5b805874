"""Writers of the manifest: the nuclei of a Labels layer as a result folder, outlines, labels or a table."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.instances.export import write_geojson, write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.outlines.write_aperio import write_aperio
from napari_pathprune.instances.palette import names_by_number, type_colours
from napari_pathprune.plugin.files.saved_nuclei import SavedNuclei, collect_nuclei
from napari_pathprune.workflows.segment.result_files import LABELS, OUTLINES, RUN, TABLE

if TYPE_CHECKING:
    from napari_pathprune.instances.table import InstanceTable
    from napari_pathprune.slides.reader import Mpp

COLUMNS: Final = (
    "id",
    "y",
    "x",
    "y_um",
    "x_um",
    "area_px",
    "area_um2",
    "type",
    "type_name",
    "type_probability",
    "colour",
)


def save_result_folder(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Write a result folder like that of ``pathprune segment``: labels, table, outlines and a record.

    Raises
    ------
    ValueError
        If the layer cannot be saved, or the path holds something else.
    """
    folder, nuclei = Path(path), collect_nuclei(data, attributes)
    if folder.exists() and not (folder.is_dir() and ((folder / RUN).exists() or not any(folder.iterdir()))):
        raise ValueError(f"{folder} exists and is not a result folder; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN).unlink(missing_ok=True)  # written last: it marks the result as complete
    _write_labels(folder / LABELS, nuclei)
    write_parquet(nuclei.table, folder / TABLE, nuclei.mpp, nuclei.type_names)
    write_geojson(nuclei.table, folder / OUTLINES, nuclei.type_names, nuclei.mpp)
    with write_atomically(folder / RUN) as part:
        part.write_text(json.dumps(_describe(nuclei, folder), indent=2), encoding="utf-8")
    return [str(folder)]


def save_geojson(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Write the outlines of the nuclei for QuPath, compressed if the name ends in ``.gz``."""
    nuclei = collect_nuclei(data, attributes)
    write_geojson(nuclei.table, path, nuclei.type_names, nuclei.mpp)
    return [path]


def save_aperio(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Write the outlines of the nuclei as Aperio XML, with a layer for each type."""
    nuclei = collect_nuclei(data, attributes)
    write_aperio(nuclei.table, path, nuclei.type_names, nuclei.mpp)
    return [path]


def save_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Write the nuclei as OME-Zarr labels on the pixels of their slide."""
    _write_labels(Path(path), collect_nuclei(data, attributes))
    return [path]


def save_csv(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Write a table with one row for each nucleus, in level-0 pixels of the slide and in um."""
    nuclei = collect_nuclei(data, attributes)
    with write_atomically(Path(path)) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_make_rows(nuclei))
    return [path]


def _write_labels(path: Path, nuclei: SavedNuclei) -> None:
    with LabelsWriter(path, nuclei.slide_shape, nuclei.mpp) as writer:
        writer.paint(nuclei.box, nuclei.labels)
        writer.describe(nuclei.table, nuclei.type_names)


def _describe(nuclei: SavedNuclei, folder: Path) -> dict[str, Any]:
    y0, x0, y1, x1 = nuclei.region
    return {
        "slide": nuclei.slide,
        "slide_path": nuclei.slide_path or None,
        "folder": str(folder),
        "shape_px": list(nuclei.slide_shape),
        "mpp": None if nuclei.mpp is None else list(nuclei.mpp),
        "region_yxyx_px": list(nuclei.region),
        "note": "saved from napari",
        "model": nuclei.model,
        "nuclei": len(nuclei.table),
        "nuclei_by_type": _count_types(nuclei.table, nuclei.type_names),
        "seconds": None,
        "megapixels": round((y1 - y0) * (x1 - x0) / 1e6, 3),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "software": {"napari-pathprune": version("napari-pathprune")},
    }


def _count_types(table: InstanceTable, type_names: tuple[str, ...]) -> dict[str, int]:
    return {name: int((table.type == kind).sum()) for kind, name in enumerate(names_by_number(type_names))}


def _make_rows(nuclei: SavedNuclei) -> list[tuple[Any, ...]]:
    """Return the rows of the table; cells in um are empty if the pixel size is not known."""
    table, names, colours = nuclei.table, names_by_number(nuclei.type_names), type_colours(nuclei.type_names)
    rows = []
    for row in range(len(table)):
        y, x, area, kind = float(table.y[row]), float(table.x[row]), float(table.area[row]), int(table.type[row])
        y_um, x_um, area_um2 = _convert(y, x, area, nuclei.mpp)
        colour = "#{:02x}{:02x}{:02x}".format(*colours[kind])
        probability = round(float(table.type_probability[row]), 4)
        position = (round(y, 2), round(x, 2), y_um, x_um, int(area), area_um2)
        rows.append((int(table.id[row]), *position, kind, names[kind], probability, colour))
    return rows


def _convert(y: float, x: float, area: float, mpp: Mpp | None) -> tuple[float | None, float | None, float | None]:
    """Return position and area in um and square um, or None if the pixel size is not known."""
    if mpp is None:
        return None, None, None
    return round((y + 0.5) * mpp[0], 3), round((x + 0.5) * mpp[1], 3), round(area * mpp[0] * mpp[1], 3)
