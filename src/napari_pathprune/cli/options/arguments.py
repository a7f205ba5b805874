"""Values of arguments, parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from napari_pathprune.base.box import Box


def parse_region(text: str, shape: tuple[int, int]) -> Box:
    """Parse ``x,y,w,h`` into a box (y0, x0, y1, x1) in level-0 pixels.

    Parameters
    ----------
    text
        Four whole numbers, as the user wrote them.
    shape
        (height, width) of the slide, which must contain the box.

    Raises
    ------
    ValueError
        If the text is something else, or the region is not inside the slide.

    Examples
    --------
    >>> parse_region("10,5,90,80", (120, 130))
    (5, 10, 85, 100)
    """
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"got the region {text!r}; give four whole numbers x,y,w,h in level-0 pixels") from None
    if w <= 0 or h <= 0 or x < 0 or y < 0 or x + w > shape[1] or y + h > shape[0]:
        raise ValueError(
            f"the region {text} is not inside the slide, which is {shape[1]} px wide and {shape[0]} px high"
        )
    return y, x, y + h, x + w


def assign_folders(slides: Sequence[Path], out: Path) -> list[Path]:
    """Return a result folder for each slide: ``out`` for a single one, else a folder in it named after the slide.

    Raises
    ------
    ValueError
        If two slides have the same name.

    Examples
    --------
    >>> [str(folder) for folder in assign_folders([Path("a.svs"), Path("b.svs")], Path("out"))]
    ['out/a', 'out/b']
    """
    if len(slides) == 1:
        return [out]
    name, times = Counter(path.stem for path in slides).most_common(1)[0]
    if times > 1:
        raise ValueError(
            f"got {times} slides called {name!r}, whose results would overwrite each other; run them separately"
        )
    return [out / path.stem for path in slides]


def repeat_option(arguments: Sequence[str], option: str) -> list[str]:
    """Return arguments in which an option with several values is repeated for each, as typer expects it.

    Parameters
    ----------
    arguments
        The words of a command line.
    option
        The option. All words up to the next option are its values.

    Examples
    --------
    >>> repeat_option(["compress", "m", "--unlabelled", "a.svs", "b.svs", "-o", "out"], "--unlabelled")
    ['compress', 'm', '--unlabelled', 'a.svs', '--unlabelled', 'b.svs', '-o', 'out']
    """
    found: list[str] = []
    is_inside = False
    for word in arguments:
        is_value = is_inside and not word.startswith("-")
        if is_value and found[-1] != option:
            found.append(option)
        found.append(word)
        is_inside = is_value or word == option
    return found


def complete_option(arguments: Sequence[str], option: str, number: int) -> list[str]:
    """Return arguments in which an option that may stand without its number has one.

    Parameters
    ----------
    arguments
        The words of a command line.
    option
        The option.
    number
        Its value where no whole number follows it.

    Examples
    --------
    >>> complete_option(["evaluate", "--shift", "hovernet-s"], "--shift", 5)
    ['evaluate', '--shift', '5', 'hovernet-s']
    >>> complete_option(["evaluate", "hovernet-s", "--shift", "3"], "--shift", 5)
    ['evaluate', 'hovernet-s', '--shift', '3']
    """
    found: list[str] = []
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        found.append(word)
        if word == option and not following.removeprefix("-").isdecimal():
            found.append(str(number))
    return found
