"""What the viewer shows of a comparison."""

import pytest

pytestmark = pytest.mark.gui


def test_the_legend_has_colours_and_numbers_in_lines_of_their_own(qtbot, comparison):
    from napari_pathprune.plugin.widgets.compare.compare_view import CompareView

    view = CompareView()
    qtbot.addWidget(view)
    view.show_comparison(comparison)
    assert "agreed&nbsp;" in view.legend.text()
    assert "color: #e69f00" in view.legend.text()  # only in A
    assert not view.difference.isChecked()
    for widget in (view.side_by_side, view.blink, view.leave, view.difference):
        assert widget.toolTip()
        assert widget.accessibleName()
