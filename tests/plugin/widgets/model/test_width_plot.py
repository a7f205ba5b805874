import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QImage

from napari_pathprune.plugin.widgets.model.width_plot import INTERNAL, SKIP, WidthPlot, describe_group
from napari_pathprune.workflows.info.model_info import GroupWidth

pytestmark = pytest.mark.gui
GROUPS = (GroupWidth("stem", "internal", 16, 64, 1, 3), GroupWidth("blocks", "skip", 64, 256, 1, 12))


@pytest.fixture
def plot(qtbot):
    widget = WidthPlot()
    qtbot.addWidget(widget)
    widget.resize(208, 108)
    widget.show_groups(GROUPS)
    return widget


def colour_at(plot, x, y):
    image = QImage(plot.size(), QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    plot.render(image)
    return image.pixelColor(x, y)


def test_bars_are_square_roots_of_channels(plot):
    assert plot.bar_of(1, 256).height() == 100
    assert plot.bar_of(1, 64).height() == plot.bar_of(0, 64).height() == 50
    assert plot.bar_of(0, 64).bottom() == plot.bar_of(1, 256).bottom() == 104


def test_the_dense_bar_stands_pale_behind_the_present_one(plot):
    assert colour_at(plot, 54, 100).name() == INTERNAL.name()
    assert colour_at(plot, 154, 100).name() == SKIP.name()
    behind = colour_at(plot, 154, 20)
    assert behind.name() not in {SKIP.name(), "#ffffff"}
    assert behind.hue() == pytest.approx(SKIP.hue(), abs=3)


def test_a_click_reports_and_marks_the_group(plot, qtbot):
    picked = []
    plot.picked.connect(picked.append)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(150, 50))
    assert picked == ["blocks"]
    edge = int(plot.bar_of(1, 256).left())
    assert len({colour_at(plot, x, 40).name() for x in range(edge + 5, edge + 20)}) == 1
    assert len({colour_at(plot, x, 40).name() for x in range(edge, edge + 20)}) > 1


def test_positions_outside_the_bars_have_no_group(plot):
    assert [plot.group_at(x) for x in (1, 207)] == [None, None]
    assert plot.group_at(10) == GROUPS[0]
    plot.show_groups(())
    assert plot.group_at(10) is None


def test_groups_are_described_for_tooltips_and_screen_readers(plot):
    assert describe_group(GROUPS[1]) == "blocks (skip group): 64 of 256 channels"
    assert plot.accessibleDescription() == "80 of 320 channels in 2 groups"
