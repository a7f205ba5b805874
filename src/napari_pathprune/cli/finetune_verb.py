"""``pathprune finetune``."""

from __future__ import annotations

from napari_pathprune.cli.terminal import Json, Model, Out
from napari_pathprune.cli.training_options import Devices, Rate, Source, Steps, Teacher, config_from, run_training


def finetune(
    model: Model,
    source: Source,
    out: Out,
    steps: Steps = None,
    learning_rate: Rate = None,
    devices: Devices = None,
    teacher: Teacher = None,
    as_json: Json = False,
) -> None:
    """Train a model on, a compact one for instance. A run that was stopped goes on when started again.

    `type_names` in the `[model]` of the config name the types, such as those of an imported model.

    Example: `pathprune finetune small.safetensors data/ -o tuned.safetensors --steps 200`
    """
    run_training(config_from(source, steps, learning_rate, devices, teacher), out, start=model, as_json=as_json)
