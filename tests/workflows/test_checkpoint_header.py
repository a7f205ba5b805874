"""A header of any kind ends in one line, at once and in little memory."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.checkpoint_header import HEADER_KEY, check_weights

CONFIG = {"mode": "fast", "num_types": None, "width": 0.0625}
WRONG = [None, True, -1, 1e300, float("nan"), "x", ["x"], [1], {"x": 1}, {"x": {"y": []}}, [[]], 10**30]
FIELDS = ["format", "architecture", "config", "lineage", "type_names", "mpp", "licence", "card", "stored_as_half"]


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return build("hovernet", **CONFIG).state_dict()


def write(path: Path, weights: dict[str, torch.Tensor], header: object) -> Path:
    save_file(weights, path, metadata={HEADER_KEY: header if isinstance(header, str) else json.dumps(header)})
    return path


def make_header(**changes: Any) -> dict[str, Any]:
    header = {
        "format": "pathprune-1",
        "architecture": "hovernet",
        "config": CONFIG,
        "lineage": [],
        "type_names": [],
        "mpp": 0.25,
        "licence": "",
        "card": {},
        "stored_as_half": {},
    }
    return header | changes


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_field_of_the_wrong_kind_is_one_line(
    weights: dict[str, torch.Tensor], tmp_path: Path, field: str, wrong: object
) -> None:
    path = write(tmp_path / "m.safetensors", weights, make_header(**{field: wrong}))
    try:
        load(path).model()
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - any other error fails
    else:
        assert (field, wrong) in [("mpp", None), ("licence", "x"), ("card", {"x": 1}), ("card", {"x": {"y": []}})]


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(weights: dict[str, torch.Tensor], tmp_path: Path, field: str) -> None:
    header = make_header()
    del header[field]
    with pytest.raises(ValueError, match=f"damaged pathprune header: {field} is missing"):
        load(write(tmp_path / "m.safetensors", weights, header))


@pytest.mark.parametrize("text", ["", "[1]", "null", "[" * 100_000, "9" * 5000, "NaN", "{"])
def test_a_header_that_is_no_object_is_one_line(weights: dict[str, torch.Tensor], tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="is not a JSON object"):
        load(write(tmp_path / "m.safetensors", weights, text))


@pytest.mark.parametrize(
    "change",
    [
        {"config": CONFIG | {"width": 4.0}},
        {"config": CONFIG | {"width": 4}},
        {"config": CONFIG | {"width": 1e9}},
        {"config": CONFIG | {"num_types": 10**9}},
        {"config": CONFIG | {"num_types": 4.0}, "type_names": ["a"] * 4},
        {"config": CONFIG | {"mode": ["fast"]}},
        {"config": CONFIG | {"width": "1"}},
        {"stored_as_half": {"conv_bot.weight": "load"}},
        {"stored_as_half": {"conv_bot.weight": "int8"}},
        {"stored_as_half": {"nothing": "float32"}},
        {"stored_as_half": {"conv0.bn.num_batches_tracked": "float32"}},
        {"config": CONFIG | {"num_types": 2}, "type_names": ["a", "\ud800"]},
        {"config": CONFIG | {"num_types": 2}, "type_names": ["a", "x" * 10**6]},
        {"mpp": 1e-9},
        {"mpp": 1000},
    ],
)
def test_settings_that_do_not_fit_the_weights_are_refused(
    weights: dict[str, torch.Tensor], tmp_path: Path, change: dict[str, Any]
) -> None:
    path = write(tmp_path / "m.safetensors", weights, make_header(**change))
    with pytest.raises(ValueError, match=r"header|got|cannot be built"):
        load(path).model()


def test_weights_that_no_model_has_are_refused() -> None:
    for tensor, message in (
        (torch.zeros(1).expand(2 * 10**9, 1, 1, 1), "claims to be"),
        (torch.zeros(3, dtype=torch.int64), "expected numbers with a fraction"),
        (torch.zeros(3, dtype=torch.complex64), "of a kind that no model"),
        (torch.zeros(3).to_sparse(), "of a kind that no model"),
        (torch.tensor([1.0, float("nan")]), "not finite"),
        (torch.tensor([1.0, -1.0]), "negative variances"),
    ):
        with pytest.raises(ValueError, match=message):
            check_weights({"bn.running_var": tensor}, Path("m.pth"))


def test_a_zip_bomb_is_refused_unopened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pth", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", bytes(50 << 20))
    with pytest.raises(ValueError, match="would unpack to 50 MiB"):
        load(tmp_path / "m.pth")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_are_single_precision_after_loading(
    weights: dict[str, torch.Tensor], tmp_path: Path, dtype: torch.dtype
) -> None:
    cast = {name: value.to(dtype) if value.is_floating_point() else value for name, value in weights.items()}
    checkpoint = Checkpoint("hovernet", CONFIG, cast)
    save(checkpoint, tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert loaded.weights["conv_bot.weight"].dtype == torch.float32
    assert len(checkpoint.fingerprint()) == len(loaded.fingerprint()) == 16
    maps = loaded.model()(torch.zeros(1, 3, 256, 256))
    assert maps["np"].dtype == torch.float32
