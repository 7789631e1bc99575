"""Everything mode: a grid of points is decoded and filtered, and only the remaining masks are brought to image size.

The settings and results are those of ``SamAutomaticMaskGenerator`` in segment-anything; only the order of the steps differs. Upstream
upsamples three masks for each point to the image size and then drops the bad ones. Here candidates are first filtered by predicted IoU,
before any mask is computed. Clearly unstable masks are dropped at low resolution. The rest are measured at image size where the model
computed them (`MaskBatch.stable`), and those that are not duplicates become run lengths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask, Masks, Size
from ...postprocess import box_nms, clean_regions
from ...prompts import EverythingPrompt
from ...runtime.progress import track
from .crops import Crop, crops
from .mask_batch import Place, Stability, StableMasks
from .model import FOREGROUND, PADDING, Embedding, PointPrompts, SamModel
from .parallel import in_parallel


def segment_everything(model: SamModel, image: NDArray[np.uint8], embedding: Embedding, prompt: EverythingPrompt) -> Masks:
    """Return masks of every object, best first.

    Args:
        model: The model.
        image: (H, W, 3) uint8 RGB, from which crops are taken.
        embedding: The embedding of the whole image.
        prompt: Settings of everything mode.
    """
    size = embedding.geometry.size
    kept: list[Mask] = []
    crop_areas: list[int] = []
    for crop in crops(size, prompt.crop_n_layers, prompt.crop_overlap_ratio):
        encoded = embedding
        if crop.layer:
            encoded = model.encode([np.ascontiguousarray(image[crop.y0 : crop.y1, crop.x0 : crop.x1])])[0]
        found = _masks_of_crop(model, encoded, crop, size, prompt)
        kept += found
        crop_areas += [crop.size[0] * crop.size[1]] * len(found)
    if prompt.crop_n_layers:  # Of duplicates, keep the one from the smaller crop: it has more detail.
        kept = [kept[i] for i in box_nms(_inclusive_boxes(kept), 1 / np.array(crop_areas), prompt.crop_nms_thresh)]
    if prompt.min_mask_region_area:
        kept = _clean(kept, prompt)
    return Masks(sorted(kept, key=_worst_last), size)


def _masks_of_crop(model: SamModel, embedding: Embedding, crop: Crop, size: Size, prompt: EverythingPrompt) -> list[Mask]:
    """Return the stable masks of one crop, without duplicates, best first."""
    geometry = embedding.geometry
    points = geometry.to_input(prompt.grid(crop.layer) * np.array(geometry.size[::-1], np.float32))
    batches = [points[start : start + model.decode_batch] for start in range(0, len(points), model.decode_batch)]

    def masks_of(batch: NDArray[np.float32]) -> _Found | None:
        return _found(model, embedding, batch, crop, size, prompt)

    done = track(in_parallel(masks_of, batches, model.workers), stage="everything", total=len(batches), unit="batch")
    found = [each for each in done if each is not None]
    if not found:
        return []
    boxes, scores = (np.concatenate(arrays) for arrays in zip(*((each.boxes, each.scores) for each in found), strict=True))
    kept = set(box_nms(_inclusive(boxes), scores.astype(np.float32), prompt.box_nms_thresh))
    masks: list[Mask] = []
    start = 0
    for each in found:
        own = [index for index in range(len(each.scores)) if start + index in kept]
        encoded = each.masks.run_lengths(each.indices[own].tolist())
        masks += [Mask(size, counts, float(each.scores[index])) for index, counts in zip(own, encoded, strict=True)]
        start += len(each.scores)
    return sorted(masks, key=_worst_last)


class _Found(NamedTuple):
    """The M masks of one batch of points that are kept.

    Attributes:
        masks: Stable masks, some of which are not kept.
        indices: Which of them are kept (M,).
        boxes: Their boxes (M, 4), in pixels of the whole image.
        scores: Their predicted IoU (M,).
    """

    masks: StableMasks
    indices: NDArray[np.intp]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float64]


def _found(
    model: SamModel, embedding: Embedding, points: NDArray[np.float32], crop: Crop, size: Size, prompt: EverythingPrompt
) -> _Found | None:
    """Return the masks of a batch of points that exceed the predicted IoU, are stable and are not cut by an edge of their crop."""
    padded = np.stack([points, np.zeros_like(points)], axis=1)
    labels = np.tile(np.array([[FOREGROUND, PADDING]]), (len(points), 1))
    decoded = model.decode(embedding, PointPrompts(padded, labels), one_thread=True)
    among = np.array(model.decoder_config.multimask_indices)
    least = model.decoder_config.pred_iou_thresh if prompt.pred_iou_thresh is None else prompt.pred_iou_thresh
    scores = decoded.scores[:, among]
    wanted = scores > least
    if model.decoder_config.one_mask_a_point:
        wanted &= np.arange(len(among)) == scores.argmax(axis=1)[:, None]
    rows, places = np.nonzero(wanted)
    if not len(rows):
        return None
    pairs = list(zip(rows.tolist(), among[places].tolist(), strict=True))
    criterion = Stability(prompt.stability_score_offset, prompt.stability_score_thresh)
    masks = decoded.masks(pairs, embedding.geometry).stable(criterion, Place((crop.x0, crop.y0), size))
    whole = np.flatnonzero([not crop.cuts(box, size) for box in masks.boxes])
    kept = np.array([decoded.scores[pairs[index]] for index in masks.indices[whole]], np.float64)
    return _Found(masks, whole, masks.boxes[whole], kept) if len(whole) else None


def _worst_last(mask: Mask) -> float:
    return -(mask.score or 0.0)


def _inclusive_boxes(masks: list[Mask]) -> NDArray[np.float32]:
    """Return boxes whose right and bottom edges are the last pixel. Upstream measures box IoU this way, so duplicates are the same."""
    return _inclusive(np.array([mask.box for mask in masks], np.float32).reshape(-1, 4))


def _inclusive(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return boxes - np.array([0, 0, 1, 1], np.float32)


def _clean(masks: list[Mask], prompt: EverythingPrompt) -> list[Mask]:
    """Remove small holes and islands, then duplicates. Of duplicates, a mask that was not changed is preferred."""
    cleaned = [clean_regions(mask, prompt.min_mask_region_area) for mask in masks]
    unchanged = np.array([new == old for new, old in zip(cleaned, masks, strict=True)], np.float32)
    keep = box_nms(_inclusive_boxes(cleaned), unchanged, max(prompt.box_nms_thresh, prompt.crop_nms_thresh))
    return [cleaned[i] for i in keep]
