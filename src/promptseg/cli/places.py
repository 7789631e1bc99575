"""Points and boxes as they are written on the command line."""

from __future__ import annotations

from ..errors import PromptError
from ..prompts import Prompt, SpatialPrompt


def point_of(option: str, text: str) -> SpatialPrompt:
    """Return the click ``x,y``, or ``x,y,0`` for one on the background.

    Args:
        option: What the text is given to, for the message, such as ``"--point"``.
        text: The text.

    Raises:
        PromptError: It is not written like one.
    """
    x, y, *foreground = _values(option, text, "x,y or x,y,0", (2, 3), 2, "290,160")
    if foreground and foreground[0] not in (0, 1):
        raise PromptError(f"{option} ends in 1 for a point on the object or 0 for one beside it, got {text!r}")
    return Prompt.point(x, y, foreground=not foreground or foreground[0] == 1)


def box_of(option: str, text: str) -> SpatialPrompt:
    """Return the box ``x0,y0,x1,y1``.

    Args:
        option: What the text is given to, for the message, such as ``"--box"``.
        text: The text.

    Raises:
        PromptError: It is not written like one.
    """
    return Prompt.box(*_values(option, text, "x0,y0,x1,y1", (4,), 4, "75,275,1725,850"))


def _values(option: str, text: str, form: str, counts: tuple[int, ...], coordinates: int, example: str) -> list[float]:
    written = f"write it without spaces, such as {option}{'' if option.endswith('=') else ' '}{example}"
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise PromptError(f"{option} takes numbers {form}, got {text!r}: {written}") from error
    if len(values) not in counts:
        raise PromptError(f"{option} takes {form}, got {text!r}: {written}")
    places = values[:coordinates]
    if all(0 <= value <= 1 for value in places) and any(value % 1 for value in places):
        raise PromptError(f"{option} takes pixels of the image, and {text!r} looks like shares of its size: multiply by width and height")
    return values
