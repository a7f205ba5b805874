"""Tissue classes: labels follow the folders, patches depend on their index alone, bad files are named."""

import logging
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch

from napari_pathprune.datasets.layouts.tissue_patches import TissueImages, TissuePatches
from napari_pathprune.datasets.patches.augment import Augmentation

REAL = Path(__file__).parents[4] / "shared" / "data" / "tissue"


@pytest.fixture
def folder(tmp_path):
    """Return three classes of uniform images with red 50, 100 and 150; the last class has TIFF files."""
    for number, name in enumerate(("ADI", "MUS", "TUM"), 1):
        (tmp_path / name).mkdir()
        image = np.full((30, 34, 3), (50 * number, 20, 40), np.uint8)
        for file in range(2):
            if name == "TUM":
                tifffile.imwrite(tmp_path / name / f"{file}.tif", image, photometric="rgb")
            else:
                cv2.imwrite(str(tmp_path / name / f"{file}.png"), image[..., ::-1])
    (tmp_path / "SOURCE.md").write_text("not a class")
    return tmp_path


@pytest.mark.parametrize("patch_px", [24, 64])
def test_validation_images_are_not_changed(folder, patch_px):
    images = TissueImages(folder, patch_px)
    assert images.class_names == ("ADI", "MUS", "TUM")
    items = list(images)
    assert [item["label"].item() for item in items] == [0, 0, 1, 1, 2, 2]
    for item in items:
        assert (item["image"].shape, item["image"].dtype) == ((3, patch_px, patch_px), torch.float32)
        assert (item["label"].shape, item["label"].dtype) == ((), torch.int64)
        expected = torch.tensor([50.0 * (item["label"].item() + 1), 20.0, 40.0])
        torch.testing.assert_close(item["image"].mean((1, 2)), expected, atol=0.01, rtol=0)


def test_patches_depend_on_their_index_alone(folder):
    images = TissueImages(folder, 24)
    first = list(TissuePatches(images, length=6, seed=3))
    again = TissuePatches(images, length=100, seed=3)
    for index in (5, 0, 3):
        assert torch.equal(again[index]["image"], first[index]["image"])
        assert again[index]["label"] == first[index]["label"]
    assert not torch.equal(TissuePatches(images, 6, seed=4)[5]["image"], first[5]["image"])
    with pytest.raises(IndexError, match="index 100 of 100"):
        again[100]


def test_patches_have_the_label_of_their_image(folder):
    plain = Augmentation(stain=0, restain=0, hue=0, saturation=0, brightness=0, contrast=0, blur=0, noise=0)
    items = list(TissuePatches(TissueImages(folder, 24), length=30, seed=1, augmentation=plain))
    assert {item["label"].item() for item in items} == {0, 1, 2}
    for item in items:
        assert item["image"][0].mean().item() == pytest.approx(50 * (item["label"].item() + 1), abs=1)


def test_a_folder_without_classes_or_a_class_without_images_is_refused(folder):
    with pytest.raises(ValueError, match="expected one folder per class"):
        TissueImages(folder / "ADI", 24)
    with pytest.raises(ValueError, match="not a folder of tissue classes"):
        TissueImages(folder / "none", 24)
    (folder / "EMPTY").mkdir()
    with pytest.raises(ValueError, match="EMPTY"):
        TissueImages(folder, 24)


def test_an_unreadable_image_is_named_or_skipped(folder, caplog):
    (folder / "MUS" / "0.png").write_bytes(b"not a picture")
    words = r"MUS/0\.png is not a readable image"
    with pytest.raises(ValueError, match=words):
        TissueImages(folder, 24)
    with caplog.at_level(logging.WARNING):
        images = TissueImages(folder, 24, bad_files="skip")
    assert re.search(words, caplog.text)
    assert [item["label"].item() for item in images] == [0, 0, 1, 2, 2]
    assert len(list(TissuePatches(images, length=20, seed=1))) == 20
    (folder / "MUS" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"classes MUS; expected .* readable images"):
        TissueImages(folder, 24, bad_files="skip")
    with pytest.raises(ValueError, match="bad_files = 'ask'"):
        TissueImages(folder, 24, bad_files="ask")


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/tissue, NCT-CRC-HE patches, is not available")
def test_real_patches_are_read():
    images = TissueImages(REAL, 128)
    assert len(images) == 90
    assert set(images.class_names) == {"ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM"}
    adipose, tumour = (images[10 * images.class_names.index(name)]["image"].mean() for name in ("ADI", "TUM"))
    assert adipose > tumour + 20, "fat is brighter"
    assert 0 < TissuePatches(images, 3, seed=1)[2]["image"].mean() < 255
