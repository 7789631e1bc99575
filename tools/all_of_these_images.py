"""Make the images of the page "All of these" from drawn sheets: ``make notebooks``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import promptseg as ps
from promptseg.masks import Masks
from promptseg.overlay import draw
from promptseg.testing.sheets import draw_sheet

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "all-of-these"


def main() -> None:
    """Find all by one, and draw the one beside what was found."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    concepts = ps.load_concept("exemplar")
    for kind in ("cells", "coins"):
        image, masks = draw_sheet(kind, seed=3, count=24, side=512)
        one = masks[int(np.argsort(masks.areas)[len(masks) // 2])]  # Of middle size, as one would choose it.
        (found,) = concepts.find(image, [ps.Prompt.example(None, ps.Prompt.mask(one))])
        _save(kind, [draw(image, Masks([one])), draw(image, found.masks)])


def _save(name: str, images: list[Image.Image]) -> None:
    sheet = Image.new("RGB", (sum(image.width for image in images) + 8 * (len(images) - 1), images[0].height), "white")
    left = 0
    for image in images:
        sheet.paste(image.convert("RGB"), (left, 0))
        left += image.width + 8
    sheet.save(FOLDER / f"{name}.jpg", quality=85, optimize=True)
    print(FOLDER / f"{name}.jpg")


if __name__ == "__main__":
    main()
