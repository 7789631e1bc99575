"""Make the image of the how-to about cutouts from the sample image, with mini-sam: ``make notebooks``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import promptseg as ps
from promptseg.samples import coffee

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "cut-out"
CUP = (76, 18, 480, 391)
"""Box of the cup with its saucer and spoon."""
DETAIL = (395, 55, 455, 115)
"""Part that is shown enlarged: the spoon in front of the table."""
SIDE = 400


def main() -> None:
    """Write the image: the cutout, and a part of its border, hard and soft."""
    pixels = coffee()
    (mask,) = ps.load("mini-sam").open(pixels).segment([ps.Prompt.box(*CUP)])
    hard, soft = (mask.cutout(pixels, crop=False, matting=matting) for matting in (None, "guided"))
    parts = [_on_squares(soft), *(_on_squares(cut, DETAIL) for cut in (hard, soft))]
    sheet = Image.new("RGB", (sum(part.width for part in parts) + 8 * (len(parts) - 1), SIDE), "white")
    left = 0
    for part in parts:
        sheet.paste(part, (left, 0))
        left += part.width + 8
    FOLDER.mkdir(parents=True, exist_ok=True)
    sheet.save(FOLDER / "cup.jpg", quality=88, optimize=True)
    print(FOLDER / "cup.jpg")


def _on_squares(cut: Image.Image, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """Return a cutout, or a part of it enlarged, on the squares that stand for transparency."""
    part = cut if box is None else cut.crop(box).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    rows, columns = np.indices((part.height, part.width)) // 20
    squares = Image.fromarray(np.where((rows + columns) % 2, np.uint8(150), np.uint8(190))).convert("RGBA")
    squares.alpha_composite(part)
    return squares.convert("RGB")


if __name__ == "__main__":
    main()
