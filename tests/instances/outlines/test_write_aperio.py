"""Outlines for ImageScope have a layer for each type, and come back as they were."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from napari_pathprune.instances.outlines.read_outlines import read_outlines
from napari_pathprune.instances.outlines.write_aperio import write_aperio
from napari_pathprune.instances.table import InstanceTable

NAMES = ("background", 'tumour <A> & "B"', "stroma")


@pytest.fixture
def table():
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 3:9], labels[10:14, 3:9], labels[10:14, 20:24] = 1, 2, 3
    return replace(InstanceTable.from_instance_map(labels), type=np.array([1, 0, 2], np.int16))


def test_outlines_and_types_come_back(table, tmp_path):
    write_aperio(table, tmp_path / "a.xml", NAMES)
    found = read_outlines(tmp_path / "a.xml")
    assert found.type_names == NAMES
    by_corner = {tuple(ring.min(axis=0).tolist()): kind for ring, kind in zip(found.rings, found.types, strict=True)}
    assert by_corner == {(1.5, 2.5): 1, (9.5, 2.5): 0, (9.5, 19.5): 2}


def test_layers_have_colours_and_nuclei_their_sizes(table, tmp_path):
    write_aperio(table, tmp_path / "a.xml", NAMES, (0.5, 0.5))
    root = ET.parse(tmp_path / "a.xml").getroot()  # noqa: S314 - written above
    assert root.get("MicronsPerPixel") == "0.5"
    layers = {layer.get("Name"): layer for layer in root.iter("Annotation")}
    assert len({layer.get("LineColor") for layer in layers.values()}) == 3
    (region,) = layers["stroma"].iter("Region")
    sizes = {key: float(region.get(key)) for key in ("Area", "AreaMicrons", "Length", "LengthMicrons")}
    assert sizes == {"Area": 16, "AreaMicrons": 4, "Length": 16, "LengthMicrons": 8}


def test_red_is_the_lowest_byte_of_a_colour(table, tmp_path):
    write_aperio(table.select(np.array([0])), tmp_path / "a.xml", ("background", "neoplastic", "x"))
    (layer,) = ET.parse(tmp_path / "a.xml").iter("Annotation")  # noqa: S314 - written above
    assert int(layer.get("LineColor")) == 237 | 28 << 8 | 36 << 16


def test_a_type_without_a_name_is_refused_and_the_file_stays(table, tmp_path):
    (tmp_path / "a.xml").write_text("mine")
    with pytest.raises(ValueError, match="got types up to 2"):
        write_aperio(table, tmp_path / "a.xml", ("background", "x"))
    assert (tmp_path / "a.xml").read_text() == "mine"
