"""Masks side by side: one panel for each, with its title."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from .._checks import whole_number
from ..class_colors import HUES
from ..errors import InputError, shown
from ..fonts import label_font
from ..images import ImageLike, load_image
from ..masks import Mask, Masks
from ..prompts import Prompt
from .drawing import BLACK, WHITE, draw_small

MAX_PANELS = 24
"""Maximum number of panels in one image."""

_PANEL = 320  # Maximum length of the longer side of a panel.
_GAP, _STRIP, _FONT = 8, 22, 13
_LONGEST = 120  # Characters of a title, of which a panel holds fewer.


def side_by_side(
    masks: Masks,
    image: ImageLike | None = None,
    *,
    titles: Sequence[str] | None = None,
    prompts: Sequence[Prompt] = (),
    columns: int = 3,
) -> Image.Image:
    """Draw each mask alone, side by side, such as the candidates for one click.

    Args:
        masks: The masks. The first `MAX_PANELS` are drawn.
        image: The image of the masks, in any form that `promptseg.load_image` takes; None for a gray ground.
        titles: One title for each mask. Default: its index, label, score and share of the image.
        prompts: Prompts whose points and boxes are drawn on every panel.
        columns: Number of panels in a row.

    Returns:
        An RGB image.

    Raises:
        InputError: There are no masks, the image cannot be read or has another size, or there is not one title for each mask.
    """
    if not isinstance(masks, Masks):
        raise InputError(f"masks are Masks, got {shown(masks)}")
    if not len(masks):
        raise InputError("there are no masks to draw side by side")
    if titles is not None and (isinstance(titles, str) or not isinstance(titles, Sequence) or len(titles) != len(masks)):
        raise InputError(f"titles are a list of one text for each of {len(masks)} masks, got {shown(titles)}")
    if not isinstance(prompts, Sequence):
        raise InputError(f"prompts are a list of Prompt, got {shown(prompts)}")
    columns = min(whole_number("columns", columns, 1, InputError), len(masks))
    pixels = None if image is None else load_image(image)
    panels = []
    for index, mask in enumerate(masks[:MAX_PANELS]):
        drawn = draw_small(pixels, Masks([mask]), _PANEL, prompts=prompts, colors=[HUES[0]], labels=False)
        panels.append((drawn, _title(index, mask) if titles is None else str(titles[index])))
    return _arranged(panels, columns)


def _title(index: int, mask: Mask) -> str:
    parts = [f"{index}:"]
    parts += [mask.label] if mask.label else []
    parts += [f"score {mask.score:.2f},"] if mask.score is not None else []
    return " ".join([*parts, f"{mask.area / (mask.size[0] * mask.size[1]):.1%} of the image"])


def _arranged(panels: Sequence[tuple[Image.Image, str]], columns: int) -> Image.Image:
    """Return panels of one size in rows on white, each below its title."""
    width, height = panels[0][0].size
    wide, high = width + _GAP, height + _STRIP + _GAP
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (columns * wide + _GAP, rows * high + _GAP), WHITE)
    pen = ImageDraw.Draw(sheet)
    for number, (panel, title) in enumerate(panels):
        x, y = _GAP + number % columns * wide, _GAP + number // columns * high
        sheet.paste(panel, (x, y + _STRIP))
        line = " ".join(title.split())[:_LONGEST]
        font = label_font(line, _FONT)
        while line and pen.textlength(line, font=font) > width:
            line = line.removesuffix("…")[:-1] + "…" if len(line) > 1 else ""
        pen.text((x, y + 2), line, BLACK, font)
    return sheet
