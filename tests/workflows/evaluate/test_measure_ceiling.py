"""A model is compared with itself on shifted images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate.measure_ceiling import (
    COLUMNS,
    CeilingMeasured,
    ImageShifted,
    compare_with_itself,
    measure_ceilings,
)
from napari_pathprune.workflows.evaluate.shift_pictures import Picture


class Aliased(nn.Module):
    """Wrap the oracle so that it finds nuclei on every other stride only: maps depend on where the image starts."""

    def __init__(self, oracle: nn.Module) -> None:
        super().__init__()
        self.inner = oracle

    margin_px, stride_px, padding_px = 46, 8, 0

    def nearest_sizes(self, size_px: int) -> tuple[int, int]:
        return self.inner.nearest_sizes(size_px)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.inner(images)
        rows = torch.arange(maps["np"].shape[2])
        blind = (rows + 46) % 8 < 2
        maps["np"][:, 0, blind], maps["np"][:, 1, blind] = 9.0, -9.0
        return maps


@pytest.fixture
def pictures(disc_field) -> list[Picture]:
    fields = [disc_field(shape)[1] for shape in ((200, 220), (150, 160))]
    return [Picture(f"field {number}", lambda field=field: field) for number, field in enumerate(fields)]


def measure(model: nn.Module, checkpoint: Checkpoint, pictures: list[Picture], shift_px: int = 5):
    return list(compare_with_itself(model, checkpoint, pictures, name="m", where="fields", shift_px=shift_px))


def test_a_model_without_a_stride_of_its_own_agrees_with_itself(oracle, checkpoint, pictures) -> None:
    *shifted, end = measure(oracle, checkpoint, pictures, 2)
    assert [one.shift for one in shifted] == [(1, 2), (2, 1)] * 2
    assert isinstance(end, CeilingMeasured)
    assert (end.images, end.done, end.total, end.shifts) == (2, 4, 4, ((1, 2), (2, 1)))
    assert end.ceiling.scores == {"pq": 1.0, "f1": 1.0, "dice": 1.0, "type_agreement": 1.0}
    assert len(end.row()) == len(COLUMNS)


def test_a_model_whose_maps_depend_on_the_stride_does_not(oracle, checkpoint, pictures) -> None:
    *shifted, end = measure(Aliased(oracle), checkpoint, pictures)
    assert 0.1 < end.ceiling.scores["pq"] < 0.97
    assert end.ceiling.scores["pq"] == pytest.approx(np.mean([one.pq for one in shifted]))
    assert end.ceiling.shift_px == 5


def test_phases_raise_the_ceiling_and_are_stated(oracle, checkpoint, pictures) -> None:
    events = compare_with_itself(
        Aliased(oracle), checkpoint, pictures[1:], name="m", where="fields", shift_px=1, phases=4
    )
    *_, averaged = events
    alone = measure(Aliased(oracle), checkpoint, pictures[1:], 1)[-1]
    assert averaged.ceiling.phases == 4
    assert averaged.ceiling.scores["pq"] > alone.ceiling.scores["pq"]


def test_pictures_without_nuclei_do_not_raise_the_ceiling(oracle, checkpoint, pictures) -> None:
    glass = Picture("glass", lambda: np.zeros((150, 150, 3), np.uint8))
    alone = measure(Aliased(oracle), checkpoint, pictures, 2)[-1]
    together = measure(Aliased(oracle), checkpoint, [glass, *pictures], 2)
    assert np.isnan(together[0].pq)
    assert together[-1].images == 2
    assert together[-1].ceiling.scores == alone.ceiling.scores
    with pytest.raises(ValueError, match="m finds no nuclei on fields; name images with nuclei in --data"):
        measure(oracle, checkpoint, [glass], 2)


@pytest.mark.parametrize("shift_px", [0, 8, -1])
def test_a_shift_is_less_than_the_stride(shift_px: int, model_file: Path) -> None:
    with pytest.raises(ValueError, match="expected 1 to 7, less than the stride"):
        next(measure_ceilings([str(model_file)], shift_px=shift_px))


def test_a_folder_of_pictures_needs_no_labels(
    oracle, model_file: Path, disc_field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    (tmp_path / "images").mkdir()
    for name in "abc":
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), disc_field((160, 150))[1][..., ::-1])
    *shifted, end = measure_ceilings([str(model_file)], tmp_path, shift_px=1, only=["a", "c"])
    assert [type(one) for one in shifted] == [ImageShifted] * 2
    assert end.ceiling.scores["pq"] > 0.99
    with pytest.raises(ValueError, match="has no 'd'"):
        list(measure_ceilings([str(model_file)], tmp_path, shift_px=1, only=["d"]))
