"""What the studio keeps in a record beside the masks, in the member ``studio``, and how it survives corrections by hand.

An object of the member ``objects`` belongs to the mask of the same place. `promptseg.studio_server.documents` has the meaning of the
members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..runtime.structured import is_counts, is_text

MEMBER = "studio"
"""Name of the member of a record."""


def attributes_of(record: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """Return the attributes of the objects of a record, for each of its masks: empty where the studio kept none, or none that are text."""
    masks, member = record["masks"], record.get(MEMBER)
    objects = member.get("objects") if isinstance(member, dict) else None
    if not isinstance(objects, list) or len(objects) != len(masks):
        return [{} for _ in masks]
    found = [each.get("attributes") if isinstance(each, dict) else None for each in objects]
    return [each if isinstance(each, dict) and is_counts(each, is_text) else {} for each in found]


def carried_over(record: Mapping[str, Any] | None, masks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the record of a corrected image has of the studio: nothing if its earlier record has nothing.

    An object whose mask is unchanged keeps its name, color, attributes and prompts. All others are new objects.

    Args:
        record: The earlier record of the image, or None.
        masks: The masks of the new record.
    """
    before = (record or {}).get(MEMBER)
    if record is None or not isinstance(before, dict):
        return {}
    version = before["version"] + 1
    free = [(mask["counts"], each) for mask, each in zip(record["masks"], before["objects"], strict=True)]
    objects = []
    for number, mask in enumerate(masks, 1):
        place = next((index for index, (counts, _) in enumerate(free) if counts == mask["counts"]), None)
        known = {"uid": f"v{version}-{number}", "source": "import"} if place is None else free.pop(place)[1]
        objects.append({**known, "rev": version})
    removed = [*before.get("removed", ()), *([each["uid"], version] for _, each in free)]
    return {MEMBER: {**before, "version": version, "state": "done", "objects": objects, "removed": removed}}
