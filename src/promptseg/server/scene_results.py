"""`SceneResult`: the masks of a raster, as an engine answers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..results import Provenance
from ..scene_masks import SceneMasks


@dataclass(frozen=True)
class SceneResult:
    """Masks that a pipeline made of spatial prompts in a raster.

    Attributes:
        masks: The masks. `SceneMask.mask` has the index of its prompt.
        timings: Seconds by stage.
        provenance: One entry for each model that took part.
    """

    masks: SceneMasks
    timings: Mapping[str, float] = field(default_factory=dict)
    provenance: tuple[Provenance, ...] = ()
