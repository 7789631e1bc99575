"""Assertions that several suites make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ...detections import Detections
from ...errors import InputError
from ...images import ImageLike
from ...masks import Mask, Masks, Size
from ...results import Provenance


def check_unreadable_images(use: Callable[[ImageLike], object], folder: Path) -> None:
    """Holds a function to refusing what is no image, with `InputError`."""
    for broken in (folder / "absent.png", b"not an image", np.zeros((0, 5, 3), np.uint8), np.zeros((4, 5, 3), np.float32)):
        with pytest.raises(InputError):
            use(broken)


def check_provenance(provenance: Provenance) -> None:
    """Holds a provenance to naming what a reader of the result needs."""
    assert isinstance(provenance, Provenance)
    for name in ("model", "backend", "version", "license", "device"):
        value = getattr(provenance, name)
        assert isinstance(value, str), name
        assert value, f"{name} is empty"
    assert provenance.license != "unknown"
    assert all(len(digest) == 64 for digest in provenance.weights.values()), "weights are SHA-256 digests by file name"


def assert_identical(masks: Masks, expected: Masks) -> None:
    """Same masks bit for bit, with the same scores, labels and prompts."""
    assert _parts(masks) == _parts(expected)


def assert_alike(mask: Mask, expected: Mask) -> None:
    """The same mask but for a few pixels, which models that compute prompts in batches may set differently."""
    assert mask == expected or mask.iou(expected) > 0.98


def assert_same_detections(found: Detections, expected: Detections) -> None:
    """Same boxes, labels and scores."""
    assert tuple(found.size) == tuple(expected.size)
    assert found.labels == expected.labels
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)


@dataclass(frozen=True)
class _Part:
    size: Size
    counts: bytes
    score: float | None
    label: str | None
    prompt_index: int | None


def _parts(masks: Sequence[Mask]) -> list[_Part]:
    return [_Part(mask.size, mask.counts, mask.score, mask.label, mask.prompt_index) for mask in masks]
