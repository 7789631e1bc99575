"""Prompts as JSON values, by which a later run notices that they changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..masks import Mask
from .sources import AskedObject


def asked_values(asked: Sequence[AskedObject] | None) -> list[dict[str, Any]] | None:
    """Return the prompts of an image with their labels and ids as JSON values, or None if it has no prompts of its own."""
    if asked is None:
        return None
    members = [{"prompt": plain_prompt(each.prompt), "label": each.label, "id": each.id} for each in asked]
    return [{key: value for key, value in each.items() if value is not None} for each in members]


def plain_prompt(value: Any) -> Any:
    """Return a prompt as JSON values. Arrays of more than 64 elements are replaced by their SHA-256."""
    if isinstance(value, Mask):
        return value.to_coco_rle()
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= 64 else f"sha256:{hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()}"
    if is_dataclass(value):
        own = {field.name: plain_prompt(getattr(value, field.name)) for field in fields(value)}
        return {type(value).__name__: {name: one for name, one in own.items() if one not in (None, [])}}
    return [plain_prompt(one) for one in value] if isinstance(value, tuple) else value
