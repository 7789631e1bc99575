"""`OpenRaster`: a raster that a pipeline has open. Prompts go to the tiles that they need, to one window, or to all tiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from ..errors import PromptSegError
from ..masks import Size
from ..pipeline import BuiltPipeline
from ..prompts import EverythingPrompt, Prompt, SpatialPrompt
from ..rasters.opening import reopen_raster
from ..rasters.window import Window
from ..scene_masks import SceneMasks
from ..tiling.open_tiles import KEPT_BYTES
from .errors import RefusedError
from .rasters import StoredRaster
from .scene_results import SceneResult

TILE = 1024
"""Width and height of a tile as the model sees it."""

SCALES = (1.0, 1 / 4, 1 / 12)
"""Scales at which a raster is asked, the finest first: a click that means more than a tile shows is asked at the next one.

At the last one, a tile shows nearly as many pixels as an image may have.
"""


class OpenRaster:
    """A raster that is open for prompts. Only one thread may use it.

    Args:
        pipeline: The pipeline.
        stored: The raster.

    Raises:
        InputError: The raster cannot be read, or was changed since it was offered.
        MissingDependencyError: A package that reads it is not installed.
    """

    def __init__(self, pipeline: BuiltPipeline, stored: StoredRaster) -> None:
        self._raster = reopen_raster(stored.description)
        try:
            self._session = pipeline.open_tiled(self._raster, tile=TILE, scale=scales_of(self._raster.size))
        except BaseException:
            self._raster.close()
            raise

    @property
    def nbytes(self) -> int:
        """Maximum size of the tiles that are kept open."""
        return KEPT_BYTES

    def each(self, asked: Sequence[Sequence[Prompt]], *, candidates: bool = False) -> list[SceneResult | PromptSegError]:
        """Return a result for each of several lists of spatial prompts, or the error that it causes.

        Args:
            asked: Lists of prompts. Each gives a result of its own.
            candidates: Whether to return all masks that the segmenter proposes for a prompt.
        """
        return [self._one(prompts, candidates) for prompts in asked]

    def within(self, window: Window, prompts: Sequence[Prompt]) -> SceneResult | PromptSegError:
        """Return what phrases, examples or everything mode find in a window, or the error that they cause: `TiledSession.search`."""
        try:
            return self._timed(lambda: self._session.search(window, *prompts))
        except PromptSegError as error:
            return error

    def everywhere(self, prompts: Sequence[Prompt]) -> SceneResult:
        """Return what phrases, examples or everything mode find in all tiles. It reports its progress.

        Raises:
            PromptSegError: The errors are those of `TiledSession.everything` and `TiledSession.find`.
        """
        if len(prompts) == 1 and isinstance(prompts[0], EverythingPrompt):
            settings = prompts[0]
            return self._timed(lambda: self._session.everything(settings))
        return self._timed(lambda: self._session.find(*prompts))

    def close(self) -> None:
        """Close the raster."""
        self._raster.close()

    def _one(self, prompts: Sequence[Prompt], candidates: bool) -> SceneResult | PromptSegError:
        try:
            check_spatial(prompts)
            return self._timed(lambda: self._session.segment(prompts, candidates=candidates))
        except PromptSegError as error:
            return error

    def _timed(self, ask: Callable[[], SceneMasks]) -> SceneResult:
        before = self._session.timings
        masks = ask()
        timings = {stage: seconds - before.get(stage, 0.0) for stage, seconds in self._session.timings.items()}
        return SceneResult(masks, timings, self._session.provenance)


def check_spatial(prompts: Sequence[Prompt]) -> None:
    """Check that prompts are such as can be asked of a raster without a window.

    Raises:
        RefusedError: One is not spatial, or there is none.
    """
    if not prompts or not all(isinstance(prompt, SpatialPrompt) for prompt in prompts):
        raise RefusedError(
            "on a raster, words, examples and everything mode look in a part of it: give a window, [x0, y0, x1, y1] in whole pixels. "
            "In all of it, promptseg annotate with --tile finds objects"
        )


def scales_of(size: Size) -> tuple[float, ...]:
    """Return the scales at which a raster of a size ``(height, width)`` is asked: coarser ones where a tile does not show all of it."""
    coarser = [scale for finer, scale in itertools.pairwise(SCALES) if max(size) * finer > TILE]
    return (SCALES[0], *coarser)
