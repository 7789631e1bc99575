"""`OpenImage`: an image that a pipeline has opened, for any number of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import PromptSegError
from ..masks import Size
from ..prompts import Prompt, SpatialPrompt
from ..protocols import Session, TellsSize
from ..results import Result
from . import stages

if TYPE_CHECKING:
    from .runner import BuiltPipeline


@dataclass(frozen=True, eq=False)
class OpenImage:
    """An image that a pipeline has opened. The segmenter has encoded it once; prompts then cost what decoding costs.

    It is immutable and safe to share between threads. `BuiltPipeline.open` makes it.

    Attributes:
        pipeline: The pipeline.
        image: (H, W, 3) uint8 RGB.
        session: The image as the segmenter has opened it, or None without a segmenter.
        source: Path of the image, or None if it did not come from a file.
    """

    pipeline: BuiltPipeline
    image: NDArray[np.uint8] = field(repr=False)
    session: Session | None = None
    source: str | None = None

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def nbytes(self) -> int:
        """Number of bytes of the image and, where the session tells it, of its embedding. The first prompt may add to it."""
        session: object = self.session
        return session.nbytes if isinstance(session, TellsSize) else self.image.nbytes

    def __call__(self, *prompts: Prompt, candidates: bool = False) -> Result:
        """Return what the pipeline returns for the image and prompts: the arguments and errors are those of `BuiltPipeline`."""
        stages.check(self.pipeline, prompts)
        return stages.finish(self.pipeline, stages.begin_open(self.pipeline, self, prompts), candidates)

    def each(self, asked: Sequence[Sequence[Prompt]], *, candidates: bool = False) -> list[Result | PromptSegError]:
        """Return a result for each of several lists of prompts, or the error that it causes.

        Spatial prompts of all lists are decoded together, which is faster than list by list. The masks are the same.

        Args:
            asked: Lists of prompts. Each gives a result of its own.
            candidates: Whether to return all masks that the segmenter proposes for a spatial prompt.
        """
        together = [index for index, prompts in enumerate(asked) if self._fits(prompts)]
        outcomes: dict[int, Result | PromptSegError] = {}
        if len(together) > 1:
            try:
                results = self._together([asked[index] for index in together], candidates)
                outcomes = dict(zip(together, results, strict=True))
            except PromptSegError:
                outcomes = {}  # Each is then run alone, so that the error reaches the one that causes it.
        for index, prompts in enumerate(asked):
            if index not in outcomes:
                try:
                    outcomes[index] = self(*prompts, candidates=candidates)
                except PromptSegError as error:
                    outcomes[index] = error
        return [outcomes[index] for index in range(len(asked))]

    def _together(self, asked: Sequence[Sequence[Prompt]], candidates: bool) -> list[Result]:
        """Return the results of several lists of spatial prompts, decoded together."""
        for prompts in asked:
            stages.check(self.pipeline, prompts)
        joined = stages.begin_open(self.pipeline, self, [prompt for prompts in asked for prompt in prompts])
        masks, results, first = list(stages.prompt_masks(joined, candidates)), [], 0
        for prompts in asked:
            own = [
                replace(mask, prompt_index=(mask.prompt_index or 0) - first)
                for mask in masks
                if first <= (mask.prompt_index or 0) < first + len(prompts)
            ]
            state = replace(joined, prompts=tuple(prompts), timer=joined.timer.copy())
            results.append(stages.result_of(self.pipeline, state, own))
            first += len(prompts)
        return results

    def _fits(self, prompts: Sequence[Prompt]) -> bool:
        """Return whether there are prompts, and all are spatial and lie inside the image."""
        try:
            return bool(prompts) and all(isinstance(prompt, SpatialPrompt) and prompt.on_image(self.size) for prompt in prompts)
        except PromptSegError:
            return False
