"""What a run depends on, kept beside its unfinished work, so that a stopped run only goes on with the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from napari_pathprune.base.atomic import write_atomically


class Ledger:
    """The facts that a run depends on, in a JSON file.

    Parameters
    ----------
    path
        The file; written by `begin`.
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
        """Whether a run was begun here."""
        return self.path.exists()

    @property
    def facts(self) -> dict[str, Any]:
        """What the run that was begun here depends on; empty if there is none.

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
            raise ValueError(f"{self.path} is not the ledger of a run: {self._remedy}")  # noqa: TRY004 - the user's
        return facts

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write the facts of a run that starts; the folder is made."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(self.path) as part:
            part.write_text(json.dumps(dict(facts), indent=1), encoding="utf-8")

    def check(self, facts: Mapping[str, Any]) -> None:
        """Raise if a run with other facts was begun here; nothing happens if there is none.

        Raises
        ------
        ValueError
            As `check_unchanged`.
        """
        if self.exists:
            check_unchanged(self.facts, facts, self.path.parent, self._remedy)


def check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any], where: Path, remedy: str) -> None:
    """Raise if a stopped run does not depend on the same as the one that is to continue it.

    Parameters
    ----------
    before
        What the stopped run depended on; names that are not in ``now`` do not count.
    now
        What this run depends on.
    where
        File or folder of the stopped run.
    remedy
        How to start again.

    Raises
    ------
    ValueError
        One line that names the first difference, and the remedy.
    """
    other = first_difference(_as_json(before), _as_json(now))
    if other:
        raise ValueError(f"{where} was left by a run with {other}: use the same settings, or {remedy}")


def _as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as they come out of a JSON file, where tuples are lists."""
    unpacked: dict[str, Any] = json.loads(json.dumps(dict(facts)))
    return unpacked


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first fact that changed, in words; an empty text if none did.

    Parameters
    ----------
    before
        Facts that were kept; names that are not in ``now`` do not count.
    now
        Values as JSON has them, or JSON texts of such.

    Examples
    --------
    >>> first_difference({"fit": {"steps": 9, "batch": 2}}, {"fit": {"steps": 9, "batch": 4}})
    'fit.batch = 2, but it is 4 now'
    >>> first_difference({"data": '["a", "b"]'}, {"data": '["a", "c", "d"]'})
    'data[1] = b, but it is c now'
    """
    found = (_difference(name, before.get(name), value) for name, value in now.items())
    return next(filter(None, found), "")


def _difference(name: str, before: object, now: object) -> str:
    if before == now:
        return ""
    match _unpacked(before), _unpacked(now):
        case dict() as old, dict() as new:
            parts = [(f"{name}.{key}", old.get(key), value) for key, value in new.items()]
        case list() as old, list() as new:
            parts = [(f"{name}[{place}]", *pair) for place, pair in enumerate(zip_longest(old, new))]
        case _:
            return f"{name} = {_shortened(before)}, but it is {_shortened(now)} now"
    return next(filter(None, (_difference(*part) for part in parts)), "")


def _unpacked(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:  # a word
        return value


def _shortened(value: object, most: int = 80) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"
