"""The checks before a compression starts, in a process of their own.

The images are read with torchvision. Its import loads triton, whose LLVM crashes a process in which Mesa draws in
software with another LLVM, as it does for napari without a graphics card.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from napari_pathprune.base.error_line import error_line, is_mistake
from napari_pathprune.plugin.jobs.compress.compress_request import CompressRequest
from napari_pathprune.plugin.jobs.compress.cut_preview import preview_cut, read_model

DISK_FACTOR: Final = 12
"""Free space that a training needs, as a multiple of the size of the dense model: states, stages and the result."""


@dataclass(frozen=True, slots=True)
class RequestChecked:
    """The result of `check_request`; an event.

    Attributes
    ----------
    problems
        One line for each problem; empty if the request can start.
    images, held_out
        Number of training images and of validation images.
    line, done, total, is_milestone
        See `base.event.Event`.
    """

    problems: tuple[str, ...]
    images: int = 0
    held_out: int = 0
    line: str = ""
    done: int = 1
    total: int | None = 1
    is_milestone: bool = False


def check_in_process(request: CompressRequest) -> Iterator[RequestChecked]:
    """Run `check_request` in another process, which takes some seconds to start.

    Yields
    ------
    RequestChecked

    Raises
    ------
    RuntimeError
        If the process fails.
    """
    command = [sys.executable, "-m", __name__, request.to_json()]
    process = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    try:
        fields = json.loads(process.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
        raise RuntimeError(f"the check of the training failed: {lines[-1]}") from None
    yield RequestChecked(**{**fields, "problems": tuple(fields["problems"])})


def check_request(request: CompressRequest) -> RequestChecked:
    """Check all that a compression needs, and report every problem rather than the first."""
    problems: list[str] = []

    def attempt(check: Callable[[], None]) -> None:
        try:
            check()
        except Exception as error:
            if not is_mistake(error):
                raise
            problems.append(error_line(error))

    counts: list[int] = []
    for check in (check_out, _check_disk, _check_cut, _check_teacher):
        attempt(lambda check=check: check(request))  # type: ignore[misc]
    attempt(lambda: counts.extend(_count_images(request)))
    if counts and not counts[1] and request.allowed_drop is not None:
        problems.append("a largest loss of the score needs validation images: at least 5 images, or [[validation]]")
    images, held_out = counts or (0, 0)
    return RequestChecked(tuple(dict.fromkeys(problems)), images, held_out)


def check_out(request: CompressRequest) -> None:
    """Raise if the result cannot be written to the file of a request."""
    out = request.out
    if not out.name or out.suffix != ".safetensors":
        raise ValueError(f"got {out.name!r} for the new model; end its name with .safetensors")
    if not out.parent.is_dir():
        raise ValueError(f"the folder {out.parent} does not exist; choose another one for the new model")
    if Path(request.model).exists() and Path(request.model).resolve() == out.resolve():
        raise ValueError(f"{out} is the model itself; choose another file for the new model")
    stages = out.with_name(f"{out.stem}.stages")
    if out.exists() and not (request.cut is not None and stages.exists()):
        raise ValueError(f"{out} exists already; choose another file for the new model")


def _check_disk(request: CompressRequest) -> None:
    from napari_pathprune.workflows.checkpoint import find

    folder = request.out.parent
    if not folder.is_dir():
        return  # reported by check_out
    needed, free = DISK_FACTOR * find(request.model).stat().st_size, shutil.disk_usage(folder).free
    if free < needed:
        raise ValueError(
            f"{folder} has {free / 1e6:,.0f} MB free; a training with this model may need {needed / 1e6:,.0f} MB"
        )


def _count_images(request: CompressRequest) -> tuple[int, int]:
    """Return the number of training and validation images; raise if the data cannot be used."""
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.config.train_config import configure_unlabelled, read_config
    from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings
    from napari_pathprune.workflows.train.image_sets import read_image_sets
    from napari_pathprune.workflows.train.named_types import name_types

    if request.data is not None:
        config = read_config(request.data)
    else:
        config = configure_unlabelled(Path(), (UnlabelledSettings(str(request.slide), request.mpp or 0.0),))
    checkpoint = load(request.model)
    names = name_types(checkpoint, config.new_type_names).type_names
    training, validation = read_image_sets(config, names, *filter(None, [checkpoint.mpp]))
    if not len(training):
        raise ValueError(f"{request.data or request.slide} has no images to train on; choose another one")
    return len(training), len(validation)


def _check_cut(request: CompressRequest) -> None:
    (read,) = read_model(request.model)
    if request.cut is not None:
        preview_cut(read, request.cut)


def _check_teacher(request: CompressRequest) -> None:
    from napari_pathprune.workflows.checkpoint import find

    if request.teacher not in {"", "parent"}:
        find(request.teacher)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(check_request(CompressRequest.from_json(sys.argv[1])))) + "\n")
