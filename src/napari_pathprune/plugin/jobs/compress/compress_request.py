"""What the Compress dock starts, as arguments of the command line."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings


@dataclass(frozen=True, slots=True)
class CompressRequest:
    """A compression, or a fine-tuning without a cut.

    Attributes
    ----------
    model
        Packaged name or absolute path.
    data
        A folder of annotated images, or a config file; None to train on ``slide``.
    out
        The ``.safetensors`` to write.
    cut
        The cut; None to fine-tune only.
    stages
        Number of cuts, with fine-tuning after each.
    allowed_drop
        Largest loss of the validation score; None for any.
    fit_steps, learning_rate
        None for those of the config, or the defaults.
    teacher
        Model that teaches: ``"parent"``, a packaged name or a path; empty for none, or that of the config.
    slide
        File of a slide without annotation, on which the teacher gives the targets.
    mpp
        Its pixel size in um; None for that of the file.
    """

    model: str
    data: Path | None
    out: Path
    cut: CutSettings | None = None
    stages: int = 1
    allowed_drop: float | None = None
    fit_steps: int | None = None
    learning_rate: float | None = None
    teacher: str = ""
    slide: Path | None = None
    mpp: float | None = None

    @property
    def verb(self) -> str:
        """The verb of the command line."""
        return "finetune" if self.cut is None else "compress"

    def arguments(self) -> tuple[str, ...]:
        """Return the words after ``pathprune``.

        Examples
        --------
        >>> request = CompressRequest("hovernet-s", Path("/data"), Path("/out/small.safetensors"), fit_steps=5)
        >>> " ".join(request.arguments())
        'finetune hovernet-s /data --out /out/small.safetensors --steps 5'
        """
        words = [self.verb, self.model, *([] if self.data is None else [str(self.data)]), "--out", str(self.out)]
        options: dict[str, object] = {}
        if self.cut is not None:
            cut = self.cut
            measure, value = ("ratio", 1 - cut.keep) if cut.measure == "channels" else (cut.measure, cut.keep)
            options |= {measure: f"{value:.6g}", "criterion": cut.criterion, "decider": cut.decider}
            options |= {"max-skip-ratio": f"{cut.max_skip_ratio:g}", "round-to": cut.round_to, "steps": self.stages}
            if self.allowed_drop is not None:
                options["allowed-drop"] = f"{self.allowed_drop:g}"
            for name in cut.whole:
                words += ["--cap", f"{name}=0"]
        settings: tuple[tuple[str, object], ...] = (
            ("steps" if self.cut is None else "fit-steps", self.fit_steps),
            ("learning-rate", self.learning_rate),
            ("teacher", self.teacher or None),
            ("unlabelled", self.slide),
            ("mpp", None if self.slide is None or self.mpp is None else f"{self.mpp:.6g}"),
        )
        options |= {name: value for name, value in settings if value is not None}
        return (*words, *(word for name, value in options.items() for word in (f"--{name}", str(value))))

    def to_json(self) -> str:
        """Return the request as JSON, for another process."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> CompressRequest:
        """Return the request that `to_json` wrote."""
        fields = json.loads(text)
        for name in ("data", "out", "slide"):
            fields[name] = None if fields[name] is None else Path(fields[name])
        if fields["cut"] is not None:
            fields["cut"] = CutSettings(**{**fields["cut"], "whole": tuple(fields["cut"]["whole"])})
        return cls(**fields)


def next_free(path: Path) -> Path:
    """Return a path, or one with a number if a model or a report is there already."""
    number, tried = 2, path
    while tried.exists() or tried.with_name(f"{tried.stem}.stages").exists():
        tried = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return tried
