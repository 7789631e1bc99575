"""Baselines for the search for every object of a concept. They know nothing of the concept.

- ``whole_image``: one mask of every pixel.
- ``everything_by_area``: every mask of everything mode, the largest first.
- ``everything_best_areas``: those of the masks whose area lies in the range that the truth says is the best for F1 at an IoU of .5. Nobody
  could choose it without the truth: it is a bound for everything mode with a filter by area.

Everything mode takes long. Its masks are therefore cached on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from ..datasets.core import AnnotatedObject
from ..datasets.summary import content_key
from ..errors import InputError
from ..masks import Mask, Masks
from ..prompts import EverythingPrompt
from ..protocols import Segmenter
from ..runtime.files import write_atomically
from ..runtime.structured import read_json
from .baselines import cached_baselines
from .instances import Found, matched_ious

_FORMAT = "promptseg-everything-1"
_MOST = 1 << 28


def everything_by_area(segmenter: Segmenter, pixels: NDArray[np.uint8]) -> Masks:
    """Return the masks of everything mode, the largest first. The score of each is its share of the image.

    Args:
        segmenter: The segmenter.
        pixels: The image, (H, W, 3) uint8 RGB.
    """
    made_by = segmenter.provenance
    key = hashlib.sha256(repr([_FORMAT, made_by.model, made_by.version, sorted(made_by.weights.items()), content_key(pixels)]).encode())
    path = cached_baselines() / f"{key.hexdigest()}.json"
    size = (pixels.shape[0], pixels.shape[1])
    masks: Masks | None = None
    with contextlib.suppress(InputError, TypeError, AttributeError):
        masks = Masks([Mask(size, counts.encode("ascii", "replace")) for counts in read_json(path, _MOST)], size)
    if masks is None:
        masks = segmenter.open(pixels).everything(EverythingPrompt())
        with contextlib.suppress(OSError):  # Without a writable folder the masks are only made again.
            path.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(path, text=True) as file:
                json.dump([mask.counts.decode("ascii") for mask in masks], file)
    scored = [replace(mask, score=mask.area / (size[0] * size[1]), logits=None) for mask in masks]
    return Masks(sorted(scored, key=lambda mask: -(mask.score or 0.0)), size)


def baselines_of_concept(
    everything: Masks | None, whole: Mask, objects: Sequence[AnnotatedObject], ignored: Mask | None
) -> dict[str, Found]:
    """Return what each baseline finds, compared with the true objects of a concept.

    Args:
        everything: Masks of everything mode, the largest first; None if there is no segmenter for it.
        whole: Mask of the whole image.
        objects: The true objects; none if the image does not show the concept.
        ignored: Pixels that are left out.
    """
    found = {"whole_image": Found.of(Masks([replace(whole, score=1.0)], whole.size), objects, 0.5, ignored)}
    if everything is not None:
        found["everything_by_area"] = Found.of(everything, objects, 0.5, ignored)
        found["everything_best_areas"] = Found.of(_best_areas(everything, objects, ignored), objects, 0.5, ignored)
    return found


def union_baselines(everything: Masks | None, whole: Mask, joined: Mask, ignored: Mask | None) -> dict[str, float]:
    """Return the IoU of each baseline with the union of the objects: of the whole image, and of the largest mask of everything mode."""
    found = {"whole_image": metrics.iou(whole, joined, ignored=ignored)}
    if everything is not None:
        found["everything_largest"] = metrics.iou(everything[0], joined, ignored=ignored) if len(everything) else 0.0
    return found


def _best_areas(everything: Masks, objects: Sequence[AnnotatedObject], ignored: Mask | None) -> Masks:
    """Return the masks of the range of areas with the highest F1. The masks are ordered by area, so a range is a slice."""
    if not objects or not len(everything):
        return Masks([], everything.size)
    seen = Masks([metrics.without(mask, ignored) for mask in everything], everything.size)
    right = matched_ious(seen.iou_matrix(Masks([true.mask for true in objects], everything.size))) >= 0.5
    hits = np.concatenate([[0], right.cumsum()])
    starts, ends = np.triu_indices(len(hits), 1)
    best = int(np.argmax((hits[ends] - hits[starts]) / (ends - starts + len(objects))))
    return everything.where(np.arange(starts[best], ends[best]))
