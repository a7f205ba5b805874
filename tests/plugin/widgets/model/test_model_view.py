"""The view of a model: all parts show the same model, and bars and table choose together."""

import pytest

from napari_pathprune.workflows.info.model_info import describe

pytestmark = pytest.mark.gui


@pytest.fixture
def view(qtbot):
    from napari_pathprune.plugin.widgets.model.model_view import ModelView

    view = ModelView()
    qtbot.addWidget(view)
    view.show_description(describe("hovernet-s-compact"))
    return view


def test_a_description_fills_every_part(view):
    assert dict(view.facts.rows)["Parameters"].startswith("326,185 (14%")
    assert view.table.rowCount() == 122
    assert view.plot.accessibleDescription() == "1,757 of 4,651 channels in 122 groups"
    assert [field.text() for field in view.types.fields] == ["neoplastic", "inflammatory", "connective"]
    assert dict(view.card.rows)["Purpose"] == "for demonstration, not for diagnosis"
    assert view.history.rows


def test_a_group_that_is_picked_in_the_plot_is_chosen_in_the_table(view):
    name = view.table.item(3, 0).text()
    view.plot.picked.emit(name)
    assert view.table.currentRow() == 3
