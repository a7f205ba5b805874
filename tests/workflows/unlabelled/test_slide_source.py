"""Slides are found by file and by folder, opened when they are read, and recognised wherever they lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings
from napari_pathprune.workflows.unlabelled import slide_source
from napari_pathprune.workflows.unlabelled.slide_source import OpenSlides, SlideSource, list_slides


def test_the_files_of_a_folder_share_its_weight(make_slide: Callable[..., Path], tmp_path: Path) -> None:
    make_slide("one.tif", (60, 60))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("b.png", "a.jpg", "notes.txt"):
        (pictures / name).touch()
    tables = [UnlabelledSettings("one.tif"), UnlabelledSettings("pictures", mpp=0.5, weight=3.0, validation=True)]
    found = list_slides(tmp_path, tables)
    assert [(one.path.name, one.own_mpp, one.weight, one.is_validation) for one in found] == [
        ("one.tif", None, 1.0, False),
        ("a.jpg", 0.5, 1.5, True),
        ("b.png", 0.5, 1.5, True),
    ]


@pytest.mark.parametrize(
    ("slides", "message"),
    [
        (("nowhere.svs",), "there is no slide .*nowhere.svs"),
        (("empty",), "empty has no slides or pictures"),
        (("one.tif", "./one.tif"), "one.tif is named twice"),
    ],
)
def test_slides_that_are_not_usable_are_named(
    make_slide: Callable[..., Path], tmp_path: Path, slides: tuple[str, ...], message: str
) -> None:
    make_slide("one.tif", (60, 60))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=message):
        list_slides(tmp_path, [UnlabelledSettings(slide) for slide in slides])


def test_few_slides_are_open_at_a_time(make_slide: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slide_source, "MOST_OPEN", 2)
    slides = OpenSlides()
    sources = [SlideSource(make_slide(f"{number}.tif", (60, 60), seed=number)) for number in range(3)]
    first = [slides.view(source, 0.25).read((0, 0, 60, 60)) for source in sources]
    assert len(slides._open) == 2
    again = slides.view(sources[0], 0.25).read((0, 0, 60, 60))
    np.testing.assert_array_equal(again, first[0])


def test_a_picture_without_pixel_size_needs_one(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(ValueError, match=r"picture\.png: the slide does not state its pixel size; give mpp"):
        OpenSlides().view(SlideSource(path), 0.25)
    assert OpenSlides().view(SlideSource(path, own_mpp=0.5), 0.25).shape == (80, 80)


def test_a_slide_is_known_by_its_pixels(make_slide: Callable[..., Path], tmp_path: Path) -> None:
    slide = SlideSource(make_slide("slide.tif", (300, 300), seed=1))
    (tmp_path / "elsewhere").mkdir()
    moved = SlideSource(Path(shutil.copy(slide.path, tmp_path / "elsewhere" / "slide.tif")))
    facts = OpenSlides().describe(slide, 0.25)
    assert (facts["name"], facts["shape"], facts["mpp"]) == ("slide.tif", [300, 300], [0.25, 0.25])
    assert OpenSlides().describe(moved, 0.25) == facts
    other = SlideSource(make_slide("slide.tif", (300, 300), seed=2))
    assert OpenSlides().describe(other, 0.25)["pixels"] != facts["pixels"]
