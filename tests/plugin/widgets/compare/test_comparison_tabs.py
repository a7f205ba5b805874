"""The results of a comparison as tabs."""

import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def tabs(qtbot, comparison):
    from napari_pathprune.plugin.widgets.compare.comparison_tabs import ComparisonTabs

    tabs = ComparisonTabs()
    qtbot.addWidget(tabs)
    tabs.show_comparison(comparison)
    return tabs


def test_all_tabs_show_the_comparison(tabs, comparison):
    assert tabs.tabText(1) == "Nuclei (1)"
    assert tabs.table.rows.rowCount() == 1
    assert dict(tabs.numbers.scores)["PQ"] == f"{comparison.panoptic.pq:.3f}"
    assert tabs.regions.item(0).text().startswith("1. 1 of ")
    tabs.show_comparison(comparison)
    assert tabs.regions.count() == len(comparison.worst)  # not twice


def test_a_nucleus_and_a_region_can_be_chosen(tabs, comparison, qtbot):
    with qtbot.waitSignal(tabs.place_chosen) as place:
        tabs.table.selectRow(0)
    assert place.args[2] == (3, 0)
    with qtbot.waitSignal(tabs.box_chosen) as box:
        tabs.regions.itemActivated.emit(tabs.regions.item(0))
    assert box.args == [comparison.worst[0].box]
