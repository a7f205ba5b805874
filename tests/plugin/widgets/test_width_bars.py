"""One bar a layer; the bar under the mouse is the layer that a click names."""

import pytest

from napari_pathprune.plugin.jobs.cut_preview import GroupWidth

pytestmark = pytest.mark.gui


def test_a_click_names_the_layer_of_its_bar(qtbot):
    from qtpy.QtCore import QPoint, QPointF, Qt

    from napari_pathprune.plugin.widgets.width_bars import WidthBars

    bars = WidthBars()
    qtbot.addWidget(bars)
    bars.resize(300, 130)
    bars.show()
    qtbot.waitExposed(bars)
    bars.show_widths([GroupWidth("a", False, 64, 10), GroupWidth("b", True, 32, 32), GroupWidth("c", False, 8, 2)])
    qtbot.waitUntil(lambda: bars.getViewBox().viewRange()[0][1] > 2)
    named = []
    bars.toggled.connect(named.append)
    for x in (0, 1, 2):
        place = bars.mapFromScene(bars.getViewBox().mapViewToScene(QPointF(x, 1)))
        qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place.x(), place.y()))
    assert named == ["a", "b", "c"]
