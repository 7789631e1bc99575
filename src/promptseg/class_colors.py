"""Colors of classes: one color for each class, the same in every image, in the gallery and in video.

The hues are those of Okabe and Ito, "Color universal design" (2008, https://jfly.uni-koeln.de/color/). People with color vision
deficiencies can tell them apart. With a lighter and a darker shade of each hue, the palette has 18 colors.

The color of a class is decided in this order:

1. Where the order of the classes is known, a class has the color of its place. Known orders are the phrases of the prompts, the classes of
   a detector or of a dataset, and the class list of a run. After the 18th class the colors begin again.
2. A class that is not in the order, or of which no order is known, has the color that the SHA-256 of its name points to. Where fewer than
   18 classes are known, it is one of the colors that they leave free.
3. Two classes of one image never have the same color, as long as it has no more than 18 classes. Of two with the same color, the first by
   the order of the classes keeps it, or else the first by name. The other one takes the next color of the palette that is free in this
   image. Only such a class has another color than in other images.

So the color of a class does not depend on the other images, on the number of objects, or on their order in the image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

HUES: tuple[Color, ...] = ((86, 180, 233), (204, 121, 167), (0, 158, 115), (230, 159, 0), (0, 114, 178), (213, 94, 0))
"""Sky blue, reddish purple, bluish green, orange, blue and vermilion."""

SHADES = (0.0, 0.5, -0.4)
"""Shade of the hues in each round of the palette: unchanged, then halfway to white, then two fifths of the way to black."""

OBJECT_SHADES = (0.0, 0.3, -0.25)
"""Shades of the color of a class for its objects: unchanged, a little lighter, a little darker."""

COLORS = len(HUES) * len(SHADES)
"""Number of colors of the palette."""

NO_CLASS: Color = (255, 255, 255)
"""Color of objects without a class in an image whose other objects have one."""


def palette(count: int) -> list[Color]:
    """Return the first `count` colors: the hues, then their lighter and their darker shades, then the same again."""
    return [color(index) for index in range(count)]


def color(index: int) -> Color:
    """Return the color at an index of the palette, from 0."""
    return shade(HUES[index % len(HUES)], SHADES[index // len(HUES) % len(SHADES)])


def shade(base: Color, share: float) -> Color:
    """Return a color mixed with white (a share from 0 to 1) or with black (from -1 to 0)."""
    red, green, blue = (round(value + abs(share) * ((255 if share > 0 else 0) - value)) for value in base)
    return red, green, blue


class ClassColors:
    """Colors of the classes of an image, of a run or of a dataset.

    Args:
        classes: The classes in their known order; empty if no order is known.

    Attributes:
        classes: The classes in their known order, without repetitions.
    """

    def __init__(self, classes: Iterable[str] = ()) -> None:
        self.classes = tuple(dict.fromkeys(classes))
        self._places = {label: place for place, label in enumerate(self.classes)}

    def of(self, label: str) -> Color:
        """Return the color of a class in every image that has no other class of that color."""
        return color(self.index(label))

    def index(self, label: str) -> int:
        """Return the index of the color of a class in the palette, 0 to 17."""
        if label in self._places:
            return self._places[label] % COLORS
        taken = len(self.classes) if len(self.classes) < COLORS else 0
        digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).digest()
        return taken + int.from_bytes(digest[:8], "big") % (COLORS - taken)

    def indices(self, labels: Iterable[str | None]) -> dict[str, int]:
        """Return the index of the color of each class of one image. Labels that are None or empty are left out."""
        chosen: dict[str, int] = {}
        for label in sorted({label for label in labels if label}, key=lambda label: (self._places.get(label, len(self.classes)), label)):
            chosen[label] = self.free_index(label, chosen.values())
        return chosen

    def free_index(self, label: str, taken: Collection[int]) -> int:
        """Return the index of the color of a class, or the next one that is not taken, if any is left."""
        first = self.index(label)
        return next((index % COLORS for index in range(first, first + COLORS) if index % COLORS not in taken), first)

    def of_image(self, labels: Iterable[str | None]) -> dict[str, Color]:
        """Return the color of each class of one image. Labels that are None or empty are left out."""
        return {label: color(index) for label, index in self.indices(labels).items()}
