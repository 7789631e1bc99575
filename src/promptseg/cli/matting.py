"""Options of soft borders, which ``promptseg cutout`` and ``promptseg segment --save-cutouts`` share."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from .. import _cutouts
from ..matting.trimap import MAX_BAND
from . import completion
from .output import usage_error

GUIDED = "guided"

MattingOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=completion.one_of((GUIDED,)),
        help="Make the borders of cutouts soft: guided, by a guided filter. Default: hard borders.",
    ),
]
BandOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="Width of a soft border in pixels, on either side (default: a 150th of the image's longer side)."),
]


class Softening(NamedTuple):
    """What makes the borders of cutouts soft.

    Attributes:
        matting: ``"guided"``, a model, or None for hard borders.
        band: Width of the border in pixels, or None for the usual one.
    """

    matting: _cutouts.Softening = None
    band: int | None = None


HARD = Softening()


def softening(matting: str | None, band: int | None, device: str | None) -> Softening:  # noqa: ARG001 - A model takes the device.
    """Return what the options ask for, or exit with status 2 when they do not fit together.

    Raises:
        ConfigError: There is no such matting.
    """
    if band is not None and matting is None:
        raise usage_error(f"--band {band} is for soft borders: give --matting, such as --matting {GUIDED}")
    if band is not None and not 1 <= band <= MAX_BAND:
        raise usage_error(f"--band is a whole number of pixels from 1 to {MAX_BAND}, got {band}")
    if matting is None:
        return HARD
    if matting != GUIDED:
        raise usage_error(f"--matting is {GUIDED}, got {matting!r}")
    return Softening(GUIDED, band)
