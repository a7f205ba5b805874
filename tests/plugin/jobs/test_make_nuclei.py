import pytest

from napari_pathprune.plugin.jobs import make_nuclei as module
from napari_pathprune.plugin.jobs.make_nuclei import make_nuclei
from napari_pathprune.plugin.layers.sample_data import load_nuclei
from napari_pathprune.slides.reader import slide_from_arrays


@pytest.fixture(autouse=True)
def _small_sample_slide(monkeypatch, tissue, dark_discs):
    monkeypatch.setattr(module, "open_slide", lambda _: slide_from_arrays([tissue], 0.5))
    dark_discs.gate.set()


def test_the_nuclei_of_the_sample_slide_are_written(tmp_path, dark_discs):
    labels, table, names = load_nuclei(make_nuclei(tmp_path / "made.npz", workflow=dark_discs))
    assert labels.shape == (120, 160)
    assert table.id.tolist() == [1, 2]
    assert names == ("background", "neoplastic", "inflammatory")
    assert set(table.type) == {1, 2}


def test_an_error_leaves_no_file(tmp_path, dark_discs):
    dark_discs.error = ValueError("no such model")
    with pytest.raises(ValueError, match="no such model"):
        make_nuclei(tmp_path / "made.npz", workflow=dark_discs)
    assert list(tmp_path.iterdir()) == []
