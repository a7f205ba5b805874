"""Names of types as they are compared: whatever their spelling, and by every name that a data set's class goes by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

UNKNOWN_TYPE: Final = -1
"""Marks pixels and nuclei whose type is not known; the losses leave them out."""

ClassNames = tuple[str, ...]
"""What a class of a data set is called: by others, the narrowest name first, and last by us."""


def normalise_name(name: str) -> str:
    """Give a name without what varies in spelling: its case, and what parts its words.

    Examples
    --------
    >>> normalise_name("Non-Neoplastic_Epithelial")
    'non neoplastic epithelial'
    """
    return " ".join(re.split(r"[\s_/-]+", name.casefold().strip()))


def number_types(type_names: Sequence[str]) -> dict[str, int]:
    """Give the number of each of a model's types, by their names as they are and by their plain ones."""
    exact = {name: number for number, name in enumerate(type_names)}
    return {normalise_name(name): number for name, number in exact.items()} | exact


def find_type(names: ClassNames, numbers: Mapping[str, int]) -> int:
    """Find the type that a class is.

    Parameters
    ----------
    names
        Of the class; the first that the model has counts.
    numbers
        Of the model; see `number_types`.

    Returns
    -------
    int
        `UNKNOWN_TYPE` if the model has none of the names.

    Examples
    --------
    >>> numbers = number_types(["background", "Spindle-shaped", "muscle"])
    >>> [find_type(names, numbers) for names in (("muscle", "spindle shaped"), ("fibroblast", "spindle shaped"))]
    [2, 1]
    """
    found = (numbers.get(name, numbers.get(normalise_name(name))) for name in names)
    return next((number for number in found if number is not None), UNKNOWN_TYPE)
