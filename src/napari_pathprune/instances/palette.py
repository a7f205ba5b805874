"""Names and colours of types, the same in every layer, file, picture and legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

Colour = tuple[int, int, int]

NO_TYPE: Final = "no type"
"""Name of a nucleus without a type, from a typed model."""
NUCLEUS: Final = "nucleus"
"""Name of a nucleus from an untyped model."""

_CYAN: Final[Colour] = (26, 217, 230)  # far from all colours of haematoxylin and eosin
_RED: Final[Colour] = (237, 28, 36)
_GREEN: Final[Colour] = (33, 217, 51)
_BLUE: Final[Colour] = (31, 89, 255)
_YELLOW: Final[Colour] = (255, 230, 26)
_ORANGE: Final[Colour] = (255, 153, 26)
_CUSTOMARY: Final[dict[str, Colour]] = {
    "neoplastic": _RED,
    "tumour": _RED,
    "tumor": _RED,
    "inflammatory": _GREEN,
    "lymphocyte": _GREEN,
    "connective": _BLUE,
    "stroma": _BLUE,
    "dead": _YELLOW,
    "necro": _YELLOW,
    "epithelial": _ORANGE,
    "epithelium": _ORANGE,
}
_OTHERS: Final[tuple[Colour, ...]] = (_ORANGE, (191, 77, 242), _YELLOW, (0, 153, 140), (153, 102, 51))


def names_by_number(type_names: Sequence[str]) -> tuple[str, ...]:
    """Return the display names of the types of an instance table, by number.

    Parameters
    ----------
    type_names
        Names of the types of the model, background first; empty for an untyped model.

    Examples
    --------
    >>> names_by_number(["background", "neoplastic"])
    ('no type', 'neoplastic')
    >>> names_by_number([])
    ('nucleus',)
    """
    return (NO_TYPE, *type_names[1:]) if len(type_names) > 1 else (NUCLEUS,)


def type_colours(type_names: Sequence[str]) -> tuple[Colour, ...]:
    """Return the colours (red, green, blue, 0 to 255) of the types, in the order of `names_by_number`.

    Common types have their customary colours in any order.

    Parameters
    ----------
    type_names
        Names of the types of the model, background first; empty for an untyped model.

    Examples
    --------
    >>> type_colours(["background", "neoplastic", "inflammatory"])[1]
    (237, 28, 36)
    """
    colours, others = [_CYAN], iter(_OTHERS * (1 + len(type_names) // len(_OTHERS)))
    for name in type_names[1:]:
        known = next((colour for word, colour in _CUSTOMARY.items() if word in name.lower()), None)
        colours.append(known if known is not None else next(others))
    return tuple(colours)
