"""What was clicked on a raster, as Python that finds the same masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...masks import Size
from ...pipeline.config import PipelineConfig
from ...server.errors import RefusedError
from ...server.open_raster import TILE, scales_of
from ..copied_code import CopiedCode, EarlierMasks, PromptValues, heredoc, pipeline_expression, place_expression

SPATIAL = {"points", "foreground", "box", "mask"}
"""Members of a prompt for a place."""


def copied_raster_code(description: Mapping[str, Any], size: Size, prompts: Sequence[PromptValues], config: PipelineConfig) -> CopiedCode:
    """Return what segments a raster by prompts for places, as the server did.

    Args:
        description: How the raster is opened, as `Raster.description` tells it.
        size: ``(height, width)`` of the raster.
        prompts: The prompts.
        config: The pipeline that answered.

    Raises:
        RefusedError: There is no prompt, or one is for no place.
    """
    if not prompts or not all(each and each.keys() <= SPATIAL for each in prompts):
        raise RefusedError("on a raster, code is told of points, boxes and masks: promptseg annotate with --tile finds the rest")
    choice = [f"{name}={description[name]!a}" for name in ("bands", "limits") if description.get(name) is not None]
    lines = ["import promptseg as ps", "", f"raster = ps.open_raster({', '.join([ascii(description['path']), *choice])})"]
    lines += [f"pipeline = {pipeline_expression(config.model_copy(update={'detect': None, 'concept': None}))}"]
    lines += [f"session = pipeline.open_tiled(raster, tile={TILE}, scale={scales_of(size)!a})"]
    earlier = EarlierMasks(of_raster=True)
    asked = ", ".join(place_expression(each, earlier) for each in prompts)
    lines += [*earlier.lines, f"masks = session.segment([{asked}])", "print(masks, masks.boxes.tolist())", ""]
    python = "\n".join(lines)
    return CopiedCode(python, heredoc(python))
