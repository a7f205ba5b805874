"""Names are shown in the window as they are."""

import pytest
from qtpy.QtCore import Qt

pytestmark = pytest.mark.gui


def test_markup_and_escape_sequences_are_shown(qtbot):
    from napari_pathprune.plugin.widgets.plain_label import PlainLabel

    label = PlainLabel()
    qtbot.addWidget(label)
    label.setText("<img src='x'>\x1b[31m.svs is not read")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == r"<img src='x'>\x1b[31m.svs is not read"


def test_a_tooltip_is_rich_only_to_show_markup():
    from napari_pathprune.plugin.widgets.plain_label import make_plain_tip

    assert make_plain_tip("choose a slide") == "choose a slide"
    assert make_plain_tip("<b>x</b> & y") == "<qt>&lt;b&gt;x&lt;/b&gt; &amp; y</qt>"
