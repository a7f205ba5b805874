"""Other programs open results by these names, and so do results of earlier releases."""

from pathlib import Path

from napari_pathprune.workflows.segment import result_files

OLD_RESULT = Path(__file__).parents[1] / "old_files" / "result"


def test_names_are_those_of_earlier_releases() -> None:
    names = {result_files.LABELS, result_files.TABLE, result_files.OUTLINES, result_files.RUN}
    assert names == {"labels.ome.zarr", "instances.parquet", "nuclei.geojson", "run.json"}
    assert {path.name for path in OLD_RESULT.iterdir()} <= names
