"""Images of single masks that ``promptseg segment`` writes on request: masks, crops and cutouts, one PNG for each mask."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from PIL import Image

from ..results import Result
from ..runtime.output_files import write_image
from .matting import HARD, Softening

Part = Literal["mask", "crop", "cutout"]

CropsOption = Annotated[bool, typer.Option("--save-crops", help="Also write the image within the box of each mask, as PNG.")]
CutoutsOption = Annotated[
    bool, typer.Option("--save-cutouts", help="Also write the object of each mask alone, as PNG with a transparent background.")
]


def chosen_parts(*, masks: bool, crops: bool, cutouts: bool) -> tuple[Part, ...]:
    """Return the parts that are written for each mask."""
    wanted: dict[Part, bool] = {"mask": masks, "crop": crops, "cutout": cutouts}
    return tuple(part for part, is_wanted in wanted.items() if is_wanted)


def write_parts(result: Result, name: str, folder: Path, parts: Collection[Part], border: Softening = HARD) -> list[Path]:
    """Write the parts of a result and return their paths. An empty mask has no crop and no cutout; the numbers are those of the masks."""
    written = []
    for part in parts:
        for index, image in enumerate(_images(result, part, border)):
            if image is not None:
                written.append(folder / f"{name}-{part}-{index:03}.png")
                write_image(image, written[-1])
    return written


def parts_among(files: Iterable[str], image_names: Collection[str], parts: Collection[Part]) -> Iterator[str]:
    """Yield the names of files that parts of the images may have."""
    pattern = re.compile(rf"(.+)-(?:{'|'.join(parts)})-\d{{3,}}\.png", re.DOTALL)
    return (file for file in files if (found := pattern.fullmatch(file)) and found[1] in image_names)


def _images(result: Result, part: Part, border: Softening) -> Iterable[Image.Image | None]:
    if part == "crop":
        return result.crops()
    if part == "cutout":
        return result.cutouts(matting=border.matting, band=border.band)
    return (Image.fromarray(mask.array) for mask in result.masks)
