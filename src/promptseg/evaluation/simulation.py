"""How prompts are simulated from the truth: named protocols, repeatable by a seed.

| protocol | name | what it asks with |
|---|---|---|
| `Box` | ``box``, ``box:0.1`` | the tight box of the object; with a number, each side moved at random by up to that share of the box |
| `CenterPoint` | ``point`` | the pixel farthest from the object's border |
| `RandomPoint` | ``point:random`` | a pixel of the object, each as likely as the other |
| `PointGrid` | ``grid``, ``grid:3`` | points in rows and columns over the object's box, each as on the object or beside it |
| `Clicks` | ``clicks``, ``clicks:10`` | a center point, and then a click on the deepest error of each prediction |
| `Text` | ``text``, ``text:a dog, red car`` | the classes of the dataset as phrases, or phrases of your own; needs a detector |
| `Everything` | ``everything``, ``everything:16`` | nothing: every object of the image, from a grid of so many points a side |

What is drawn at random depends on the seed and the name of the object alone: not on the order of the objects, on which others there
are, or on the model. Two models asked with one seed get the same prompts.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np
from numpy.typing import NDArray

from .._checks import is_number, whole_number
from ..errors import ConfigError, InputError, PromptError, nearest
from ..masks import Mask
from ..postprocess import innermost_point
from ..prompts import EverythingPrompt, Prompt, SpatialPrompt


class OnePrompt(ABC):
    """A protocol that asks once for each object, with a prompt made from its true mask."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name, from which `protocol` makes it again."""

    @abstractmethod
    def prompt(self, truth: Mask, random: np.random.Generator) -> SpatialPrompt:
        """The prompt for one object.

        Args:
            truth: The object; not empty.
            random: Where chance comes from: that of `generator`, or any other in training.
        """


@dataclass(frozen=True)
class Box(OnePrompt):
    """The tight box of the object, or one that is not quite right.

    Attributes:
        jitter: Each side is moved by a share of the box's width or height, evenly at random from ``-jitter`` to ``jitter``; the box is
            then cut to the image. From 0 (tight) to under 0.5.
    """

    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not is_number(self.jitter) or not 0 <= self.jitter < 0.5:
            raise ConfigError(f"the jitter of a box is a share of its sides from 0 to under 0.5, got {self.jitter!r}")

    @property
    def name(self) -> str:
        return f"box:{self.jitter:g}" if self.jitter else "box"

    def prompt(self, truth: Mask, random: np.random.Generator) -> SpatialPrompt:
        box = truth.box.astype(np.float64)
        if self.jitter:
            sides = np.tile(box[2:] - box[:2], 2)
            height, width = truth.size
            box = np.clip(box + random.uniform(-self.jitter, self.jitter, 4) * sides, 0, [width, height, width, height])
        return Prompt.box(*box.tolist())


@dataclass(frozen=True)
class CenterPoint(OnePrompt):
    """The pixel of the object that is farthest from its border: the maximum of the distance transform."""

    @property
    def name(self) -> str:
        return "point"

    def prompt(self, truth: Mask, random: np.random.Generator) -> SpatialPrompt:  # noqa: ARG002
        return Prompt.point(*innermost_point(truth))


@dataclass(frozen=True)
class RandomPoint(OnePrompt):
    """A pixel of the object, each as likely as the other."""

    @property
    def name(self) -> str:
        return "point:random"

    def prompt(self, truth: Mask, random: np.random.Generator) -> SpatialPrompt:
        rows, columns = np.nonzero(truth.array)
        chosen = int(random.integers(len(rows)))
        return Prompt.point(float(columns[chosen]), float(rows[chosen]))


@dataclass(frozen=True)
class PointGrid(OnePrompt):
    """Points in rows and columns over the object's box, in the middle of equal cells: each as on the object or beside it, as it is.

    Where none of them is on the object, the center point joins them.

    Attributes:
        per_side: Points a row and a column.
    """

    per_side: int = 3

    def __post_init__(self) -> None:
        _check_count("points per side of a grid", self.per_side)

    @property
    def name(self) -> str:
        return f"grid:{self.per_side}"

    def prompt(self, truth: Mask, random: np.random.Generator) -> SpatialPrompt:  # noqa: ARG002
        box = truth.box.astype(int)
        ticks = (2 * np.arange(self.per_side) + 1) / (2 * self.per_side)
        # Whole pixels, so that what is under a point is beyond doubt; in a narrow object, several cells share one.
        columns, rows = ((box[axis] + np.floor(ticks * (box[axis + 2] - box[axis]))).astype(int) for axis in (0, 1))
        places = [(x, y) for y in dict.fromkeys(rows.tolist()) for x in dict.fromkeys(columns.tolist())]
        pixels = truth.array
        on = [bool(pixels[y, x]) for x, y in places]
        if not any(on):
            x, y = innermost_point(truth)
            places, on = [*places, (int(x), int(y))], [*on, True]
        return Prompt.points(places, on)


@dataclass(frozen=True)
class Clicks:
    """A center point, and then one click after another on the deepest error of the last prediction.

    Attributes:
        most: Most clicks for an object.
    """

    most: int = 10

    def __post_init__(self) -> None:
        _check_count("number of clicks", self.most)

    @property
    def name(self) -> str:
        return f"clicks:{self.most}"


@dataclass(frozen=True)
class Text:
    """Phrases, each object by its class.

    Attributes:
        phrases: What to ask for; empty for the classes of the dataset.
    """

    phrases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"text:{', '.join(self.phrases)}" if self.phrases else "text"


@dataclass(frozen=True)
class Everything:
    """Every object of the image.

    Attributes:
        settings: The prompt, as `promptseg.Prompt.everything` makes it.
    """

    settings: EverythingPrompt = EverythingPrompt()

    @property
    def name(self) -> str:
        side = self.settings.points_per_side
        return "everything" if side == EverythingPrompt().points_per_side else f"everything:{side}"


Protocol = Union[OnePrompt, Clicks, Text, Everything]
"""How prompts are simulated."""


def protocol(name: str) -> Protocol:
    """The protocol of a name, such as ``"box"``, ``"box:0.1"``, ``"point:random"`` or ``"clicks:10"``.

    Raises:
        ConfigError: There is none of that name, or what follows the colon does not suit it.
    """
    kind, _, value = name.strip().partition(":")
    if kind not in _MAKERS:
        raise ConfigError(f"there is no prompt protocol {kind!r}.{nearest(kind, _MAKERS)} Protocols: {', '.join(_MAKERS)}")
    try:
        return _MAKERS[kind](value.strip())
    except ConfigError:
        raise
    except (ValueError, PromptError) as error:
        raise ConfigError(f"prompt protocol {name!r}: {error}") from error


def generator(seed: int, name: str) -> np.random.Generator:
    """Where chance comes from for one object: the same for the same seed and name, whatever else is evaluated."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


@dataclass(frozen=True)
class Click:
    """One corrective click.

    Attributes:
        x: Column of the pixel.
        y: Row of the pixel.
        foreground: Whether the pixel is of the object, and was missed.
    """

    x: float
    y: float
    foreground: bool


def next_click(prediction: Mask, truth: Mask, taken: Sequence[Click] = ()) -> Click | None:
    """Where somebody who knows the truth would click next: on the pixel deepest within what was missed, or within what is too much.

    Depth is the distance to the nearest pixel that is not such an error, beyond the image's border included; of equal depths a missed
    pixel goes first. This is how clicks are simulated in the literature on interactive segmentation since Sofiiuk et al. (RITM, 2021).

    Args:
        prediction: What the model gave.
        truth: The object.
        taken: The clicks so far; none of them is made again.

    Returns:
        The click, or None where every error has been clicked on, such as where there is none.

    Raises:
        InputError: The masks differ in size.
    """
    if prediction.size != truth.size:
        raise InputError(f"clicks need masks of one size, got {prediction.size} and {truth.size}")
    given, true = prediction.array, truth.array
    (depth, x, y), (excess_depth, excess_x, excess_y) = _deepest(true & ~given, taken), _deepest(given & ~true, taken)
    if max(depth, excess_depth) <= 0:
        return None
    return Click(x, y, foreground=True) if depth >= excess_depth else Click(excess_x, excess_y, foreground=False)


def _deepest(errors: NDArray[np.bool_], taken: Sequence[Click]) -> tuple[float, float, float]:
    """Depth, ``x`` and ``y`` of the deepest pixel; depth 0 where there is none."""
    import cv2

    rows, columns = np.flatnonzero(errors.any(1)), np.flatnonzero(errors.any(0))
    if not len(rows):
        return 0.0, 0.0, 0.0
    y0, x0 = int(rows[0]), int(columns[0])
    inside = np.pad(errors[y0 : rows[-1] + 1, x0 : columns[-1] + 1].astype(np.uint8), 1)
    depths = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    for click in taken:
        dy, dx = int(click.y) - y0, int(click.x) - x0
        if 0 <= dy < depths.shape[0] and 0 <= dx < depths.shape[1]:
            depths[dy, dx] = 0
    row, column = np.unravel_index(int(np.argmax(depths)), depths.shape)
    return float(depths[row, column]), float(x0 + column), float(y0 + row)


def _check_count(what: str, value: object) -> None:
    whole_number(f"the {what}", value, 1)


def _point(value: str) -> OnePrompt:
    if value not in ("", "center", "random"):
        raise ConfigError(f"a point is 'point' (the center) or 'point:random', got 'point:{value}'")
    return RandomPoint() if value == "random" else CenterPoint()


_MAKERS: Mapping[str, Callable[[str], Protocol]] = {
    "box": lambda value: Box(float(value)) if value else Box(),
    "point": _point,
    "grid": lambda value: PointGrid(int(value)) if value else PointGrid(),
    "clicks": lambda value: Clicks(int(value)) if value else Clicks(),
    "text": lambda value: Text(tuple(phrase.strip() for phrase in value.split(",") if phrase.strip())),
    "everything": lambda value: Everything(Prompt.everything(int(value))) if value else Everything(),
}
