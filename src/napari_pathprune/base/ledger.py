"""What a run depends on, stored beside its unfinished work: a stopped run only resumes with the same settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from napari_pathprune.base.atomic import write_atomically


class Ledger:
    """A JSON file of the facts that a run depends on.

    Parameters
    ----------
    path
        The file; `begin` writes it.
    remedy
        How to start again, for the message: "remove the folder to start again".

    Examples
    --------
    >>> import tempfile
    >>> ledger = Ledger(Path(tempfile.mkdtemp()) / "ledger.json", "remove it to start again")
    >>> ledger.begin({"slide": "a.svs", "tile_px": 512})
    >>> ledger.check({"slide": "a.svs"})
    >>> ledger.facts["tile_px"]
    512
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path, self._remedy = path, remedy

    @property
    def exists(self) -> bool:
        """Whether an earlier run left its facts here."""
        return self.path.exists()

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the earlier run; empty if there was none.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        if not self.exists:
            return {}
        try:
            facts = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{self.path} is damaged: {self._remedy}") from error
        if not isinstance(facts, dict):
            raise ValueError(f"{self.path} is not the ledger of a run: {self._remedy}")  # noqa: TRY004 - a user's error
        return facts

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write the facts of a new run, and create the folder if needed.

        Parameters
        ----------
        facts
            Values that JSON can hold.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(self.path) as part:
            part.write_text(json.dumps(dict(facts), indent=1), encoding="utf-8")

    def check(self, facts: Mapping[str, Any], earlier: Mapping[str, Any] | None = None) -> None:
        """Raise if an earlier run with other facts left its work here; do nothing if there was none.

        Parameters
        ----------
        facts
            Facts of this run.
        earlier
            Facts that runs of earlier versions do not state, since there was no choice.

        Raises
        ------
        ValueError
            See `check_unchanged`.
        """
        if self.exists:
            check_unchanged({**(earlier or {}), **self.facts}, facts, self.path.parent, self._remedy)


def check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any], where: Path, remedy: str) -> None:
    """Raise if a stopped run depends on other facts than the run that is to resume it.

    Parameters
    ----------
    before
        Facts of the stopped run; names that are not in ``now`` are ignored.
    now
        Facts of this run.
    where
        File or folder of the stopped run.
    remedy
        How to start again.

    Raises
    ------
    ValueError
        With one line that names the first difference, and the remedy.

    Examples
    --------
    >>> check_unchanged({"seed": 1}, {"seed": 2}, Path("small.stages"), "remove the folder to start again")
    Traceback (most recent call last):
    ...
    ValueError: small.stages was left by a run with seed = 1, but it is 2 now: use the same settings, or remove the \
folder to start again
    """
    other = first_difference(_convert_to_json(before), _convert_to_json(now))
    if other:
        raise ValueError(f"{where} was left by a run with {other}: use the same settings, or {remedy}")


def _convert_to_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as they come out of a JSON file, where tuples are lists."""
    converted: dict[str, Any] = json.loads(json.dumps(dict(facts)))
    return converted


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return a phrase for the first fact that changed, or an empty string if none did.

    Parameters
    ----------
    before
        Facts from a file; names that are not in ``now`` are ignored.
    now
        JSON values, or strings that hold JSON.

    Examples
    --------
    >>> first_difference({"fit": {"steps": 9, "batch": 2}}, {"fit": {"steps": 9, "batch": 4}})
    'fit.batch = 2, but it is 4 now'
    >>> first_difference({"data": '["a", "b"]'}, {"data": '["a", "c", "d"]'})
    'data[1] = b, but it is c now'
    """
    found = (_describe_difference(name, before.get(name), value) for name, value in now.items())
    return next(filter(None, found), "")


def _describe_difference(name: str, before: object, now: object) -> str:
    if before == now:
        return ""
    match _parse(before), _parse(now):
        case dict() as old, dict() as new:
            parts = [(f"{name}.{key}", old.get(key), value) for key, value in new.items()]
        case list() as old, list() as new:
            parts = [(f"{name}[{place}]", *pair) for place, pair in enumerate(zip_longest(old, new))]
        case _:
            return f"{name} = {_shorten(before)}, but it is {_shorten(now)} now"
    return next(filter(None, (_describe_difference(*part) for part in parts)), "")


def _parse(value: object) -> object:
    """Return what a string of JSON holds; any other value as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:  # a string that is not JSON
        return value


def _shorten(value: object, limit: int = 80) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"
