"""The clean stage of a pipeline."""

from __future__ import annotations

from .. import postprocess
from ..masks import Masks
from .config import CleanStage


def clean(masks: Masks, stage: CleanStage) -> Masks:
    """Return the masks after the steps of a clean stage, in the order of its fields."""
    if stage.fill_holes:
        masks = postprocess.fill_holes(masks, None if stage.fill_holes is True else stage.fill_holes)
    if stage.min_island:
        masks = postprocess.drop_islands(masks, stage.min_island)
    if stage.min_area:
        masks = postprocess.drop_small(masks, stage.min_area)
    if stage.nms is not None:
        masks = postprocess.nms(masks, stage.nms)
    if stage.merge:
        masks = postprocess.merge_by_label(masks)
    if stage.max_masks is not None:
        masks = postprocess.keep_best(masks, stage.max_masks)
    return masks
