"""Outlines of QuPath and Aperio files are read; damaged files are named."""

import gzip
import json

import numpy as np
import pytest

from napari_pathprune.instances.export import write_geojson
from napari_pathprune.instances.outlines.read_outlines import read_outlines
from napari_pathprune.instances.table import InstanceTable

SQUARE = [[2, 1], [5, 1], [5, 3], [2, 3], [2, 1]]
RING = [[0.5, 1.5], [0.5, 4.5], [2.5, 4.5], [2.5, 1.5]]


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def polygon(ring=SQUARE):
    return {"type": "Polygon", "coordinates": [ring]}


def write(path, features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_our_own_export_comes_back(two_discs, tmp_path):
    table = InstanceTable.from_instance_map(two_discs)
    write_geojson(table, tmp_path / "a.geojson.gz", ())
    found = read_outlines(tmp_path / "a.geojson.gz")
    assert found.type_names == ()
    for row, ring in enumerate(found.rings):
        np.testing.assert_allclose(sorted(ring.tolist()), sorted(table.contour(row).tolist()), atol=0.01)


def test_classes_of_qupath_are_numbered_in_the_order_of_the_file(tmp_path):
    features = [
        feature(polygon(), classification={"name": "Tumor", "color": [200, 0, 0]}),
        feature(polygon(), classification={"names": ["Immune", "CD8"]}),
        feature(polygon()),
        feature(polygon(), classification={"name": "Tumor"}),
    ]
    found = read_outlines(write(tmp_path / "a.geojson", features))
    assert found.type_names == ("background", "Tumor", "Immune: CD8")
    assert found.types.tolist() == [1, 2, 0, 1]
    assert found.rings[0].tolist() == RING


def test_of_a_cell_the_nucleus_and_of_several_parts_the_largest_is_read(tmp_path):
    small = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    parts = {"type": "MultiPolygon", "coordinates": [[small], [SQUARE]]}
    cell = {**feature(polygon(small)), "nucleusGeometry": polygon()}
    point = feature({"type": "Point", "coordinates": [1, 1]})
    found = read_outlines(write(tmp_path / "a.geojson", [feature(parts), cell, point]))
    assert [ring.tolist() for ring in found.rings] == [RING, RING]


def test_a_list_of_features_without_a_collection_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([feature(polygon())]))
    assert len(read_outlines(path).rings) == 1


def test_aperio_layers_are_types(tmp_path):
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in SQUARE[:-1])
    regions = f"<Regions><Region Type='0'><Vertices>{vertices}</Vertices></Region></Regions>"
    named = f"<Annotation Name='tumour'>{regions}</Annotation>"
    attribute = f"<Annotation><Attributes><Attribute Name='stroma'/></Attributes>{regions}</Annotation>"
    path = tmp_path / "a.xml"
    path.write_text(f"<Annotations MicronsPerPixel='0.25'>{named}{attribute}</Annotations>")
    found = read_outlines(path)
    assert found.type_names == ("background", "tumour", "stroma")
    assert found.rings[0].tolist() == RING


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.geojson", b"{"),
        ("a.geojson", b'{"features": [{}]}'),
        ("a.geojson", b'{"features": [{"geometry": {"type": "Polygon", "coordinates": [[["x", 1]]]}}]}'),
        ("a.geojson.gz", b"no gzip"),
        ("a.geojson.gz", gzip.compress(b"{}" * 99, mtime=0)[:20]),
        ("a.xml", b"<Annotations>"),
        ("a.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><Annotations/>"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.(geojson|xml).* cannot be read"):
        read_outlines(tmp_path / name)


def test_a_file_without_polygons_and_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has no polygons"):
        read_outlines(write(tmp_path / "a.geojson", []))
    with pytest.raises(ValueError, match="neither GeoJSON nor XML"):
        read_outlines(tmp_path / "a.csv")
