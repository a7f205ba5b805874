import pytest
from qtpy.QtWidgets import QLabel

from napari_pathprune.plugin.widgets.section import Section, make_scroll_area

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("is_open", [True, False])
def test_the_title_shows_and_hides_the_content(qtbot, is_open):
    section = Section("More", QLabel("content"), is_open=is_open)
    qtbot.addWidget(section)
    section.show()
    assert section.content.isVisible() is is_open
    section.header.click()
    assert section.content.isVisible() is not is_open


def test_a_content_that_is_too_high_scrolls(qtbot):
    label = QLabel("content")
    label.setMinimumSize(100, 600)
    area = make_scroll_area(label)
    qtbot.addWidget(area)
    area.resize(120, 200)
    area.show()
    assert area.verticalScrollBar().maximum() >= 400
    assert not area.horizontalScrollBar().isVisible()
