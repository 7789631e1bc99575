"""The options of ``promptseg annotate`` for rasters that are cut into tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .output import usage_error

TileOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="The source is a raster of any size: cut it into tiles of N x N pixels, such as 1024."),
]
OverlapOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="With --tile: minimum overlap of neighboring tiles in pixels (default: an eighth of a tile)."),
]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        metavar="X,X", help="With --tile: pixels of a tile for each pixel of the raster, such as 1,0.25 for large objects too (default: 1)."
    ),
]
BandsOption = Annotated[
    str | None, typer.Option(metavar="N,N,N", help="With --tile: bands to read as red, green and blue, or one band, such as 4,3,2.")
]
StretchOption = Annotated[
    str | None,
    typer.Option(metavar="X,X", help="With --tile: percentiles that become black and white if a band is not of 8 bits (default: 2,98)."),
]
PromptsOption = Annotated[
    Path | None,
    typer.Option(
        "--prompts",
        metavar="FILE",
        help="With --tile: points, boxes or polygons as prompts, in the raster's own coordinates: .geojson, .gpkg, .gpkg:LAYER or "
        ".parquet.",
    ),
]
WholeOption = Annotated[
    bool,
    typer.Option("--whole", help="With --tile: write datasets of the raster as one image, and not of its tiles, if it is not too large."),
]


def scene_arguments(
    tile: int | None,
    overlap: int | None,
    scale: str | None,
    bands: str | None,
    stretch: str | None,
    prompts: Path | None,
    whole: bool,
) -> dict[str, Any]:
    """Return the arguments of `promptseg.annotate` that the options stand for, or exit with status 2 if one cannot be parsed."""
    return {
        "tile": tile,
        "overlap": overlap,
        "scale": None if scale is None else _numbers("--scale", scale, "1,0.25"),
        "bands": bands_of(bands),
        "stretch": stretch_of(stretch),
        "prompts_from": prompts,
        "whole": whole,
    }


def bands_of(text: str | None) -> list[int] | None:
    """Return the numbers of bands that an option gives, or exit with status 2 if it cannot be parsed; None for no option."""
    return None if text is None else [_whole("--bands", text, number) for number in _numbers("--bands", text, "4,3,2")]


def stretch_of(text: str | None) -> Sequence[float] | None:
    """Return the percentiles that an option gives, or exit with status 2 if it cannot be parsed; None for no option."""
    return None if text is None else _numbers("--stretch", text, "2,98")


def _numbers(option: str, text: str, example: str) -> Sequence[float]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise usage_error(f"{option} takes numbers with commas between, such as {option} {example}, got {text!r}") from error


def _whole(option: str, text: str, number: float) -> int:
    if not number.is_integer():
        raise usage_error(f"{option} takes whole numbers, such as {option} 4,3,2, got {text!r}")
    return int(number)
