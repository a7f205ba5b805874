"""Curves are painted in their colours, and long ones are thinned out without losing the end."""

import pytest

pytestmark = pytest.mark.gui


def test_each_curve_is_painted_in_its_colour(qtbot):
    from qtpy.QtGui import QColor

    from napari_pathprune.plugin.widgets.compress.curve_plot import COLOURS, CurvePlot

    plot = CurvePlot("Losses by step")
    qtbot.addWidget(plot)
    plot.resize(300, 110)
    plot.show_curves({"loss": {1: 3.0, 2: 2.0, 3: 2.5}, "np": {1: 1.0, 3: 0.5}})
    image = plot.grab().toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    found = []
    for colour in map(QColor, COLOURS[:3]):
        parts = (colour.red(), colour.green(), colour.blue())
        near = (sum(abs(a - b) for a, b in zip(parts, pixel.getRgb(), strict=False)) < 60 for pixel in pixels)
        found.append(sum(near) > 10)
    assert found == [True, True, False]


def test_a_long_curve_keeps_its_last_step():
    from napari_pathprune.plugin.widgets.compress.curve_plot import thin_out

    steps = thin_out(dict.fromkeys(range(1, 100_002), 1.0))
    assert len(steps) <= 401
    assert steps[-1] == 100_001
