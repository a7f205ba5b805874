"""The table of disagreements: text, sorting, places."""

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_pathprune.workflows.compare.disagreements import Disagreements

pytestmark = pytest.mark.gui


@pytest.fixture
def comparison():
    """Two nuclei only in A, one only in B, one of another type."""
    rows = Disagreements(
        status=np.array([2, 2, 3, 4], np.int8),
        id_a=np.array([5, 6, 0, 8]),
        id_b=np.array([0, 0, 7, 9]),
        y=np.array([1.0, 2.0, 3.0, 4.0]),
        x=np.array([10.0, 20.0, 30.0, 40.0]),
        area_a=np.array([40, 80, 0, 20]),
        area_b=np.array([0, 0, 60, 24]),
        type_a=np.array([1, 2, 0, 1]),
        type_b=np.array([0, 0, 1, 2]),
        probability_a=np.array([0.9, 0.2, 0.0, 0.5]),
        probability_b=np.array([0.0, 0.0, 0.7, 0.6]),
        iou=np.array([0.0, 0.0, 0.0, 0.8]),
    )
    return SimpleNamespace(disagreements=rows, mpp=(0.5, 0.5), type_names=("no type", "tumour", "stroma"))


@pytest.fixture
def table(qtbot, comparison):
    from napari_pathprune.plugin.widgets.compare.disagreement_table import DisagreementTable

    table = DisagreementTable()
    qtbot.addWidget(table)
    table.show_comparison(comparison)
    return table


def list_rows(table):
    rows = table.rows
    return [[rows.index(y, x).data() for x in range(rows.columnCount())] for y in range(rows.rowCount())]


def test_rows_in_the_order_of_the_comparison(table):
    assert list_rows(table) == [
        ["only in A", "10", "tumour", "", "0.90"],
        ["only in A", "20", "stroma", "", "0.20"],
        ["only in B", "15", "", "tumour", "0.70"],
        ["other type", "6", "tumour", "stroma", "0.60"],
    ]


def test_sorting_by_any_column_keeps_after_an_update(table, comparison):
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert [row[1] for row in list_rows(table)] == ["20", "15", "10", "6"]
    table.sortByColumn(4, Qt.SortOrder.AscendingOrder)
    assert [row[4] for row in list_rows(table)] == ["0.20", "0.60", "0.70", "0.90"]
    table.show_comparison(comparison)
    assert [row[4] for row in list_rows(table)] == ["0.20", "0.60", "0.70", "0.90"]


def test_a_row_is_chosen_by_its_place_after_sorting(table, qtbot):
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    with qtbot.waitSignal(table.chosen) as chosen:
        table.selectRow(1)
    assert chosen.args == [3.0, 30.0, (0, 7)]


def test_a_hundred_thousand_rows_are_listed(table, comparison):
    rows = comparison.disagreements
    many = Disagreements(*(np.tile(getattr(rows, name), 25_000) for name in Disagreements.__slots__))
    comparison.disagreements = many
    table.show_comparison(comparison)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert table.rows.rowCount() == 100_000
    assert table.rows.index(0, 1).data() == "20"
