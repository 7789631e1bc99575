"""Prompt protocols: prompts simulated from the true objects, reproducible by a seed.

| protocol | name | prompt |
|---|---|---|
| `Box` | ``box``, ``box:0.1`` | the tight box of the object; with a number, each side is moved at random by up to that share of the box |
| `CenterPoint` | ``point`` | the pixel farthest from the object's border |
| `RandomPoint` | ``point:random`` | a pixel of the object, drawn uniformly |
| `PointGrid` | ``grid``, ``grid:3`` | points in rows and columns over the object's box, labeled foreground or background |
| `Clicks` | ``clicks``, ``clicks:10`` | a center point, and then a click on the deepest error of each prediction |
| `Text` | ``text``, ``text:a dog, red car`` | the classes of the dataset as phrases, or phrases of your own; needs a detector |
| `Everything` | ``everything``, ``everything:16`` | none: every object of the image, from a grid with this number of points per side |
| `Examples` | ``example:1``, ``example:5:same`` | so many objects of a class in other images, or in the same: find every object of it |

Random prompts depend only on the seed and the name of the object. Two models with the same seed therefore get the same prompts, also if
the order or the number of objects differs.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np
from numpy.typing import NDArray

from .._checks import between, whole_number
from ..errors import ConfigError, InputError, PromptError, nearest, shown
from ..masks import Mask
from ..postprocess import innermost_point
from ..prompts import MAX_EXAMPLES, EverythingPrompt, Prompt, SpatialPrompt
from ..vocabulary import split_phrases


class OnePromptPerObject(ABC):
    """Base class of the protocols with one prompt per object, made from its true mask."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the protocol, which `parse_prompt_protocol` parses."""

    @abstractmethod
    def prompt(self, truth: Mask, random: np.random.Generator, ignored: Mask | None = None) -> SpatialPrompt:
        """Return the prompt for one object.

        Args:
            truth: True mask of the object; not empty.
            random: Random generator, such as that of `generator`.
            ignored: Pixels that are neither object nor background, on which no point is placed. The object has none of them.
        """


@dataclass(frozen=True)
class Box(OnePromptPerObject):
    """Box of the object, tight or with random errors.

    Attributes:
        jitter: Maximum shift of a side, as a share of the box's width or height, from 0 (tight) to below 0.5. Shifts are drawn uniformly
            from ``-jitter`` to ``jitter``, and the box is clipped to the image.
    """

    jitter: float = 0.0

    def __post_init__(self) -> None:
        jitter = between("the jitter of a box, a share of its sides,", self.jitter, 0, 0.5, below=True)
        object.__setattr__(self, "jitter", jitter)

    @property
    def name(self) -> str:
        return f"box:{self.jitter:g}" if self.jitter else "box"

    def prompt(self, truth: Mask, random: np.random.Generator, ignored: Mask | None = None) -> SpatialPrompt:  # noqa: ARG002
        box = truth.box.astype(np.float64)
        if self.jitter:
            sides = np.tile(box[2:] - box[:2], 2)
            height, width = truth.size
            box = np.clip(box + random.uniform(-self.jitter, self.jitter, 4) * sides, 0, [width, height, width, height])
        return Prompt.box(*box.tolist())


@dataclass(frozen=True)
class CenterPoint(OnePromptPerObject):
    """Point at the pixel of the object that is farthest from its border: the maximum of the distance transform."""

    @property
    def name(self) -> str:
        return "point"

    def prompt(self, truth: Mask, random: np.random.Generator, ignored: Mask | None = None) -> SpatialPrompt:  # noqa: ARG002
        return Prompt.point(*innermost_point(truth))


@dataclass(frozen=True)
class RandomPoint(OnePromptPerObject):
    """Point at a random pixel of the object, drawn uniformly."""

    @property
    def name(self) -> str:
        return "point:random"

    def prompt(self, truth: Mask, random: np.random.Generator, ignored: Mask | None = None) -> SpatialPrompt:  # noqa: ARG002
        rows, columns = np.nonzero(truth.array)
        chosen = int(random.integers(len(rows)))
        return Prompt.point(float(columns[chosen]), float(rows[chosen]))


@dataclass(frozen=True)
class PointGrid(OnePromptPerObject):
    """Grid of points over the object's box, at the centers of equal cells, labeled foreground or background by the true mask.

    Points on ignored pixels are left out. If no point is on the object, the center point is added.

    Attributes:
        per_side: Number of points per row and per column.
    """

    per_side: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "per_side", whole_number("the points per side of a grid", self.per_side, 1))

    @property
    def name(self) -> str:
        return f"grid:{self.per_side}"

    def prompt(self, truth: Mask, random: np.random.Generator, ignored: Mask | None = None) -> SpatialPrompt:  # noqa: ARG002
        box = truth.box.astype(int)
        ticks = (2 * np.arange(self.per_side) + 1) / (2 * self.per_side)
        # Whole pixels, so that the label of a point is unambiguous. In a narrow object several cells share one pixel.
        columns, rows = ((box[axis] + np.floor(ticks * (box[axis + 2] - box[axis]))).astype(int) for axis in (0, 1))
        places = [(x, y) for y in dict.fromkeys(rows.tolist()) for x in dict.fromkeys(columns.tolist())]
        pixels = truth.array
        if ignored is not None:
            void = ignored.array
            places = [(x, y) for x, y in places if not void[y, x]]
        on = [bool(pixels[y, x]) for x, y in places]
        if not any(on):
            x, y = innermost_point(truth)
            places, on = [*places, (int(x), int(y))], [*on, True]
        return Prompt.points(places, on)


@dataclass(frozen=True)
class Clicks:
    """Center point, followed by corrective clicks on the deepest error of the last prediction.

    Attributes:
        max_clicks: Maximum number of clicks for an object.
    """

    max_clicks: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_clicks", whole_number("the number of clicks", self.max_clicks, 1))

    @property
    def name(self) -> str:
        return f"clicks:{self.max_clicks}"


@dataclass(frozen=True)
class Text:
    """Text prompt, in which the phrase of an object is its class.

    Attributes:
        phrases: The phrases; empty for the classes of the dataset.
    """

    phrases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"text:{', '.join(self.phrases)}" if self.phrases else "text"


@dataclass(frozen=True)
class Everything:
    """Everything mode: one prompt for all objects of the image.

    Attributes:
        settings: The prompt, as returned by `promptseg.Prompt.everything`.
    """

    settings: EverythingPrompt = EverythingPrompt()

    @property
    def name(self) -> str:
        side = self.settings.points_per_side
        return "everything" if side == EverythingPrompt().points_per_side else f"everything:{side}"


@dataclass(frozen=True)
class Examples:
    """Examples of a class, given as masks, for finding every object of it.

    Attributes:
        shots: Number of examples.
        same: Whether the examples are objects of the image that is searched, and not of other images.
    """

    shots: int = 1
    same: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shots", whole_number("the number of examples", self.shots, 1, most=MAX_EXAMPLES))

    @property
    def name(self) -> str:
        return f"example:{self.shots}{':same' if self.same else ''}"


PromptProtocol = Union[OnePromptPerObject, Clicks, Text, Everything, Examples]
"""Prompt protocol of any kind."""


def parse_prompt_protocol(name: str) -> PromptProtocol:
    """Parse the name of a prompt protocol, such as ``"box"``, ``"box:0.1"``, ``"point:random"`` or ``"clicks:10"``.

    Raises:
        ConfigError: When there is no protocol of that name, or the value after the colon is invalid.
    """
    kind, _, value = name.strip().partition(":")
    if kind not in _MAKERS:
        raise ConfigError(f"there is no prompt protocol {shown(kind)}.{nearest(kind, _MAKERS)} Protocols: {', '.join(_MAKERS)}")
    try:
        return _MAKERS[kind](value.strip())
    except ConfigError:
        raise
    except PromptError as error:
        raise ConfigError(f"prompt protocol {shown(name)}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"prompt protocol {shown(name)}: expected a number after the colon, got {shown(value.strip())}") from error


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random generator for one object, which depends only on the seed and the name of the object."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


@dataclass(frozen=True)
class Click:
    """Corrective click.

    Attributes:
        x: Column of the pixel.
        y: Row of the pixel.
        foreground: True for a pixel of the object that was missed, False for a pixel that was wrongly predicted.
    """

    x: float
    y: float
    foreground: bool


def next_click(prediction: Mask, truth: Mask, taken: Sequence[Click] = ()) -> Click | None:
    """Return the next corrective click: the deepest pixel of the false negatives or of the false positives.

    The depth of a pixel is its distance to the nearest pixel that is not such an error; pixels outside of the image are not errors. If both
    depths are equal, the click is on the false negative. The literature on interactive segmentation simulates clicks like this since
    Sofiiuk et al. (RITM, 2021).

    Args:
        prediction: Predicted mask.
        truth: True mask.
        taken: Clicks so far, which are not repeated.

    Returns:
        The click, or None if no error is left to click on.

    Raises:
        InputError: When the masks differ in size.
    """
    if prediction.size != truth.size:
        raise InputError(f"clicks need masks of one size, got {prediction.size} and {truth.size}")
    predicted, true = prediction.array, truth.array
    (depth, x, y), (excess_depth, excess_x, excess_y) = _deepest(true & ~predicted, taken), _deepest(predicted & ~true, taken)
    if max(depth, excess_depth) <= 0:
        return None
    return Click(x, y, foreground=True) if depth >= excess_depth else Click(excess_x, excess_y, foreground=False)


def _deepest(errors: NDArray[np.bool_], taken: Sequence[Click]) -> tuple[float, float, float]:
    """Return depth, ``x`` and ``y`` of the deepest pixel; depth 0 if there is none."""
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


def _point(value: str) -> OnePromptPerObject:
    if value not in ("", "center", "random"):
        raise ConfigError(f"expected 'point' (the center) or 'point:random', got 'point:{value}'")
    return RandomPoint() if value == "random" else CenterPoint()


def _examples(value: str) -> Examples:
    shots, sign, where = value.partition(":")
    if where.strip() not in ("", "same", "other") or (sign and not where.strip()):
        raise ConfigError(f"expected 'example:1' (an example of another image) or 'example:1:same', got 'example:{value}'")
    return Examples(int(shots) if shots.strip() else 1, where.strip() == "same")


_MAKERS: Mapping[str, Callable[[str], PromptProtocol]] = {
    "box": lambda value: Box(float(value)) if value else Box(),
    "point": _point,
    "grid": lambda value: PointGrid(int(value)) if value else PointGrid(),
    "clicks": lambda value: Clicks(int(value)) if value else Clicks(),
    "text": lambda value: Text(split_phrases(value) if value else ()),
    "everything": lambda value: Everything(Prompt.everything(int(value))) if value else Everything(),
    "example": _examples,
}
