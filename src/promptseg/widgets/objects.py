"""Objects of an image as the front end edits them, and changes to them.

The values are those of the page of the studio: ``studio/web/src/model/types.ts``. What comes from a browser is checked before anything is
changed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from .._checks import is_flag
from .._prompt_values import prompt_from_dict, prompt_to_dict
from .._result_values import mask_from_dict
from ..errors import InputError, shown
from ..masks import Mask, Masks, Size
from ..prompts import Prompt
from ..runtime.structured import is_text

Source = Literal["hand", "model", "suggestion", "import"]
"""How an object came about."""

SOURCES: tuple[Source, ...] = get_args(Source)

MAX_OBJECTS = 10_000
"""Maximum number of objects of an image."""

MAX_PROMPTS = 1000
"""Maximum number of prompts of an object, and of a request."""

MAX_ATTRIBUTES = 100
"""Maximum number of attributes of an object."""


@dataclass(frozen=True, eq=False)
class ImageObject:
    """An object of an image.

    Attributes:
        uid: Its name, which never changes.
        mask: Its pixels, score and label.
        prompts: What was prompted for it, in this order.
        source: How it came about.
        locked: Whether a person protected it.
        hidden: Whether it is hidden.
        color: ``"#rrggbb"``, or None for the color of its label.
        attributes: Text by name.
    """

    uid: str
    mask: Mask
    prompts: tuple[Prompt, ...] = ()
    source: Source = "import"
    locked: bool = False
    hidden: bool = False
    color: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain values."""
        return {
            "uid": self.uid,
            "label": self.mask.label,
            "mask": self.mask.to_coco_rle(),
            "score": self.mask.score,
            "source": self.source,
            "locked": self.locked,
            "hidden": self.hidden,
            "color": self.color,
            "attributes": dict(self.attributes),
            "prompts": [prompt_to_dict(prompt) for prompt in self.prompts],
        }

    @classmethod
    def from_dict(cls, values: object, size: Size) -> ImageObject:
        """Return the object that plain values describe, on an image of `size` (height, width).

        Raises:
            InputError: They are not those of such an object.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"an object is a dictionary, got {shown(values)}")
        uid, source, color, attributes = (values.get(name) for name in ("uid", "source", "color", "attributes"))
        if not is_text(uid, 1):
            raise InputError(f"the uid of an object is text, got {shown(uid)}")
        if source not in SOURCES:
            raise InputError(f"the source of an object is one of {', '.join(SOURCES)}, got {shown(source)}")
        if color is not None and not (isinstance(color, str) and re.fullmatch("#[0-9a-f]{6}", color)):
            raise InputError(f"the color of an object is #rrggbb or null, got {shown(color)}")
        if not (
            isinstance(attributes, Mapping)
            and len(attributes) <= MAX_ATTRIBUTES
            and all(is_text(key) and is_text(value) for key, value in attributes.items())
        ):
            raise InputError(f"the attributes of an object are at most {MAX_ATTRIBUTES} texts by name, got {shown(attributes)}")
        for name in ("locked", "hidden"):
            if not is_flag(values.get(name)):
                raise InputError(f"{name} of an object is true or false, got {shown(values.get(name))}")
        mask = mask_from_dict({"segmentation": values.get("mask"), "score": values.get("score"), "label": values.get("label")}, size)
        prompts, known = prompts_from_list(values.get("prompts")), SOURCES[SOURCES.index(source)]
        return cls(uid, mask, prompts, known, bool(values["locked"]), bool(values["hidden"]), color, dict(attributes))


def prompts_from_list(values: object) -> tuple[Prompt, ...]:
    """Return the prompts that a list of plain values describes.

    Raises:
        InputError: It is no such list.
    """
    if not isinstance(values, list) or len(values) > MAX_PROMPTS:
        raise InputError(f"prompts are a list of at most {MAX_PROMPTS}, got {shown(values)}")
    return tuple(prompt_from_dict(each) for each in values)


class Document:
    """The objects of an image, the first at the back.

    Args:
        size: ``(height, width)`` of the image.

    Attributes:
        size: ``(height, width)`` of the image.
        objects: The objects by their uid, in order.
        draft: The object that is being made, or the new value of one that is being changed; None otherwise. It counts among the masks.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.objects: dict[str, ImageObject] = {}
        self.draft: ImageObject | None = None
        self._masks: Masks | None = None

    @property
    def masks(self) -> Masks:
        """The masks of the objects. `Mask.prompt_index` is the index of the object's last prompt among those of all objects."""
        if self._masks is None:
            masks, prompts = [], 0
            for each in self._all().values():
                prompts += len(each.prompts)
                last = prompts - 1 if each.prompts else None
                masks.append(each.mask if each.mask.prompt_index == last else replace(each.mask, prompt_index=last))
            self._masks = Masks(masks, self.size)
        return self._masks

    @property
    def prompts(self) -> tuple[tuple[Prompt, ...], ...]:
        """The prompts of each object."""
        return tuple(each.prompts for each in self._all().values())

    def _all(self) -> dict[str, ImageObject]:
        return self.objects if self.draft is None else {**self.objects, self.draft.uid: self.draft}

    def replace(self, masks: Masks) -> bool:
        """Have these masks as objects, and return whether that changes any.

        A mask that is there already, with its score and label, keeps its object with its prompts.

        Raises:
            InputError: There are too many.
        """
        if len(masks) > MAX_OBJECTS:
            raise InputError(f"an image has at most {MAX_OBJECTS} masks here, got {len(masks)}")
        before = self._all()
        there = {_values_of(each.mask): each for each in reversed(before.values())}
        objects = [there.pop(values) if (values := _values_of(mask)) in there else ImageObject(_new_uid(), mask) for mask in masks]
        if objects == list(before.values()):
            return False
        # What is being made is an object from now on: the next one that is made needs its name.
        objects = [replace(each, uid=_new_uid()) if each is self.draft and each.uid not in self.objects else each for each in objects]
        self.objects, self.draft, self._masks = {each.uid: each for each in objects}, None, None
        return True

    def sketch(self, values: object) -> bool:
        """Take what plain values describe as the object that is being made, or None for nothing. Return whether that changes any mask.

        Raises:
            InputError: They are not those of an object.
        """
        if values is None and self.draft is None:
            return False
        self.draft, self._masks = None if values is None else ImageObject.from_dict(values, self.size), None
        return True

    def apply(self, change: object) -> None:
        """Make a change that a view made: new objects, new values of objects, objects that are removed, and a new order.

        What was being made is part of the change, or dropped.

        Raises:
            InputError: It is no change. Nothing is changed then.
        """
        if not isinstance(change, Mapping):
            raise InputError(f"a change is a dictionary, got {shown(change)}")
        put, remove, order = change.get("put", []), change.get("remove", []), change.get("order")
        if not isinstance(put, list) or not _are_texts(remove) or not (order is None or _are_texts(order)):
            raise InputError(f"a change has lists put, remove and order, got {shown(change)}")
        objects = {uid: each for uid, each in self.objects.items() if uid not in set(remove)}
        if len(put) + len(objects) > MAX_OBJECTS:
            raise InputError(f"an image has at most {MAX_OBJECTS} objects, got {len(put)} and {len(objects)} that are there")
        for each in (ImageObject.from_dict(values, self.size) for values in put):
            objects[each.uid] = each
        if order is not None:
            ordered = [uid for uid in dict.fromkeys(order) if uid in objects]
            objects = {uid: objects[uid] for uid in [*ordered, *(uid for uid in objects if uid not in set(ordered))]}
        self.objects, self.draft, self._masks = objects, None, None

    def to_list(self) -> list[dict[str, Any]]:
        """Return the objects as plain values."""
        return [each.to_dict() for each in self.objects.values()]


def _new_uid() -> str:
    return uuid.uuid4().hex


def _values_of(mask: Mask) -> tuple[Mask, float | None, str | None]:
    return mask, mask.score, mask.label


def _are_texts(values: object) -> bool:
    return isinstance(values, Sequence) and len(values) <= MAX_OBJECTS and not isinstance(values, str) and all(map(is_text, values))


def checked_masks(masks: object, size: Size) -> Masks:
    """Return masks of an image of `size` (height, width): `Masks`, or anything that holds some, such as a result or a list.

    Raises:
        InputError: They are none, or of an image of another size.
    """
    inner = getattr(masks, "masks", masks)
    found = inner if isinstance(inner, Masks) else Masks(inner if isinstance(inner, Iterable) else [inner], size)  # type: ignore[list-item]  # It is checked there.
    if found.size != size:
        raise InputError(f"the masks are of an image of size {found.size}, this image has {size}: both are (height, width)")
    return found
