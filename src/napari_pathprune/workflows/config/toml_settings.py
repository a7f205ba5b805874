"""Settings of a dataclass as a flat table, such as one of a TOML file, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from napari_pathprune.pruning.choosing.limits import parse_cap

Settings = TypeVar("Settings")
OMIT: Final = "omit from tables"
"""Metadata of a field that is a dataclass itself: names of its fields that have no key in the table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key of a table of settings.

    Attributes
    ----------
    name
        Name in the table; unique among all keys of the table.
    owner
        Field that holds the dataclass which the key belongs to; empty for the dataclass of the table itself.
    kind
        Type of the value.
    default
        Its default; `dataclasses.MISSING` if it is required.
    """

    name: str
    owner: str
    kind: Any
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether the table must have the key."""
        return self.default is dataclasses.MISSING


def list_keys(kind: type[Any]) -> dict[str, Key]:
    """Return the keys of the table of a dataclass by name; fields of nested dataclasses come in their place.

    Examples
    --------
    >>> from napari_pathprune.workflows.config.compress_settings import CompressSettings
    >>> key = list_keys(CompressSettings)["round_to"]
    >>> key.owner, key.default
    ('limits', 1)
    """
    return {key.name: key for key in _find_keys(kind)}


def _find_keys(kind: type[Any]) -> Iterator[Key]:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint, default = hints[field.name], field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if not dataclasses.is_dataclass(hint):
            yield Key(field.name, "", hint, default)
            continue
        for key in list_keys(hint).values():  # type: ignore[arg-type]
            if key.name not in field.metadata.get(OMIT, ()):
                yield dataclasses.replace(key, owner=field.name, default=getattr(default, key.name))


def make_settings(kind: type[Settings], table: object, source: Path | str) -> Settings:
    """Make settings from a table.

    Parameters
    ----------
    kind
        A dataclass whose fields are numbers, strings, tuples of them, or dataclasses of such. If it has ``RENAMED``,
        a mapping of old keys to their names today, old keys are accepted.
    table
        Values by key; lists become tuples.
    source
        Where the table comes from, for messages.

    Raises
    ------
    ValueError
        If it is not a table, a key is unknown or missing, or a value is of the wrong type or out of range.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Patches:
    ...     patch_px: int = 256
    >>> make_settings(Patches, {"patch_px": 320}, "train.toml")
    Patches(patch_px=320)
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"{source} has {table!r} in the place of a table; write its keys below its name in brackets")  # noqa: TRY004 - the user's
    keys = list_keys(kind)
    values = _rename_keys(kind, table, source)
    unknown = sorted(values.keys() - keys.keys())
    if unknown:
        raise ValueError(f"{source} has an unknown setting {unknown[0]!r}; expected one of {', '.join(keys)}")
    for key in keys.values():
        if key.is_required and key.name not in values:
            raise ValueError(f"{source}: {key.name} is missing; expected {_find_form(key.kind).words}")
    for name, value in values.items():
        form = _find_form(keys[name].kind)
        if not form.fits(value):
            raise ValueError(f"{source}: got {name} = {value!r}; expected {form.words}")
    try:
        defaults = {key.name: key.default for key in keys.values() if not key.is_required}
        return _build(kind, keys, defaults | values)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def change_settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return settings with other values for some keys of their table.

    Raises
    ------
    ValueError
        If a value is out of range.
    KeyError
        If there is no such key.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Patches:
    ...     patch_px: int = 256
    >>> change_settings(Patches(), {"patch_px": 320})
    Patches(patch_px=320)
    """
    keys = list_keys(type(settings))
    by_owner: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        by_owner.setdefault(keys[name].owner, {})[name] = _find_form(keys[name].kind).read(value)
    own = by_owner.pop("", {})
    nested = {owner: dataclasses.replace(getattr(settings, owner), **values) for owner, values in by_owner.items()}
    changed: Settings = dataclasses.replace(settings, **own, **nested)  # type: ignore[type-var]
    return changed


def make_table(settings: object) -> dict[str, Any]:
    """Return settings as a flat table; `make_settings` reads it.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Patches:
    ...     patch_px: int = 256
    >>> make_table(Patches())
    {'patch_px': 256}
    """
    table = {}
    for key in list_keys(type(settings)).values():
        owner = getattr(settings, key.owner) if key.owner else settings
        table[key.name] = _find_form(key.kind).write(getattr(owner, key.name))
    return table


def _rename_keys(kind: type[Any], table: Mapping[str, Any], source: Path | str) -> dict[str, Any]:
    """Return the values by the names that their keys have today, lists as tuples."""
    names: Mapping[str, str] = getattr(kind, "RENAMED", {})
    values: dict[str, Any] = {}
    for old, value in table.items():
        name = names.get(old, old)
        if name in values:
            raise ValueError(f"{source} has both {name!r} and its old name; remove one of them")
        values[name] = tuple(value) if isinstance(value, list) else value
    return values


def _build(kind: type[Settings], keys: Mapping[str, Key], values: Mapping[str, Any]) -> Settings:
    read = {name: _find_form(keys[name].kind).read(value) for name, value in values.items()}
    hints = get_type_hints(kind)
    owners = {key.owner for key in keys.values() if key.owner}
    nested = {
        owner: hints[owner](**{name: value for name, value in read.items() if keys[name].owner == owner})
        for owner in owners
    }
    return kind(**{name: value for name, value in read.items() if not keys[name].owner}, **nested)


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """Values of a type as they stand in a TOML file: a check, words for the check, and conversions both ways."""

    words: str
    fits: Callable[[Any], bool]
    read: Callable[[Any], Any] = lambda value: value
    write: Callable[[Any], Any] = lambda value: value


def _find_form(kind: object) -> _Form:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return _Form("one of " + ", ".join(f'"{choice}"' for choice in choices), lambda value: value in choices)
    return _FORMS[kind]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text_list(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, str) for part in value)


def _is_caps(value: object) -> bool:
    return _is_text_list(value) or (isinstance(value, Mapping) and all(map(_is_number, value.values())))


def _read_caps(value: Mapping[str, float] | tuple[str, ...]) -> dict[str, float]:
    return dict(value) if isinstance(value, Mapping) else dict(map(parse_cap, value))


def _write_caps(value: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{pattern}={cap!r}" for pattern, cap in value.items())


_FORMS: Final[Mapping[object, _Form]] = MappingProxyType(
    {
        int: _Form("a whole number", lambda value: type(value) is int),
        float: _Form("a number", _is_number),
        bool: _Form("true or false", lambda value: isinstance(value, bool)),
        str: _Form('a string, "..."', lambda value: isinstance(value, str)),
        tuple[str, ...]: _Form('a list of strings, ["...", "..."]', _is_text_list),
        tuple[float, float]: _Form(
            "two numbers, [..., ...]",
            lambda value: isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)),
        ),
        Mapping[str, float]: _Form('a list of strings, ["NAME=SHARE", ...]', _is_caps, _read_caps, _write_caps),
    }
)
