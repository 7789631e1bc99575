"""Changes of a video's objects by a person, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...masks import Mask

ObjectValues = Mapping[str, Any]
"""``uid``, ``label``, ``color``, ``hidden``, ``locked`` and ``attributes`` of an object."""


@dataclass(frozen=True)
class KeyFrame:
    """What a person says of an object on a frame.

    Attributes:
        frame: Index of the frame.
        uid: The object.
        mask: Its mask; None where it is not there.
        source: ``"hand"`` for a mask that was drawn, ``"model"`` for one that a model made of prompts, ``"import"``.
        prompts: What was prompted, as values for JSON.
    """

    frame: int
    uid: str
    mask: Mask | None
    source: str = "model"
    prompts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class VideoChange:
    """A change, which is made as a whole or not at all.

    Attributes:
        objects: Values of new objects, and new values of known ones. A removed one comes back with its masks.
        remove: Objects to remove.
        order: All objects in a new order; None to leave it.
        keys: New keyframes, also in place of earlier ones.
        unkey: Pairs of a frame and an object whose keyframe is taken back. Its mask there is gone until the object is tracked again.
    """

    objects: tuple[ObjectValues, ...] = ()
    remove: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    keys: tuple[KeyFrame, ...] = ()
    unkey: tuple[tuple[int, str], ...] = field(default=())
