"""Colors of tracked objects: the color of their class, with a shade of its own for each object, the same on every frame."""

from __future__ import annotations

from collections.abc import Iterable

from .class_colors import NO_CLASS, OBJECT_SHADES, ClassColors, Color, color, shade


class ObjectColors:
    """Colors of the objects of one video.

    An object has the color of its class by the rule of `promptseg.class_colors`. The first object of a class has exactly this color, the
    second is a little lighter, the third a little darker, and so on again. A class that comes later never changes the color of another.
    An object without a class has the color of its id.

    Args:
        classes: Classes in their known order; empty if no order is known.
    """

    def __init__(self, classes: Iterable[str] = ()) -> None:
        self._classes = ClassColors(classes)
        self._of_class: dict[str, int] = {}
        self._members: dict[str, list[int]] = {}

    def of(self, object_id: int, label: str | None) -> Color:
        """Return the color of an object.

        Args:
            object_id: Its id.
            label: Its class, or None.
        """
        if not label:
            return color(object_id - 1) if object_id else NO_CLASS
        if label not in self._of_class:
            self._of_class[label] = self._classes.free_index(label, self._of_class.values())
        members = self._members.setdefault(label, [])
        if object_id not in members:
            members.append(object_id)
        return shade(color(self._of_class[label]), OBJECT_SHADES[members.index(object_id) % len(OBJECT_SHADES)])
