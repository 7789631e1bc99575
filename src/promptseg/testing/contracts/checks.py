"""Assertions that several contracts share."""

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
    """Assert that a function raises `InputError` for inputs that are not an image."""
    for broken in (folder / "absent.png", b"not an image", np.zeros((0, 5, 3), np.uint8), np.zeros((4, 5, 3), np.complex64)):
        with pytest.raises(InputError):
            use(broken)


def check_provenance(provenance: Provenance) -> None:
    """Assert that a provenance names the model, backend, version, license and device."""
    assert isinstance(provenance, Provenance)
    for name in ("model", "backend", "version", "license", "device"):
        value = getattr(provenance, name)
        assert isinstance(value, str), name
        assert value, f"{name} is empty"
    assert provenance.license != "unknown"
    assert all(len(digest) == 64 for digest in provenance.weights.values()), "weights are SHA-256 digests by file name"


def assert_identical(masks: Masks, expected: Masks) -> None:
    """Assert that masks are equal bit for bit, with the same scores, labels and prompt indices."""
    assert _parts(masks) == _parts(expected)


def assert_same_numbers(masks: Masks, expected: Masks) -> None:
    """Assert that masks are equal bit for bit, and so are the logits that they were made of, where they have some."""
    assert_identical(masks, expected)
    for mask, other in zip(masks, expected, strict=True):
        assert (mask.logits is None) == (other.logits is None)
        assert mask.logits is None or other.logits is None or np.array_equal(mask.logits, other.logits)


def assert_alike(mask: Mask, expected: Mask) -> None:
    """Assert that two masks are equal except for a few pixels. Models that decode prompts in batches may differ by these."""
    assert mask == expected or mask.iou(expected) > 0.98


def assert_same_detections(found: Detections, expected: Detections) -> None:
    """Assert that detections have the same boxes, labels and scores."""
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
