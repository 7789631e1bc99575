"""The objects of an image as the studio keeps them, and their conversion to and from a record of annotate's journal.

A record of the studio is one of `annotate` with a member ``studio``: the version and state of the document, and for each mask what only the
studio knows. A record of `annotate` itself reads as suggestions; if it was corrected by hand, as done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeGuard, get_args

from .._rle import run_ends
from ..annotation.record_checks import check_counts
from ..annotation.studio_members import MEMBER
from ..errors import InputError, shown
from ..masks import Mask, Size
from ..runtime.structured import is_counts, is_finite, is_integer, is_text

Source = Literal["hand", "model", "suggestion", "import"]
"""How an object came about."""

ImageState = Literal["new", "started", "suggested", "doubt", "done"]
"""``new``: nothing is kept. ``started``: has objects, not done. ``suggested``: a pipeline made them. ``doubt``: a person marked it so."""

SOURCES: tuple[Source, ...] = get_args(Source)
STATES: tuple[ImageState, ...] = get_args(ImageState)

MAX_OBJECTS = 10_000
"""Maximum number of objects of an image."""

MAX_ATTRIBUTES = 64
"""Maximum number of attributes of an object."""

MAX_PROMPTS = 256
"""Maximum number of prompts that an object keeps."""

MAX_LABEL = 200
"""Maximum number of characters of a label, and of the name of an attribute."""

MAX_VALUE = 2000
"""Maximum number of characters of the value of an attribute."""

MAX_REMOVED = 2000
"""Number of removed objects that a document remembers."""

_MODELS_OWN = ("prompt", "detection", "from_box", "predicted_iou")
"""Members of a mask's entry that tell of the mask's origin. They end when it changes."""


@dataclass(frozen=True)
class StudioObject:
    """An object of an image.

    Attributes:
        uid: Its name, chosen by who made it; never changes.
        counts: Compressed run lengths of its mask, of the size of the image.
        label: Its label, or None.
        score: Score of the model, or None.
        source: How it came about.
        locked: Whether the page protects it from changes.
        hidden: Whether the page hides it.
        color: ``"#rrggbb"``, or None for the color of its label.
        attributes: Texts by name.
        prompts: What was prompted, in this order, in the form of the server's API.
        rev: Version of the document that last changed it.
        kept: Further members of the mask's entry in the journal, such as the object's number in the source.
    """

    uid: str
    counts: str
    label: str | None = None
    score: float | None = None
    source: Source = "hand"
    locked: bool = False
    hidden: bool = False
    color: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[Mapping[str, Any], ...] = ()
    rev: int = 0
    kept: Mapping[str, Any] = field(default_factory=dict)

    def mask(self, size: Size) -> Mask:
        """Return its mask in an image of a size ``(height, width)``, with label and score."""
        return Mask(size, self.counts.encode("ascii"), self.score, self.label)

    def is_same(self, other: StudioObject) -> bool:
        """Return whether two objects are the same to a person: in all but `rev` and `kept`."""
        return _compared(self) == _compared(other)

    def after(self, earlier: StudioObject | None) -> StudioObject:
        """Return the object with what is kept of its earlier value. What tells of a mask's origin ends with that mask."""
        if earlier is None or not earlier.kept:
            return self
        same = earlier.counts == self.counts
        return replace(self, kept={name: value for name, value in earlier.kept.items() if same or name not in _MODELS_OWN})


@dataclass(frozen=True)
class ImageDocument:
    """The objects of an image, the first at the back.

    Attributes:
        size: ``(height, width)`` of the image, or None while nothing is kept of it.
        version: Number of changes so far; 0 while nothing is kept.
        state: State of the image.
        objects: The objects in their order.
        removed: Version in which each object was removed, for the last ones.
        forgotten: Greatest version of those removals that are no longer in `removed`.
        doubt: How doubtful a pipeline's suggestions are, 0 to 1; None where no pipeline has seen the image.
    """

    size: Size | None = None
    version: int = 0
    state: ImageState = "new"
    objects: tuple[StudioObject, ...] = ()
    removed: Mapping[str, int] = field(default_factory=dict)
    forgotten: int = 0
    doubt: float | None = None

    def get(self, uid: str) -> StudioObject | None:
        """Return the object of a name, or None."""
        return next((each for each in self.objects if each.uid == uid), None)


def document_of(record: Mapping[str, Any] | None) -> ImageDocument:
    """Return the document of a checked record; an empty one for None and for an image that failed.

    A member ``studio`` that is not one, of another version of promptseg or written by hand, is passed over: the masks count.
    """
    if record is None or record["status"] == "failed":
        return ImageDocument()
    size: Size = (record["size"][0], record["size"][1])
    member = record.get(MEMBER)
    if not _is_member(member, len(record["masks"])):
        return _annotated(record, size)
    objects = tuple(
        StudioObject(
            uid=own["uid"],
            source=own["source"],
            locked=own.get("locked", False),
            hidden=own.get("hidden", False),
            color=own.get("color"),
            attributes=own.get("attributes", {}),
            prompts=tuple(own.get("prompts", ())),
            rev=own["rev"],
            **_of_entry(entry),
        )
        for entry, own in zip(record["masks"], member["objects"], strict=True)
    )
    removed = dict(member.get("removed", ()))
    return ImageDocument(size, member["version"], member["state"], objects, removed, member.get("forgotten", 0), member.get("doubt"))


def members_of(document: ImageDocument) -> dict[str, Any]:
    """Return the members ``size``, ``masks`` and ``studio`` of a document's record."""
    member = {
        "version": document.version,
        "state": document.state,
        "objects": [_own(each) for each in document.objects],
        "doubt": document.doubt,
        "removed": [list(pair) for pair in document.removed.items()],
        "forgotten": document.forgotten,
    }
    masks = [{"counts": each.counts, "score": each.score, "label": each.label, **each.kept} for each in document.objects]
    return {"size": None if document.size is None else list(document.size), "masks": masks, MEMBER: member}


def check_object(each: StudioObject, size: Size) -> None:
    """Check an object that comes from outside.

    Raises:
        InputError: A value is out of its range, or the mask is empty or not one of the image.
    """
    name = f"the object {shown(each.uid)}"
    if not _UID.fullmatch(each.uid):
        raise InputError(f"the uid of an object has 1 to 64 letters, digits, '-' and '_', got {shown(each.uid)}")
    try:
        check_counts(each.counts, size[0] * size[1])
    except ValueError as error:
        raise InputError(f"the mask of {name} is not one of an image of {size[1]} x {size[0]} pixels: {error}") from error
    if len(run_ends(each.counts.encode("ascii"))) < 2:
        raise InputError(f"the mask of {name} is empty: remove the object instead")
    if each.label is not None and not (is_text(each.label, 1) and len(each.label) <= MAX_LABEL):
        raise InputError(f"the label of {name} has 1 to {MAX_LABEL} characters, got {shown(each.label)}")
    if each.score is not None and not is_finite(each.score):
        raise InputError(f"the score of {name} is a finite number, got {shown(each.score)}")
    if each.color is not None and not COLOR.fullmatch(each.color):
        raise InputError(f"the color of {name} is written #rrggbb, got {shown(each.color)}")
    if len(each.attributes) > MAX_ATTRIBUTES or len(each.prompts) > MAX_PROMPTS:
        raise InputError(f"{name} has at most {MAX_ATTRIBUTES} attributes and {MAX_PROMPTS} prompts")
    for key, value in each.attributes.items():
        if not is_attribute(key, value):
            raise InputError(f"an attribute of {name} is a text of at most {MAX_VALUE} characters, got {shown(key)}: {shown(value)}")


def is_attribute(name: object, value: object) -> bool:
    """Return whether an attribute has a name and a text of lengths that an object can keep."""
    return is_text(name, 1) and len(name) <= MAX_LABEL and is_text(value) and len(value) <= MAX_VALUE


def _annotated(record: Mapping[str, Any], size: Size) -> ImageDocument:
    """Return the document of a record of `annotate`. The uids of its objects are made of their numbers. Empty masks are left out."""
    objects = tuple(
        StudioObject(uid=f"n{number}", source="suggestion", rev=1, **_of_entry(entry))
        for number, entry in enumerate(record["masks"], 1)
        if len(run_ends(entry["counts"].encode("ascii"))) > 1
    )
    return ImageDocument(size, 1, "done" if "corrected" in record else "suggested", objects)


def _of_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry of ``masks`` tells of an object."""
    kept = {name: value for name, value in entry.items() if name not in ("counts", "score", "label")}
    return {"counts": entry["counts"], "score": entry["score"], "label": entry["label"], "kept": kept}


def _own(each: StudioObject) -> dict[str, Any]:
    """Return what only the studio knows of an object. Values that most objects have are left out."""
    optional = {
        "locked": each.locked,
        "hidden": each.hidden,
        "color": each.color,
        "attributes": dict(each.attributes),
        "prompts": [dict(prompt) for prompt in each.prompts],
    }
    return {"uid": each.uid, "rev": each.rev, "source": each.source, **{name: value for name, value in optional.items() if value}}


def _is_member(member: Any, masks: int) -> TypeGuard[dict[str, Any]]:
    """Return whether a value is the member ``studio`` of a record with so many masks."""
    if not isinstance(member, dict) or not (is_integer(member.get("version"), 1) and member.get("state") in STATES):
        return False
    objects, removed = member.get("objects"), member.get("removed", [])
    return (
        isinstance(objects, list)
        and len(objects) == masks
        and all(map(_is_own, objects))
        and len({each["uid"] for each in objects}) == masks
        and (member.get("doubt") is None or is_finite(member["doubt"]))
        and is_integer(member.get("forgotten", 0))
        and isinstance(removed, list)
        and all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and is_integer(pair[1]) for pair in removed)
    )


def _is_own(own: Any) -> bool:
    return (
        isinstance(own, dict)
        and isinstance(own.get("uid"), str)
        and _UID.fullmatch(own["uid"]) is not None
        and is_integer(own.get("rev"))
        and own.get("source") in SOURCES
        and all(isinstance(own.get(name, False), bool) for name in ("locked", "hidden"))
        and (own.get("color") is None or (isinstance(own["color"], str) and COLOR.fullmatch(own["color"]) is not None))
        and is_counts(own.get("attributes", {}), is_text)
        and isinstance(own.get("prompts", []), list)
        and all(isinstance(prompt, dict) for prompt in own.get("prompts", ()))
    )


def _compared(each: StudioObject) -> tuple[Any, ...]:
    values = each.label, each.score, each.source, each.locked, each.hidden, each.color, dict(each.attributes), list(each.prompts)
    return each.uid, each.counts, *values


_UID = re.compile(r"[A-Za-z0-9_-]{1,64}")
COLOR = re.compile(r"#[0-9a-fA-F]{6}")
"""How a color is written."""
