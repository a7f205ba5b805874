"""Selections name unknown images, and stop at or skip bad ones."""

import logging
from pathlib import Path

import numpy as np
import pytest

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.image_selection import ImageSelection

FOLDER = Path("tiles")


def read_unless_b(name):
    if name == "b":
        raise ValueError("b.png is damaged")
    return AnnotatedImage(name, np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int32))


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (ImageSelection(), ["a", "b", "c"]),
        (ImageSelection(leave_out=("b",)), ["a", "c"]),
        (ImageSelection(only=("c", "b")), ["b", "c"]),
        (ImageSelection(only=("c", "b"), leave_out=("c",)), ["b"]),
    ],
)
def test_names_keep_their_order(selection, names):
    assert selection.select_names(FOLDER, ["a", "b", "c"]) == names


@pytest.mark.parametrize("key", ["leave_out", "only"])
def test_an_unknown_name_is_reported(key):
    with pytest.raises(ValueError, match="tiles has no image 'z'"):
        ImageSelection(**{key: ("z",)}).select_names(FOLDER, ["a"])


def test_bad_images_stop_or_are_skipped(caplog):
    with pytest.raises(ValueError, match=r"b\.png is damaged"):
        ImageSelection().read(FOLDER, ["a", "b", "c"], read_unless_b)
    selection = ImageSelection(zoom=2.0, weight=6.0, bad_files="skip")
    with caplog.at_level(logging.WARNING):
        images = selection.read(FOLDER, ["a", "b", "c"], read_unless_b)
    assert [(image.name, image.zoom, image.weight) for image in images] == [("a", 2.0, 3.0), ("c", 2.0, 3.0)]
    assert "b.png is damaged" in caplog.text
    with pytest.raises(ValueError, match="no image of tiles is left"):
        ImageSelection(only=("b",), bad_files="skip").read(FOLDER, ["a", "b"], read_unless_b)


def test_other_ways_to_handle_bad_files_are_refused():
    with pytest.raises(ValueError, match="bad_files = 'ask'; give 'stop' or 'skip'"):
        ImageSelection(bad_files="ask")
