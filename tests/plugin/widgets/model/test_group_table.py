import pytest
from qtpy.QtCore import Qt

from napari_pathprune.plugin.widgets.model.group_table import SKIP, GroupTable
from napari_pathprune.workflows.info.model_info import GroupWidth

pytestmark = pytest.mark.gui
GROUPS = (
    GroupWidth("stem", "internal", 9, 16, 1, 3),
    GroupWidth("blocks", "skip", 100, 256, 1, 12),
    GroupWidth("head", "internal", 16, 16, 1, 2),
)


@pytest.fixture
def table(qtbot):
    widget = GroupTable()
    qtbot.addWidget(widget)
    widget.show_groups(GROUPS)
    return widget


def column(table, number):
    return [table.item(row, number).text() for row in range(table.rowCount())]


def test_groups_are_in_the_order_of_the_network_with_skip_groups_marked(table):
    assert column(table, 0) == ["stem", "blocks", "head"]
    assert column(table, 1) == ["", SKIP, ""]
    assert [column(table, number) for number in (2, 3, 4)] == [
        ["9", "100", "16"],
        ["16", "256", "16"],
        ["56", "39", "100"],
    ]
    assert table.item(1, 0).toolTip() == "blocks (skip group): 100 of 256 channels, held in 12 places"


def test_numbers_sort_as_numbers(table):
    table.sortItems(2, Qt.SortOrder.AscendingOrder)
    assert column(table, 2) == ["9", "16", "100"]
    table.show_groups(GROUPS[:2])
    assert column(table, 0) == ["stem", "blocks"]


def test_a_chosen_row_is_reported_and_a_group_can_be_chosen(table):
    picked = []
    table.picked.connect(picked.append)
    table.show_group("head")
    table.setCurrentCell(1, 2)
    assert picked == ["head", "blocks"]
