import pytest
from qtpy.QtWidgets import QLabel

from napari_pathprune.plugin.widgets.section import Section

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("is_open", [True, False])
def test_the_title_shows_and_hides_the_content(qtbot, is_open):
    section = Section("More", QLabel("content"), is_open=is_open)
    qtbot.addWidget(section)
    section.show()
    assert section.content.isVisible() is is_open
    section.header.click()
    assert section.content.isVisible() is not is_open
