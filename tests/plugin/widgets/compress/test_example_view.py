"""The example patch is shown once it is written, and again when it has changed."""

import os

import pytest
from qtpy.QtGui import QColor, QPixmap

from napari_pathprune.plugin.widgets.compress.example_view import ExampleView

pytestmark = pytest.mark.gui


def write(path, colour):
    picture = QPixmap(96, 32)
    picture.fill(QColor(colour))
    picture.save(str(path))


@pytest.fixture
def view(qtbot):
    view = ExampleView()
    qtbot.addWidget(view)
    view.resize(290, view.heightForWidth(290))
    return view


def test_it_is_hidden_until_there_is_a_picture(view, tmp_path):
    path = tmp_path / "example.png"
    view.refresh(path)
    assert not view.isVisible()
    path.write_bytes(b"not a picture")
    view.refresh(path)
    assert not view.isVisible()
    write(path, "#ff0000")
    view.refresh(path)
    assert view.isVisible()
    view.clear()
    assert not view.isVisible()


def test_a_picture_that_was_replaced_is_shown(view, tmp_path):
    path = tmp_path / "example.png"
    for colour in ("#ff0000", "#00ff00"):
        write(path, colour)
        os.utime(path, ns=(1, len(colour) + int(colour[1:3], 16)))
        view.refresh(path)
        shown = view.grab().toImage()
        for x in (20, 145, 270):
            assert shown.pixelColor(x, view.height() - 20).name() == colour


def test_the_panels_are_squares_in_the_width_of_a_dock(view):
    assert view.heightForWidth(290) - view.heightForWidth(200) == 30
