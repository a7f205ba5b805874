"""``pathprune train``."""

from __future__ import annotations

from napari_pathprune.cli.terminal import Json, Out
from napari_pathprune.cli.training_options import Devices, Rate, Source, Steps, config_from, run_training


def train(
    source: Source,
    out: Out,
    steps: Steps = None,
    learning_rate: Rate = None,
    devices: Devices = None,
    as_json: Json = False,
) -> None:
    """Train a fresh model. A run that was stopped goes on where it was when started again.

    Example: `pathprune train train.toml -o model.safetensors`
    """
    run_training(config_from(source, steps, learning_rate, devices), out, start=None, as_json=as_json)
