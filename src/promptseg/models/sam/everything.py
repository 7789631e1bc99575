"""Everything mode: a grid of points is decoded and filtered, and only the remaining masks are upsampled.

The settings and results are those of ``SamAutomaticMaskGenerator`` in segment-anything; only the order of the steps differs. Upstream
upsamples three masks for each point to the image size and then drops the bad ones. Here candidates are first filtered by predicted IoU,
before any mask is computed. Clearly unstable masks are dropped at low resolution. The rest are upsampled one by one, only inside the
rectangle that can contain the mask, and run-length encoded at once.
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
from .geometry import InputGeometry
from .model import FOREGROUND, PADDING, Embedding, PointPrompts, SamModel
from .upsample import upsampler

STABILITY_MARGIN = 0.1
"""How far the stability score at low resolution may lie below the threshold before a mask is dropped.

On natural images the low-resolution score was off by at most 0.06.
"""


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
        found = _without_duplicates(_masks_of_crop(model, encoded, crop, size, prompt), prompt.box_nms_thresh)
        kept += found
        crop_areas += [crop.size[0] * crop.size[1]] * len(found)
    if prompt.crop_n_layers:  # Of duplicates, keep the one from the smaller crop: it has more detail.
        kept = [kept[i] for i in box_nms(_inclusive_boxes(kept), 1 / np.array(crop_areas), prompt.crop_nms_thresh)]
    if prompt.min_mask_region_area:
        kept = _clean(kept, prompt)
    kept.sort(key=lambda mask: -(mask.score or 0.0))
    return Masks(kept, size)


def _masks_of_crop(model: SamModel, embedding: Embedding, crop: Crop, size: Size, prompt: EverythingPrompt) -> list[Mask]:
    """Return the stable masks of one crop, duplicates included."""
    geometry = embedding.geometry
    points = geometry.to_input(prompt.grid(crop.layer) * np.array(geometry.size[::-1], np.float32))
    batches = [points[start : start + model.decode_batch] for start in range(0, len(points), model.decode_batch)]

    def masks_of(batch: NDArray[np.float32]) -> list[Mask]:
        found = (_mask(logits, score, geometry, crop, size, prompt) for score, logits in _candidates(model, embedding, batch, prompt))
        return [mask for mask in found if mask is not None]

    # One thread for each batch uses the processors better than several threads within each small operation.
    with ThreadPoolExecutor(model.workers) as pool:
        done = track(pool.map(masks_of, batches), stage="everything", total=len(batches), unit="batch")
        return [mask for masks in done for mask in masks]


def _candidates(
    model: SamModel, embedding: Embedding, points: NDArray[np.float32], prompt: EverythingPrompt
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Yield score and low-resolution logits of each candidate whose predicted IoU exceeds the threshold."""
    padded = np.stack([points, np.zeros_like(points)], axis=1)
    labels = np.tile(np.array([[FOREGROUND, PADDING]]), (len(points), 1))
    decoded = model.decode(embedding, PointPrompts(padded, labels), one_thread=True)
    among = np.array(model.decoder_config.multimask_indices)
    least = model.decoder_config.pred_iou_thresh if prompt.pred_iou_thresh is None else prompt.pred_iou_thresh
    for row, scores in enumerate(decoded.scores):
        good = among[scores[among] > least]
        if len(good):
            logits = decoded.logits(row, good.tolist(), embedding.geometry.low_res_used())
            yield from zip(scores[good].tolist(), logits, strict=True)


def _mask(
    logits: NDArray[np.float32], score: float, geometry: InputGeometry, crop: Crop, size: Size, prompt: EverythingPrompt
) -> Mask | None:
    """Return the mask at image size, or None if it is unstable, empty or cut by the edge of its crop."""
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
    """Return the stability score: IoU of the masks thresholded at ``+offset`` and ``-offset``. The first lies inside the second."""
    union = np.count_nonzero(logits > -offset)
    return np.count_nonzero(logits > offset) / union if union else 0.0


def _without_duplicates(masks: list[Mask], threshold: float) -> list[Mask]:
    scores = np.array([mask.score for mask in masks], np.float32)
    return [masks[i] for i in box_nms(_inclusive_boxes(masks), scores, threshold)]


def _inclusive_boxes(masks: list[Mask]) -> NDArray[np.float32]:
    """Return boxes whose right and bottom edges are the last pixel. Upstream measures box IoU this way, so duplicates are the same."""
    return np.array([mask.box for mask in masks], np.float32).reshape(-1, 4) - np.array([0, 0, 1, 1], np.float32)


def _clean(masks: list[Mask], prompt: EverythingPrompt) -> list[Mask]:
    """Remove small holes and islands, then duplicates. Of duplicates, a mask that was not changed is preferred."""
    cleaned = [clean_regions(mask, prompt.min_mask_region_area) for mask in masks]
    unchanged = np.array([new == old for new, old in zip(cleaned, masks, strict=True)], np.float32)
    keep = box_nms(_inclusive_boxes(cleaned), unchanged, max(prompt.box_nms_thresh, prompt.crop_nms_thresh))
    return [cleaned[i] for i in keep]
