"""Matching of the objects in a corrected file with those of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..datasets.writer_base import NO_CLASS
from ..masks import Mask
from .records import mask_of, mask_to_dict

SAME_OBJECT = 0.5
"""IoU from which a changed mask is the same object as before, and keeps its id."""


def corrected_entries(
    found: AnnotatedImage, reference: AnnotatedImage | None, record: Mapping[str, Any] | None
) -> list[dict[str, Any]] | None:
    """Return the entries of ``masks`` in the record of a corrected image, or None if its objects are those of its record.

    The objects are those of the corrected file, in its order. An object whose mask is unchanged keeps the exact mask, its score and its id.

    Args:
        found: The image as it was read from the corrected file.
        reference: The image as it is read from a file that was made from the journal, or None if there is none.
        record: The record of the image, or None if it has none or failed.
    """
    if record is None and not found.objects:
        return None  # Formats may list images that nobody annotated yet.
    if record is None:
        return [_new_entry(each, None, has_no_class=False) for each in found.objects]
    old = [(entry, mask_of(entry, (record["size"][0], record["size"][1]))) for entry in record["masks"]]
    if old and old[0][1].size != found.size:
        return [_new_entry(each, None, has_no_class=False) for each in found.objects]
    seen = _references([mask for _, mask in old], () if reference is None else reference.objects)
    has_no_class = any(mask.label == NO_CLASS for _, mask in old)
    free = dict(enumerate(old))
    entries: list[dict[str, Any] | None] = []
    is_same = True
    for each in found.objects:
        match = _unchanged(each, free, seen)
        if match is None:
            entries.append(None)
            continue
        entry = dict(free.pop(match)[0])
        label = entry["label"] if match in seen and each.label == seen[match].label else _label(each, has_no_class)
        is_same = is_same and label == entry["label"]
        entries.append({**entry, "label": label})
    if is_same and None not in entries and not any(index in seen for index in free):
        return None
    return [
        _new_entry(each, _id_of_nearest(each.mask, free), has_no_class) if entry is None else entry
        for each, entry in zip(found.objects, entries, strict=True)
    ]


def _references(masks: Sequence[Mask], objects: Sequence[AnnotatedObject]) -> dict[int, AnnotatedObject]:
    """Return the object of the reference that each mask of the journal became, by the index of the mask."""
    found: dict[int, AnnotatedObject] = {}
    for each in objects:
        scores = [
            (_iou(mask, each.mask), (mask.label or NO_CLASS) == (each.label or NO_CLASS), -index)
            for index, mask in enumerate(masks)
            if index not in found
        ]
        if scores and (best := max(scores))[0] > 0:
            found[-best[2]] = each
    return found


def _unchanged(
    each: AnnotatedObject, free: Mapping[int, tuple[Mapping[str, Any], Mask]], seen: Mapping[int, AnnotatedObject]
) -> int | None:
    """Return the index of the mask in the journal that an object is, or None if its mask changed. One of the same label comes first."""
    same = [index for index, (_, mask) in free.items() if each.mask == mask or (index in seen and each.mask == seen[index].mask)]
    return min(same, key=lambda index: (free[index][1].label or NO_CLASS) != (each.label or NO_CLASS), default=None)


def _id_of_nearest(mask: Mask, free: dict[int, tuple[dict[str, Any], Mask]]) -> int | None:
    """Return the id of the object that a changed mask was before, and take that object out of those that are left."""
    index = max(free, key=lambda index: _iou(mask, free[index][1]), default=None)
    if index is None or _iou(mask, free[index][1]) < SAME_OBJECT:
        return None
    number = free.pop(index)[0].get("id")
    return None if number is None else int(number)


def _new_entry(each: AnnotatedObject, number: int | None, has_no_class: bool) -> dict[str, Any]:
    entry = {**mask_to_dict(Mask(each.mask.size, each.mask.counts)), "label": _label(each, has_no_class)}
    return entry if number is None else {**entry, "id": number}


def _label(each: AnnotatedObject, has_no_class: bool) -> str | None:
    """Return the label of an object. Formats that need a class write `NO_CLASS` where there is none."""
    return None if each.label == NO_CLASS and not has_no_class else each.label


def _iou(one: Mask, other: Mask) -> float:
    return one.iou(other) if one.size == other.size else 0.0
