import pytest

from napari_pathprune.plugin.widgets.folder_field import FolderField

pytestmark = pytest.mark.gui


@pytest.fixture
def field(qtbot):
    widget = FolderField()
    qtbot.addWidget(widget)
    return widget


def test_a_folder_is_suggested_for_each_slide_and_model(field, tmp_path):
    field.suggest(tmp_path / "a.svs", "one")
    assert field.folder == tmp_path / "a-one"
    field.suggest(tmp_path / "a.svs", "/models/two.safetensors")
    assert field.folder == tmp_path / "a-two"


def test_what_the_user_enters_stays_for_the_same_slide(field, tmp_path):
    field.suggest(tmp_path / "a.svs", "one")
    field.path.setText(str(tmp_path / "mine"))
    field.suggest(tmp_path / "a.svs", "one")
    assert field.folder == tmp_path / "mine"


def test_a_suggestion_that_has_been_used_is_replaced(field, tmp_path):
    field.suggest(tmp_path / "a.svs", "one")
    field.folder.mkdir()
    field.suggest(tmp_path / "a.svs", "one")
    assert field.folder == tmp_path / "a-one-2"


def test_no_folder_is_a_problem(field):
    with pytest.raises(ValueError, match="Choose a result folder"):
        _ = field.folder
