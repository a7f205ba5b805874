"""Tables as Parquet and as GeoJSON."""

import errno
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from napari_pathprune.instances.export import read_parquet, write_geojson, write_parquet
from napari_pathprune.instances.palette import type_colours
from napari_pathprune.instances.table import InstanceTable

NAMES = ("background", "neoplastic", "inflammatory", "connective")


@pytest.fixture
def table(discs, types_of_discs):
    return InstanceTable.from_instance_map(discs, types_of_discs)


def read_features(path):
    return json.loads(path.read_text(encoding="utf-8"))["features"]


def test_parquet_is_read_back_unchanged(tmp_path, table):
    write_parquet(table, tmp_path / "nuclei.parquet", (0.25, 0.26), NAMES)
    back, mpp, names = read_parquet(tmp_path / "nuclei.parquet")
    assert (mpp, names) == ((0.25, 0.26), NAMES)
    for name in InstanceTable.__slots__:
        one, other = getattr(back, name), getattr(table, name)
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert one.dtype == other.dtype


def test_empty_table_is_written_as_parquet(tmp_path):
    write_parquet(InstanceTable.empty(), tmp_path / "nuclei.parquet", None, ())
    back, mpp, names = read_parquet(tmp_path / "nuclei.parquet")
    assert (len(back), mpp, names) == (0, None, ())


def test_parquet_can_be_read_without_this_package(tmp_path, table):
    write_parquet(table, tmp_path / "nuclei.parquet", (0.5, 0.25), NAMES)
    row = pq.read_table(tmp_path / "nuclei.parquet").to_pylist()[5]
    assert row["type_name"] == NAMES[table.type[5]]
    assert row["area_um2"] == pytest.approx(table.area[5] * 0.125)
    assert (row["y_um"], row["x_um"]) == pytest.approx(((table.y[5] + 0.5) * 0.5, (table.x[5] + 0.5) * 0.25))
    assert row["contour"] == table.contour(5).tolist()


def test_unknown_pixel_size_leaves_columns_in_um_empty(tmp_path, table):
    write_parquet(table, tmp_path / "nuclei.parquet", None, NAMES)
    assert np.isnan(pq.read_table(tmp_path / "nuclei.parquet")["area_um2"].to_numpy()).all()


def test_other_files_are_rejected(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(ValueError, match=r"other\.parquet is not an instance table"):
        read_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=r"text\.parquet is not a Parquet file"):
        read_parquet(tmp_path / "text.parquet")


def test_geojson_has_the_fields_that_qupath_reads(tmp_path, table):
    write_geojson(table, tmp_path / "nuclei.geojson", NAMES, (0.25, 0.25))
    features = read_features(tmp_path / "nuclei.geojson")
    assert len(features) == len(table)
    for row, feature in enumerate(features):
        properties = feature["properties"]
        kind = table.type[row]
        expected = {"name": ("no type", *NAMES[1:])[kind], "color": list(type_colours(NAMES)[kind])}
        assert feature["type"] == "Feature"
        assert properties["objectType"] == "detection"
        assert properties["classification"] == expected
        assert properties["measurements"]["Area µm^2"] == pytest.approx(table.area[row] / 16)
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert len(ring) >= 4
        polygon = shapely.Polygon(ring)
        assert polygon.is_valid
        assert polygon.contains(shapely.Point(table.x[row] + 0.5, table.y[row] + 0.5)) or table.area[row] < 60


def test_geojson_is_xy_from_the_corner_of_the_slide(tmp_path):
    instances = np.zeros((20, 40), int)
    instances[2:6, 30:37] = 1
    write_geojson(InstanceTable.from_instance_map(instances), tmp_path / "a.geojson", ())
    (feature,) = read_features(tmp_path / "a.geojson")
    x, y = np.array(feature["geometry"]["coordinates"][0]).T
    assert (x.min(), x.max(), y.min(), y.max()) == (30.0, 37.0, 2.0, 6.0)
    assert feature["properties"]["classification"]["name"] == "nucleus"


def test_geojson_ids_are_unique_and_reproducible(tmp_path, table):
    write_geojson(table, tmp_path / "a.geojson", NAMES)
    write_geojson(table, tmp_path / "b.geojson", NAMES)
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()
    assert len({feature["id"] for feature in read_features(tmp_path / "a.geojson")}) == len(table)


def test_compressed_geojson_is_the_same(tmp_path, table):
    write_geojson(table, tmp_path / "a.geojson", NAMES)
    write_geojson(table, tmp_path / "a.geojson.gz", NAMES)
    assert gzip.decompress((tmp_path / "a.geojson.gz").read_bytes()) == (tmp_path / "a.geojson").read_bytes()


def test_empty_table_is_written_as_geojson(tmp_path):
    write_geojson(InstanceTable.empty(), tmp_path / "a.geojson", NAMES)
    assert read_features(tmp_path / "a.geojson") == []


def test_outlines_with_spurs_are_valid(tmp_path):
    instances = np.zeros((12, 12), int)
    instances[4:9, 4:9] = 1
    instances[6, 0:12] = 1  # spurs one pixel wide
    instances[0, 0:3] = instances[1, 2] = 2  # spurs alone
    table = InstanceTable.from_instance_map(instances)
    write_geojson(table, tmp_path / "a.geojson", ())
    polygons = [shapely.geometry.shape(feature["geometry"]) for feature in read_features(tmp_path / "a.geojson")]
    assert all(polygon.is_valid for polygon in polygons)
    assert [polygon.area for polygon in polygons] == pytest.approx([32, 4], abs=1.5)


@pytest.mark.parametrize("write", [write_geojson, lambda t, p, n: write_parquet(t, p, None, n)])
def test_type_without_a_name_is_rejected_before_a_file_is_written(tmp_path, table, write):
    with pytest.raises(ValueError, match="got types up to 3, but 2 names"):
        write(table, tmp_path / "a", ("background", "neoplastic"))
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_no_partial_file(tmp_path, table, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_pathprune.instances.export._make_features", full)
    monkeypatch.setattr("napari_pathprune.instances.export.pq.write_table", full)
    with pytest.raises(OSError, match="disk full"):
        write_geojson(table, tmp_path / "a.geojson", NAMES)
    with pytest.raises(OSError, match="disk full"):
        write_parquet(table, tmp_path / "a.parquet", None, NAMES)
    assert list(tmp_path.iterdir()) == []
