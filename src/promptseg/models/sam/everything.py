"""Everything mode: a grid of points decoded, filtered first, and only the survivors upsampled.

The settings and results are those of ``SamAutomaticMaskGenerator`` in segment-anything; the order of the work is not. Upstream upsamples
three masks a point to the photo's size and then drops the bad ones. Here the predicted IoU decides before any mask is computed, masks
that are clearly unstable go at low resolution, and the rest are upsampled one by one, inside the rectangle that they can reach, and
run-length encoded at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask, Masks, Size
from ...postprocess import box_nms, clean_regions
from ...prompts import EverythingPrompt
from ...runtime.progress import track
from .crops import Crop, crops
from .geometry import Geometry
from .model import FOREGROUND, PADDING, Embedding, PointPrompts, SamModel
from .upsample import upsampler

STABILITY_MARGIN = 0.1
"""How far the stability at low resolution may fall short before a mask is given up; it was off by at most 0.06 on photos."""


def segment_everything(model: SamModel, image: NDArray[np.uint8], embedding: Embedding, prompt: EverythingPrompt) -> Masks:
    """Masks of every object, best first.

    Args:
        model: The model.
        image: (H, W, 3) uint8 RGB, needed for crops.
        embedding: The whole image, encoded.
        prompt: The settings.
    """
    size = embedding.geometry.size
    kept: list[Mask] = []
    crop_areas: list[int] = []
    for crop in crops(size, prompt.crop_n_layers, prompt.crop_overlap_ratio):
        encoded = embedding
        if crop.layer:
            encoded = model.encode([np.ascontiguousarray(image[crop.y0 : crop.y1, crop.x0 : crop.x1])])[0]
        found = _without_duplicates(_masks_of_crop(model, encoded, crop, size, prompt), prompt.box_nms_thresh)
        kept += found
        crop_areas += [crop.size[0] * crop.size[1]] * len(found)
    if prompt.crop_n_layers:  # Of duplicates, the one from the smaller crop was seen in more detail.
        kept = [kept[i] for i in box_nms(_inclusive_boxes(kept), 1 / np.array(crop_areas), prompt.crop_nms_thresh)]
    if prompt.min_mask_region_area:
        kept = _clean(kept, prompt)
    kept.sort(key=lambda mask: -(mask.score or 0.0))
    return Masks(kept, size)


def _masks_of_crop(model: SamModel, embedding: Embedding, crop: Crop, size: Size, prompt: EverythingPrompt) -> list[Mask]:
    """The stable masks of one crop, duplicates among them."""
    geometry = embedding.geometry
    points = geometry.to_input(prompt.grid(crop.layer) * np.array(geometry.size[::-1], np.float32))
    batches = [points[start : start + model.decode_batch] for start in range(0, len(points), model.decode_batch)]

    def masks_of(batch: NDArray[np.float32]) -> list[Mask]:
        found = (_mask(logits, score, geometry, crop, size, prompt) for score, logits in _candidates(model, embedding, batch, prompt))
        return [mask for mask in found if mask is not None]

    # Whole batches on threads of their own keep the processors busier than threads within each small operation.
    with ThreadPoolExecutor(model.workers) as pool:
        done = track(pool.map(masks_of, batches), total=len(batches), unit="batch")
        return [mask for masks in done for mask in masks]


def _candidates(
    model: SamModel, embedding: Embedding, points: NDArray[np.float32], prompt: EverythingPrompt
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Score and low-resolution logits of each candidate of a batch of points that is good enough."""
    padded = np.stack([points, np.zeros_like(points)], axis=1)
    labels = np.tile(np.array([[FOREGROUND, PADDING]]), (len(points), 1))
    decoded = model.decode(embedding, PointPrompts(padded, labels), one_thread=True)
    among = np.array(model.decoder_config.ambiguous)
    least = model.decoder_config.pred_iou_thresh if prompt.pred_iou_thresh is None else prompt.pred_iou_thresh
    for row, scores in enumerate(decoded.scores):
        good = among[scores[among] > least]
        if len(good):
            logits = decoded.logits(row, good.tolist(), embedding.geometry.low_res_used())
            yield from zip(scores[good].tolist(), logits, strict=True)


def _mask(logits: NDArray[np.float32], score: float, geometry: Geometry, crop: Crop, size: Size, prompt: EverythingPrompt) -> Mask | None:
    """The mask at the photo's size, or None where it is unstable, empty or cut by the edge of its crop."""
    height, width = geometry.low_res_content_size()
    offset = prompt.stability_score_offset
    if _stability(logits[:height, :width], offset) < prompt.stability_score_thresh - STABILITY_MARGIN:
        return None
    upsampled = upsampler(geometry)(logits, level=-offset)
    if _stability(upsampled.values, offset) < prompt.stability_score_thresh:
        return None
    origin = (upsampled.origin[0] + crop.x0, upsampled.origin[1] + crop.y0)
    mask = Mask.from_crop(upsampled.values > 0, origin, size, score=score)
    return mask if mask.area and not crop.cuts(mask.box, size) else None


def _stability(logits: NDArray[np.float32], offset: float) -> float:
    """IoU of the masks cut at ``+offset`` and ``-offset``: the one lies within the other."""
    union = np.count_nonzero(logits > -offset)
    return np.count_nonzero(logits > offset) / union if union else 0.0


def _without_duplicates(masks: list[Mask], threshold: float) -> list[Mask]:
    scores = np.array([mask.score for mask in masks], np.float32)
    return [masks[i] for i in box_nms(_inclusive_boxes(masks), scores, threshold)]


def _inclusive_boxes(masks: list[Mask]) -> NDArray[np.float32]:
    """Boxes whose right and bottom edges are the last pixel: upstream measures box IoU so, and its duplicates are then ours."""
    return np.array([mask.box for mask in masks], np.float32).reshape(-1, 4) - np.array([0, 0, 1, 1], np.float32)


def _clean(masks: list[Mask], prompt: EverythingPrompt) -> list[Mask]:
    """Removes small holes and islands; of masks that became duplicates, one that needed no change is preferred."""
    cleaned = [clean_regions(mask, prompt.min_mask_region_area) for mask in masks]
    unchanged = np.array([new == old for new, old in zip(cleaned, masks, strict=True)], np.float32)
    keep = box_nms(_inclusive_boxes(cleaned), unchanged, max(prompt.box_nms_thresh, prompt.crop_nms_thresh))
    return [cleaned[i] for i in keep if cleaned[i].area]
