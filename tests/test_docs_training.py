"""docs/training.md documents every setting with its actual default, and every option."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.fit_state import MAY_CHANGE
from napari_pathprune.workflows.config import train_config
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import list_keys, make_table
from napari_pathprune.workflows.config.train_config import (
    DataSettings,
    LossSettings,
    ModelSettings,
    PatchSettings,
    TrainConfig,
    read_config,
)
from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings
from napari_pathprune.workflows.train import fit_log

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SECTIONS: dict[str, str] = dict(re.findall(r"^#+ (.+)\n((?:(?!^#).*\n?)*)", DOCS, flags=re.MULTILINE))
KINDS = {
    "[model]": ModelSettings,
    "[fit]": FitSettings,
    "[patches]": PatchSettings,
    "[augmentation]": Augmentation,
    "[losses]": LossSettings,
    "[compress]": CompressSettings,
    "[[data]]": DataSettings,
    "[[validation]]": DataSettings,
    "[[unlabelled]]": UnlabelledSettings,
}
REQUIRED = "required"


def read_defaults(body: str) -> dict[str, Any]:
    """Read the defaults in the table of a section by key."""
    defaults: dict[str, Any] = {}
    for row in re.findall(r"^\| `(\w+)` \|(.+)\|$", body, flags=re.MULTILINE):
        key, cells = row[0], [cell.strip() for cell in row[1].split("|")]
        assert len(cells) == 3, f"{key} needs a default, a unit and a meaning"
        assert cells[2], f"{key} has no meaning"
        assert key not in defaults, f"{key} occurs twice"
        defaults[key] = cells[0] if cells[0] == REQUIRED else _value(cells[0])
    return defaults


def _value(cell: str) -> object:
    value = tomllib.loads(f"value = {cell.strip('`')}")["value"]
    return tuple(value) if isinstance(value, list) else value


def actual_defaults(kind: type) -> dict[str, Any]:
    """Return the defaults of the keys of a table, in their order."""
    keys = list_keys(kind).values()
    defaults = {} if any(key.is_required for key in keys) else make_table(kind())
    return {key.name: REQUIRED if key.is_required else defaults.get(key.name, key.default) for key in keys}


@pytest.mark.parametrize("table", KINDS)
def test_every_key_has_its_actual_default(table: str) -> None:
    documented, actual = read_defaults(SECTIONS[table]), actual_defaults(KINDS[table])
    assert documented == actual
    assert [type(value) for value in documented.values()] == [type(actual[key]) for key in documented]  # 1 is not 1.0


def test_every_table_of_a_config_has_a_section() -> None:
    known = {name.strip("[]") for name in KINDS}
    assert known == set(train_config._TABLES)
    assert {name.strip("[]") for name in SECTIONS if name.startswith("[")} == known
    # the folder of the file, what only a folder has, and the type_names of [model]
    without_table = {"base", "hold_out", "new_type_names"}
    assert {field.name for field in dataclasses.fields(TrainConfig)} - without_table == known


def test_settings_that_may_change_are_documented() -> None:
    found = re.search(r"may change: (.+?)\.", DOCS, flags=re.DOTALL)
    assert found is not None
    assert set(re.findall(r"`(\w+)`", found[1])) == MAY_CHANGE


def test_the_configs_can_be_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.+?)```", DOCS, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        path = tmp_path / "train.toml"
        path.write_text(block, encoding="utf-8")
        assert read_config(path).data


def test_every_option_is_documented() -> None:
    from typer.main import get_command

    from napari_pathprune.cli import build_app

    commands = get_command(build_app()).commands  # type: ignore[attr-defined]
    shown = set(re.findall(r"`(--[\w-]+)", DOCS))
    for verb in ("train", "finetune", "compress", "evaluate"):
        assert f"pathprune {verb} " in DOCS
        options = {name for one in commands[verb].params for name in one.opts if name.startswith("--")}
        assert options - {"--out"} <= shown, verb


def test_files_beside_the_model_are_documented() -> None:
    for ending in (fit_log.STEPS, fit_log.VALIDATIONS, fit_log.IMAGES, fit_log.BOARD):
        assert f"`model{ending}" in DOCS


def test_the_assumptions_for_a_folder_are_documented(tmp_path: Path) -> None:
    config, text = read_config(tmp_path), " ".join(SECTIONS["A folder instead of a config"].split())
    model, fit, data = config.model, config.fit[0], config.data[0]
    assert config.hold_out == 5
    assert "every fifth image" in text
    assert f"{fit.steps} steps of {fit.batch} patches" in text
    assert f"mode `{model.mode}` with a `width` of {model.width}" in text
    assert f"`mpp` is {model.mpp} and `zoom` is {data.zoom:g}" in text
    assert (config.validation, fit.validate_every) == ((), 0)
