"""Colours and legend of the difference."""

from types import SimpleNamespace

import numpy as np

from napari_pathprune.plugin.layers.comparison.difference_layer import list_statuses, make_difference_colormap
from napari_pathprune.workflows.compare.difference import STATUS_COLOURS


def test_every_status_has_its_colour_and_the_rest_is_clear():
    colours = make_difference_colormap().map(np.arange(6))
    for status, colour in STATUS_COLOURS.items():
        np.testing.assert_allclose(colours[status], np.divide((*colour, 255), 255), atol=0.01)
    assert colours[0, 3] == colours[5, 3] == 0


def test_the_legend_leaves_out_types_without_types():
    rows = SimpleNamespace(count=lambda status: 10 * int(status))
    listed = list_statuses(SimpleNamespace(disagreements=rows, agreed=7, has_types=True))
    assert [(name, count) for name, _, count in listed] == [
        ("agreed", 7),
        ("only in A", 20),
        ("only in B", 30),
        ("type changed", 40),
    ]
    assert len(list_statuses(SimpleNamespace(disagreements=rows, agreed=7, has_types=False))) == 3
