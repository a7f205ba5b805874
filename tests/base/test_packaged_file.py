"""The packaged files are there, and models are known by name."""

from napari_pathprune.base.packaged_file import packaged_file, packaged_models


def test_the_models_are_found_by_name():
    models = packaged_models()
    assert set(models) == {"hovernet-s", "hovernet-s-compact"}
    assert all(path.is_file() for path in models.values())
    assert models["hovernet-s"] == packaged_file("hovernet-s.safetensors")


def test_a_missing_file_has_a_path_too():
    path = packaged_file("nothing.svs")
    assert not path.exists()
    assert path.parent == packaged_file("CMU-1-Small-Region.svs").parent
