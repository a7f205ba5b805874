"""Command-line options made from the fields of settings dataclasses, so that defaults and help stand once.

The type and the default of an option are those of the field. Its help is the first sentence on the field in the
section "Attributes" of the dataclass's docstring. A verb takes the values that were given as one dictionary.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import typer

Verb = TypeVar("Verb", bound=Callable[..., None])
Given = Mapping[str, Any]
"""The options that were given, by the name of the field; see `take_options`."""

_MARK: Final = "__options__"


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """The fields of a dataclass that a verb offers as options.

    Parameters
    ----------
    kind
        The dataclass, with a numpy docstring.
    fields
        Names of the fields, in the order of the help; all if empty.
    names
        Names of options that differ from those of their fields: field -> option.
    notes
        Field -> a sentence to add to the help.
    metavars
        Field -> placeholder of the value in the help.
    parse
        Field -> a function that converts the given value.
    show_defaults
        Whether the help shows the defaults; False where a config file may set others.

    Examples
    --------
    >>> @dataclass
    ... class Limits:
    ...     '''Limits of a cut.
    ...
    ...     Attributes
    ...     ----------
    ...     round_to
    ...         Keep a multiple of this number of channels.
    ...     '''
    ...
    ...     round_to: int = 1
    >>> parameter, = FieldOptions(Limits).parameters()
    >>> parameter.name, parameter.annotation.__metadata__[0].help
    ('round_to', 'Keep a multiple of this number of channels.')
    >>> FieldOptions(Limits).collect({"round_to": 8}), FieldOptions(Limits).collect({"round_to": None})
    ({'round_to': 8}, {})
    """

    kind: type
    fields: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    metavars: Mapping[str, str] = field(default_factory=dict)
    parse: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    show_defaults: bool = False

    def parameters(self) -> Iterator[inspect.Parameter]:
        """Yield a keyword parameter for each option, as typer expects it; its default is None, for not given."""
        hints = get_type_hints(self.kind)
        for name in self.fields or [one.name for one in dataclasses.fields(self.kind)]:
            option = typer.Option(help=self._write_help(name), metavar=self.metavars.get(name), show_default=False)
            yield inspect.Parameter(
                self.names.get(name, name),
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[_find_option_type(hints[name]) | None, option],
            )

    def _write_help(self, name: str) -> str:
        described = describe_fields(self.kind).get(name, "")  # python -OO keeps no docstrings
        parts = [described.partition(". ")[0].removesuffix(".") + "."]
        if self.notes.get(name):
            parts.append(self.notes[name])
        default = next(one.default for one in dataclasses.fields(self.kind) if one.name == name)
        if self.show_defaults and default not in (dataclasses.MISSING, None, ()):
            parts.append(f"Default: {default}.")
        return " ".join(parts)

    def collect(self, values: dict[str, Any]) -> Given:
        """Take the values of these options out of ``values``, and return those that were given, by field."""
        given = {}
        for name in self.fields or [one.name for one in dataclasses.fields(self.kind)]:
            value = values.pop(self.names.get(name, name))
            if value is not None:
                given[name] = self.parse.get(name, lambda same: same)(value)
        return given


def take_options(describe: Callable[[], Mapping[str, FieldOptions]]) -> Callable[[Verb], Verb]:
    """Decorate a verb that takes the given options of one or several dataclasses.

    Parameters
    ----------
    describe
        Returns, for parameters of the verb, the options that they stand for; such a parameter takes the values that
        were given (`Given`). It is called when the verb is, so that it may import modules that need torch.
    """

    def mark(verb: Verb) -> Verb:
        setattr(verb, _MARK, describe)
        return verb

    return mark


def expand_options(verb: Callable[..., None], *, drop: bool = False) -> Callable[..., None]:
    """Return a verb with the signature that typer reads its options from.

    Parameters
    ----------
    verb
        A function of the command line, decorated by `take_options` or not.
    drop
        Leave the options out instead: for lists of all verbs, which need no options, and no torch.
    """
    describe = getattr(verb, _MARK, None)
    if describe is None:
        return verb
    signature = inspect.signature(verb, eval_str=True)
    taken = {name for name, one in signature.parameters.items() if one.annotation is Given}
    groups: Mapping[str, FieldOptions] = {} if drop else describe()
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in groups:
            parameters += groups[name].parameters()
        elif name not in taken:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(verb)
    def call(**values: Any) -> None:  # noqa: ANN401 - whatever the options are
        verb(**{name: options.collect(values) for name, options in groups.items()}, **values)

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    return call


def describe_fields(kind: type) -> dict[str, str]:
    """Return what the section "Attributes" of a numpy docstring states of each field, as one line.

    Fields that share an entry (``accelerator, devices``) share its text. Markup for code is reduced to single
    backticks, which a terminal shows as code.
    """
    doc = inspect.getdoc(kind) or ""
    section = re.search(r"^Attributes\n-+\n(.*?)(?=\n\S[^\n]*\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    described: dict[str, str] = {}
    for names, body in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n)*)", section[1] if section else "", re.MULTILINE):
        text = " ".join(body.split()).replace("``", "`")
        described |= {name.strip(): text for name in names.partition(" : ")[0].split(",")}
    return described


def _find_option_type(hint: Any) -> Any:  # noqa: ANN401 - what an annotation holds
    """Return the type of an option: a list for a field of several values, a word for a literal."""
    if get_origin(hint) in {Union, UnionType}:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    origin = get_origin(hint)
    if origin is Literal:
        return str
    return hint if origin is None else list[str]
