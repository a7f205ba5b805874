"""Matching of type names, regardless of spelling and by all names of a data set's class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

UNKNOWN_TYPE: Final = -1
"""Marks pixels and nuclei whose type is not known. The losses ignore them."""

ClassNames = tuple[str, ...]
"""All names of a class of a data set: those used by others, the narrowest first, and ours last."""


def normalise_name(name: str) -> str:
    """Return a name in lower case, with single spaces between its words.

    Examples
    --------
    >>> normalise_name("Non-Neoplastic_Epithelial")
    'non neoplastic epithelial'
    """
    return " ".join(re.split(r"[\s_/-]+", name.casefold().strip()))


def number_types(type_names: Sequence[str]) -> dict[str, int]:
    """Return the numbers of a model's types by their exact and by their normalised names."""
    exact = {name: number for number, name in enumerate(type_names)}
    return {normalise_name(name): number for name, number in exact.items()} | exact


def find_type(names: ClassNames, numbers: Mapping[str, int]) -> int:
    """Return the number of the model's type that corresponds to a class.

    Parameters
    ----------
    names
        Names of the class. The first one that the model has counts.
    numbers
        Numbers of the model's types; see `number_types`.

    Returns
    -------
    int
        Number of the type; `UNKNOWN_TYPE` if the model has none of the names.

    Examples
    --------
    >>> numbers = number_types(["background", "Spindle-shaped", "muscle"])
    >>> [find_type(names, numbers) for names in (("muscle", "spindle shaped"), ("fibroblast", "spindle shaped"))]
    [2, 1]
    """
    found = (numbers.get(name, numbers.get(normalise_name(name))) for name in names)
    return next((number for number in found if number is not None), UNKNOWN_TYPE)
