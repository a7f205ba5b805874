"""Windows lie on tissue, and those for validation on other slides or far from the training windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from napari_pathprune.datasets.annotated_image import find_labelled, list_weights
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.workflows.unlabelled import slide_windows
from napari_pathprune.workflows.unlabelled.slide_source import OpenSlides, SlideSource
from napari_pathprune.workflows.unlabelled.slide_windows import Window, read_windows, split_windows

PATCH_PX = 64


def split(sources: list[SlideSource], *, is_validated: bool = False) -> tuple[list[Window], list[Window]]:
    return split_windows(sources, OpenSlides(), 0.25, PATCH_PX, is_validated=is_validated)


def slides_of(windows: list[Window]) -> list[str]:
    return sorted({window.source.path.stem for window in windows})


def test_a_single_slide_has_a_guard_between_its_parts(make_slide: Callable[..., Path]) -> None:
    near, far = split([SlideSource(make_slide())])
    assert near
    assert far
    gap = min(window.box[1] for window in far) - max(window.box[3] for window in near)
    assert gap >= 2 * PATCH_PX
    assert 5 < len(far) < len(near)


def test_a_slide_that_is_too_small_trains_alone(
    make_slide: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    near, far = split([SlideSource(make_slide(shape=(100, 120)))])
    assert len(near) == 4
    assert far == []
    assert "too small to hold a part out" in caplog.text


@pytest.mark.parametrize(("count", "held"), [(2, ["1"]), (4, ["3"]), (5, ["4"]), (6, ["4"])])
def test_whole_slides_are_held_out(make_slide: Callable[..., Path], count: int, held: list[str]) -> None:
    sources = [SlideSource(make_slide(f"{number}.tif", (130, 130), seed=number)) for number in range(count)]
    near, far = split(sources)
    assert slides_of(far) == held
    assert slides_of(near) == [str(number) for number in range(count) if str(number) not in held]


def test_slides_named_for_validation_are_held_out(make_slide: Callable[..., Path]) -> None:
    sources = [
        SlideSource(make_slide(f"{number}.tif", (130, 130), seed=number), is_validation=number == 0)
        for number in range(3)
    ]
    near, far = split(sources)
    assert (slides_of(near), slides_of(far)) == (["1", "2"], ["0"])
    with pytest.raises(ValueError, match="beside annotated validation images"):
        split(sources, is_validated=True)
    with pytest.raises(ValueError, match="every slide without annotation is for validation"):
        split(sources[:1])


def test_all_slides_train_where_annotated_images_validate(make_slide: Callable[..., Path]) -> None:
    sources = [SlideSource(make_slide(f"{number}.tif", (130, 130), seed=number)) for number in range(2)]
    near, far = split(sources, is_validated=True)
    assert (slides_of(near), far) == (["0", "1"], [])


def test_glass_has_no_windows(tmp_path: Path) -> None:
    image = np.full((256, 1024, 3), 245, np.uint8)
    image[:, :512] = np.random.default_rng(0).normal((215, 150, 190), 6.0, (256, 512, 3)).clip(0, 255)
    boxes = slide_windows.find_windows(slide_from_arrays([image], 0.25).at(0.25), 128)
    assert max(box[3] for box in boxes) == 512
    assert len(boxes) == 8
    cv2.imwrite(str(tmp_path / "glass.png"), np.full((128, 128, 3), 245, np.uint8))
    with pytest.raises(ValueError, match=r"glass\.png: found no tissue"):
        split([SlideSource(tmp_path / "glass.png", own_mpp=0.25)])


def test_windows_are_spread_evenly(make_slide: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slide_windows, "MOST_WINDOWS", 3)
    near, far = split([SlideSource(make_slide())])
    assert [window.box[0] for window in near] == [0, 200, 300]  # of four rows of four windows
    monkeypatch.setattr(slide_windows, "VALIDATION_WINDOWS", 2)
    assert len(split([SlideSource(make_slide())])[1]) == 2 < len(far)


def test_windows_are_read_at_the_pixel_size_of_the_model(make_slide: Callable[..., Path]) -> None:
    coarse = SlideSource(make_slide("coarse.tif", (100, 120), mpp=0.5), weight=3.0)
    fine = SlideSource(make_slide("fine.tif", (128, 256)))
    slides = OpenSlides()
    windows, _ = split_windows([coarse, fine], slides, 0.25, PATCH_PX, is_validated=True)
    images = read_windows(windows, slides, 0.25)
    assert not find_labelled(images).any()
    from_coarse = [name.startswith("coarse.tif") for name in images.names]
    assert np.sum(list_weights(images)[from_coarse]) == pytest.approx(3.0)
    assert np.sum(list_weights(images)) == pytest.approx(4.0)
    image = images[0]
    assert (image.image.shape, image.zoom, image.annotator) == ((100, 120, 3), 1.0, "nobody")
    assert image.instances.max() == 0


def test_processes_that_were_forked_read_the_same_patches(make_slide: Callable[..., Path]) -> None:
    slides = OpenSlides()
    windows, _ = split_windows([SlideSource(make_slide())], slides, 0.25, PATCH_PX, is_validated=True)
    patches = RandomPatches(read_windows(windows, slides, 0.25), PATCH_PX, 60, length=8, seed=1)
    expected = torch.stack([patches[index]["plain"] for index in range(8)])  # opens the slide before the fork
    loader = DataLoader(patches, batch_size=2, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat([batch["plain"] for batch in loader]), expected)
