import pytest

from napari_pathprune.plugin.widgets.legend import Legend

pytestmark = pytest.mark.gui


@pytest.fixture
def legend(qtbot):
    widget = Legend()
    qtbot.addWidget(widget)
    return widget


@pytest.mark.parametrize(
    ("type_names", "counts", "rows"),
    [
        (("background", "neoplastic", "dead"), (0, 1234, 0), [("neoplastic", "1,234"), ("dead", "0")]),
        (("background", "neoplastic"), (3, 1), [("no type", "3"), ("neoplastic", "1")]),
        ((), (7,), [("nucleus", "7")]),
        ((), (), []),
    ],
    ids=["typed", "some without a type", "model without types", "empty"],
)
def test_each_type_has_a_row(legend, type_names, counts, rows):
    legend.show_types(type_names, counts)
    assert legend.rows == rows


def test_new_types_replace_the_old_ones(legend):
    legend.show_types(("background", "neoplastic"), (3, 1))
    legend.show_types((), (7,))
    assert legend.rows == [("nucleus", "7")]
