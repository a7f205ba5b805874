"""Tables of a TOML file as settings: every key known, every value of the right kind, else one line that says which."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_type_hints

Settings = TypeVar("Settings")


def settings_from(kind: type[Settings], table: object, source: Path) -> Settings:
    """Make settings of a table.

    Parameters
    ----------
    kind
        A dataclass whose fields are numbers, texts, or tuples of them.
    table
        What the file says; lists become tuples.
    source
        The file, for messages.

    Raises
    ------
    ValueError
        If it is no table, or a key is not known, is missing, or has a value of another kind.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Patches:
    ...     patch_px: int = 256
    >>> settings_from(Patches, {"patch_px": 320}, Path("train.toml"))
    Patches(patch_px=320)
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"{source} has {table!r} where a table is wanted: write its keys below its name in brackets")  # noqa: TRY004 - the user's
    values: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in table.items()}
    hints = get_type_hints(kind)
    strangers = sorted(values.keys() - hints.keys())
    if strangers:
        raise ValueError(f"{source} has a setting {strangers[0]!r}; those known here are {', '.join(hints)}")
    for name, value in values.items():
        fits, wanted = _KINDS[hints[name]]
        if not fits(value):
            raise ValueError(f"{source}: got {name} = {value!r}; give {wanted}")
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.name not in values:
            raise ValueError(f"{source}: {field.name} is missing; give {_KINDS[hints[field.name]][1]}")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Final[Mapping[object, tuple[Callable[[Any], bool], str]]] = MappingProxyType(
    {
        int: (lambda value: type(value) is int, "a whole number"),
        float: (_number, "a number"),
        bool: (lambda value: isinstance(value, bool), "true or false"),
        str: (lambda value: isinstance(value, str), 'a text, "..."'),
        tuple[str, ...]: (
            lambda value: isinstance(value, tuple) and all(isinstance(part, str) for part in value),
            'a list of texts, ["...", "..."]',
        ),
        tuple[float, float]: (
            lambda value: isinstance(value, tuple) and len(value) == 2 and all(map(_number, value)),
            "two numbers, [..., ...]",
        ),
    }
)
