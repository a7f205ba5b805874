"""The packaged slide, and the nuclei that the packaged models find on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.plugin.layers.napari_reader import LayerData, make_slide_layer
from napari_pathprune.plugin.layers.nuclei_layer import make_attributes
from napari_pathprune.plugin.shelf.shelf import result_metadata
from napari_pathprune.slides.reader import Slide, open_slide

if TYPE_CHECKING:
    from napari_pathprune.instances.table import InstanceTable

MODEL: Final = "hovernet-s"
SLIDE: Final = "CMU-1-Small-Region.svs"
NUCLEI: Final = "CMU-1-Small-Region.nuclei.npz"
COMPACT_MODEL: Final = "hovernet-s-compact"
COMPACT_NUCLEI: Final = "CMU-1-Small-Region.compact.nuclei.npz"
"""Files of nuclei, made by `jobs.make_nuclei`: arrays labels (H, W) in level-0 pixels; id, type, type_probability (N,);
type_names (T,)."""


def open_cmu_region() -> list[LayerData]:
    """Return the layer of the packaged slide: a region of CMU-1 (Carnegie Mellon University, CC0), H&E at 20x."""
    return [make_slide_layer(open_slide(packaged_file(SLIDE)))]


def open_cmu_region_with_nuclei() -> list[LayerData]:
    """Return the layers of the packaged slide and of the nuclei that the packaged dense model finds on it.

    Raises
    ------
    ValueError
        If the file of the nuclei is missing.
    """
    slide = open_slide(packaged_file(SLIDE))
    return [make_slide_layer(slide), _make_nuclei_layer(slide, MODEL, NUCLEI)]


def open_cmu_region_with_both() -> list[LayerData]:
    """Return the layers of the packaged slide and of the nuclei that the packaged dense and compact models find on it.

    The dense model's nuclei are hidden at first. Both results go onto the shelf, so that docks offer to compare them.

    Raises
    ------
    ValueError
        If a file of nuclei is missing.
    """
    slide = open_slide(packaged_file(SLIDE))
    data, attributes, kind = _make_nuclei_layer(slide, MODEL, NUCLEI)
    dense = data, {**attributes, "visible": False}, kind
    return [make_slide_layer(slide), dense, _make_nuclei_layer(slide, COMPACT_MODEL, COMPACT_NUCLEI)]


def _make_nuclei_layer(slide: Slide, model: str, file: str) -> LayerData:
    """Return the layer of packaged nuclei, as a result of the packaged slide."""
    path = packaged_file(file)
    if not path.exists():
        raise ValueError(f"{path.name} is missing; open the sample slide without nuclei and run Segment nuclei on it")
    assert slide.mpp is not None
    labels, table, type_names = load_nuclei(path)
    height, width = labels.shape
    name = make_slide_layer(slide)[1]["name"]
    attributes = {
        **make_attributes(table, slide.mpp, type_names),
        "name": f"{name}, whole: {model}",
        "scale": slide.mpp,
        "units": ("um", "um"),
        "metadata": {
            **result_metadata(model, name, (0, 0, height, width), type_names),
            "mpp": slide.mpp,
        },
    }
    return labels, attributes, "labels"


def save_nuclei(path: Path, labels: np.ndarray, table: InstanceTable, type_names: Sequence[str]) -> None:
    """Write the nuclei of a slide to a small file: their labels, types and type probabilities.

    Parameters
    ----------
    path
        The file to write, with suffix .npz.
    labels
        (H, W) int32, 0 for the background.
    table
        The same nuclei.
    type_names
        Names of the types, background first.
    """
    with write_atomically(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            labels=labels.astype(np.uint16 if labels.max() < 2**16 else np.int32),
            id=table.id,
            type=table.type.astype(np.int8),
            type_probability=table.type_probability.astype(np.float16),
            type_names=np.array(type_names),
        )


def load_nuclei(path: Path) -> tuple[np.ndarray, InstanceTable, tuple[str, ...]]:
    """Read a file of `save_nuclei`: labels (H, W) int32, their table, and the names of the types."""
    from napari_pathprune.instances.table import InstanceTable  # imports scipy, which a slide opens without

    with np.load(path, allow_pickle=False) as file:
        labels = file["labels"].astype(np.int32)
        order = np.argsort(file["id"])
        ids, types = file["id"][order], file["type"][order].astype(np.int16)
        probabilities, names = file["type_probability"][order].astype(np.float32), file["type_names"]
    table = InstanceTable.from_instance_map(labels)
    row = np.searchsorted(ids, table.id)
    table = replace(table, type=types[row], type_probability=probabilities[row])
    return labels, table, tuple(str(name) for name in names)
