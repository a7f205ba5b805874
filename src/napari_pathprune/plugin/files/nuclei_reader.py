"""napari's reader for results: folders, labels, tables and outlines of nuclei come back on their slide."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import napari
import numpy as np
import zarr
from napari.layers import Image

from napari_pathprune.base.box import Box
from napari_pathprune.instances.export import read_parquet
from napari_pathprune.instances.label_pyramid import open_levels
from napari_pathprune.instances.outlines.paint_outlines import bound_outlines, paint_outlines
from napari_pathprune.instances.outlines.read_outlines import read_outlines
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.files.folder_result import read_folder_result
from napari_pathprune.plugin.layers.napari_reader import LayerData, Reader, make_slide_layer
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement, find_mpp
from napari_pathprune.plugin.shelf.shelf import result_metadata
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.workflows.segment.result_files import LABELS, OUTLINES, RUN, TABLE

if TYPE_CHECKING:
    from napari_pathprune.slides.reader import Mpp

SUFFIXES: Final = (".geojson", ".geojson.gz", ".xml", ".parquet")


def get_nuclei_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for nuclei, or None for what other readers should open.

    This is the reader hook of the manifest. It opens result folders of ``pathprune segment``, OME-Zarr labels, the
    ``instances.parquet`` of a result, outlines from QuPath (GeoJSON) and from Aperio ImageScope (XML).

    Parameters
    ----------
    path
        One file or folder; lists of files are declined.

    Examples
    --------
    >>> get_nuclei_reader("photo.png") is None
    True
    """
    if not isinstance(path, str):
        return None
    place = Path(path)
    if place.is_dir():
        is_ours = (place / RUN).is_file() or _is_label_pyramid(place)
    else:
        name = place.name.lower()
        is_ours = place.is_file() and name.endswith(SUFFIXES)
    return read_nuclei if is_ours else None


def read_nuclei(path: str) -> list[LayerData]:
    """Read nuclei as a Labels layer on their slide.

    The slide is a layer of the current viewer with the same file or name; of a result folder whose slide is not open,
    the slide is opened as well where its file is still there.

    Raises
    ------
    ValueError
        If the file is damaged, or is not what its name states.
    """
    place = Path(path)
    if place.is_dir() and (place / RUN).is_file():
        return _read_folder(place)
    if (place.parent / RUN).is_file() and place.name in {LABELS, TABLE, OUTLINES}:
        return _read_folder(place.parent)
    if place.is_dir():
        return _read_labels(place)
    if place.name.lower().endswith(".parquet"):
        table, mpp, type_names = read_parquet(place)
        rings = [table.contour(row).astype(np.float64) for row in range(len(table))]
        return _paint(place, rings, table, type_names, mpp)
    outlines = read_outlines(place)
    table = replace(InstanceTable.empty(), type=outlines.types[:0])
    return _paint(place, list(outlines.rings), table, outlines.type_names, None, outlines.types)


def _read_folder(folder: Path) -> list[LayerData]:
    """Return the layers of a result folder."""
    result = read_folder_result(folder)
    found = result.segmentation
    path = "" if found.slide_path is None else str(found.slide_path)
    slide_layers, place, slide_name = _place(found.slide, path, found.mpp)
    facts = {
        **result_metadata(found.model, slide_name, found.region, found.type_names),
        "phases": found.phases,
        "mpp": found.mpp,
        "path": str(folder),
    }
    name = f"nuclei ({Path(found.model).name.removesuffix('.safetensors')})" if found.model else folder.name
    return [*slide_layers, _finish_layer(name, result.data, result.attributes, facts, place)]


def _load(level: Any) -> Any:  # noqa: ANN401 - zarr has no types
    """Return a small level as an array in memory, which can be edited without changing the file."""
    return np.asarray(level[:])


def _read_labels(path: Path) -> list[LayerData]:
    """Return the layer of OME-Zarr labels that lie alone."""
    about: Any = zarr.open_group(path, mode="r").attrs["ome"]
    levels = open_levels(path)
    image = about["multiscales"][0]
    steps = image["datasets"][0]["coordinateTransformations"][0]["scale"][-2:]
    has_unit = image["axes"][-1].get("unit") == "micrometer"
    mpp = (float(steps[0]), float(steps[1])) if has_unit else None
    properties = about["image-label"].get("properties") or []
    names = [str(row.get("type", "")) for row in properties]
    known = list(dict.fromkeys(name for name in names if name and name not in {"no type", "nucleus"}))
    type_names = ("background", *known) if known else ()
    numbers = {name: number for number, name in enumerate(type_names)}
    n = len(properties)
    table = replace(
        InstanceTable.empty(),
        id=np.array([row["label-value"] for row in properties], np.int32),
        y=np.full(n, np.nan),
        x=np.full(n, np.nan),
        box=np.zeros((n, 4), np.int64),
        area=np.full(n, np.nan),
        type=np.array([numbers.get(name, 0) for name in names], np.int16),
        type_probability=np.full(n, np.nan, np.float32),
        offsets=np.zeros(n + 1, np.int64),
    )
    _, place, slide_name = _place("", "", mpp)
    height, width = levels[0].shape
    facts = {**result_metadata("", slide_name, (0, 0, height, width), type_names), "mpp": mpp, "path": str(path)}
    if not n:  # too many nuclei for the metadata: measure a labels layer that fits into memory, or show it uncoloured
        table = InstanceTable.from_instance_map(np.asarray(levels[0][:])) if levels[0].size <= 2**26 else table
    data = levels if len(levels) > 1 else _load(levels[0])
    return [_make_layer(path.name.split(".")[0], data, table, mpp, type_names, facts, place)]


def _paint(
    path: Path,
    rings: Sequence[Any],
    table: InstanceTable,
    type_names: tuple[str, ...],
    mpp: Mpp | None,
    types: Any = None,  # noqa: ANN401 - an array
) -> list[LayerData]:
    """Return the layer of outlines."""
    if not rings:
        raise ValueError(f"{path} has no nuclei")
    region = bound_outlines(rings)
    canvas = NucleiCanvas(region)
    kinds, ids = (table.type, table.id) if types is None else (types, None)
    for box, labels, part in paint_outlines(rings, kinds, ids):
        canvas.add(box, labels, part)
    _, place, slide_name = _place("", "", mpp, region)
    known_mpp = place.pop("mpp", mpp)
    facts = {**result_metadata("", slide_name, region, type_names), "mpp": known_mpp, "path": str(path)}
    name = path.name.split(".")[0]
    return [_make_layer(name, canvas.data, canvas.table(), known_mpp, type_names, facts, place)]


def _place(
    slide: str, path: str, mpp: Mpp | None, region: Box = (0, 0, 0, 0)
) -> tuple[list[LayerData], dict[str, Any], str]:
    """Return the layers to open with the nuclei, the placement of the nuclei, and the name of the slide's layer."""
    viewer = napari.current_viewer()
    images = (
        [] if viewer is None else [layer for layer in viewer.layers if isinstance(layer, Image) and layer.ndim == 2]
    )
    stem = Path(slide).stem.removesuffix(".ome")
    for layer in images:
        own = str(layer.metadata.get("path") or layer.source.path or "")
        is_same = (path and own == path) or (slide and layer.name in {slide, stem})
        if is_same or (not slide and len(images) == 1):
            return [], {**copy_placement(layer, region[:2]), "mpp": mpp or find_mpp(layer)}, layer.name
    layers: list[LayerData] = []
    if path and Path(path).is_file():
        try:
            layers = [make_slide_layer(open_slide(path))]
        except (OSError, ValueError):  # the nuclei can be shown without it
            layers = []
    name = str(layers[0][1]["name"]) if layers else slide
    if mpp is None:
        return layers, {"translate": tuple(float(side) for side in region[:2])}, name
    corner = (region[0] * mpp[0], region[1] * mpp[1])
    return layers, {"scale": mpp, "units": ("um", "um"), "translate": corner}, name


def _make_layer(
    name: str,
    data: Any,  # noqa: ANN401 - an array or levels
    table: InstanceTable,
    mpp: Mpp | None,
    type_names: tuple[str, ...],
    facts: Mapping[str, Any],
    place: Mapping[str, Any],
) -> LayerData:
    return _finish_layer(name, data, make_attributes(table, mpp or (1.0, 1.0), type_names), facts, place)


def _finish_layer(
    name: str,
    data: Any,  # noqa: ANN401 - an array or levels
    attributes: Mapping[str, Any],
    facts: Mapping[str, Any],
    place: Mapping[str, Any],
) -> LayerData:
    placement = {key: value for key, value in place.items() if key != "mpp"}
    complete = {
        **attributes,
        "name": name,
        "multiscale": isinstance(data, list),
        "metadata": dict(facts),
        **placement,
    }
    return data, complete, "labels"


def _is_label_pyramid(path: Path) -> bool:
    """Return whether a folder is an OME-Zarr 0.5 label pyramid in two dimensions."""
    try:
        about = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]["ome"]
        return "image-label" in about and len(about["multiscales"][0]["axes"]) == 2
    except (OSError, KeyError, IndexError, TypeError, ValueError):
        return False
