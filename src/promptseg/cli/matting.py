"""Options of soft borders, which ``promptseg cutout`` and ``promptseg segment --save-cutouts`` share."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import typer

from .. import _cutouts
from ..errors import UnknownModelError
from ..matting.trimap import MAX_BAND
from ..registry import choose, load_matting
from ..registry.spec import KIND_NAMES
from . import completion
from .output import usage_error

GUIDED: Literal["guided"] = "guided"

MattingOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[=WEIGHTS]",
        autocompletion=completion.mattings,
        help="Make the borders of cutouts soft: guided, by a filter that needs no model, or a matting model. Default: hard borders.",
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


def softening(matting: str | None, band: int | None, device: str | None) -> Softening:
    """Return what the options ask for, with a loaded model, or exit with status 2 when they do not fit together.

    Raises:
        ConfigError: There is no such model, or it is of another kind.
        MissingDependencyError: A package is missing.
        WeightsError: The weights are not available or not as expected.
    """
    if band is not None and matting is None:
        raise usage_error(f"--band {band} is for soft borders: give --matting, such as --matting {GUIDED}")
    if band is not None and not 1 <= band <= MAX_BAND:
        raise usage_error(f"--band is a whole number of pixels from 1 to {MAX_BAND}, got {band}")
    if matting is None:
        return HARD
    if matting == GUIDED:
        return Softening(GUIDED, band)
    try:
        kind = choose(matting, kind="matting").backend.kind
        if kind != "matting":
            raise usage_error(
                f"model {matting!r} is {KIND_NAMES[kind]}, not a matting model: give --matting {GUIDED}, or a model such as "
                "--matting vitmatte-small-composition-1k"
            )
        return Softening(load_matting(matting, device=device or "auto"), band)
    except UnknownModelError as error:
        raise usage_error(f"--matting is {GUIDED} or a matting model, and {error}") from error
