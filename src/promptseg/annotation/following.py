"""Prompts for places in a raster, followed from the tile that is their image to others, where a border cuts the object.

The tiles that follow are those of `promptseg.tiling.placing.PlacedPrompt`, as in a session of `promptseg.open_tiled`: around the mask, and
then of coarser scales. The record of the image has the answer, whichever tile gave it, so that a run that is resumed asks nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ..masks import Mask, Masks
from ..prompts import Prompt, PromptKind, SpatialPrompt
from ..results import Result
from ..tiling.grid import Tile, TileGrid
from ..tiling.placing import PlacedPrompt
from .content import FileState
from .sources import SourceImage, SourceTile


@dataclass(frozen=True)
class PlaceAnswer:
    """How a prompt for a place was answered.

    Attributes:
        kinds: Kinds of what the model was given.
        tile: The tile that answered, as an index of `Followed.tiles`; None for the image's own.
        mask: The mask as that tile has it; None for the image's own.
    """

    kinds: frozenset[PromptKind]
    tile: int | None = None
    mask: Mask | None = None


class Followed:
    """The prompts of an image for places in its raster.

    Args:
        image: The image. Its prompts for places are in pixels of the raster.
        tile: The tile that it is.
        grids: The tiles of the raster, one grid for each scale, the finest first.
        accepts: Kinds of prompt that the segmenter takes. Without masks, the mask of a prompt that has more is left out.

    Attributes:
        tiles: The tiles that were asked after the image, in their order.
        states: Their states.
    """

    def __init__(self, image: SourceImage, tile: SourceTile, grids: Sequence[TileGrid], accepts: Collection[PromptKind]) -> None:
        self._image, self._tile, self._asked = image, tile, image.prompts or ()
        places = ((index, prompt) for index, prompt in enumerate(self._asked) if isinstance(prompt, SpatialPrompt))
        self._ways = {index: PlacedPrompt(index, _taken(prompt, accepts), grids) for index, prompt in places}
        self._kinds = {index: way.prompt.kinds for index, way in self._ways.items()}
        self._waiting: list[int] = []
        self._error: Exception | None = None
        self._seconds: list[tuple[str, float]] = []
        self.tiles: list[SourceTile] = []
        self.states: list[FileState] = []

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts of the image, in its pixels."""
        return tuple(self._ways[index].prompt if index in self._ways else prompt for index, prompt in enumerate(self._asked))

    def start(self, outcome: Result | Exception) -> None:
        """Take the outcome of the image itself."""
        self._take(range(len(self._asked)), outcome)

    def steps(self) -> list[tuple[SourceTile, list[int]]]:
        """Return the tiles that are to be asked next, each with the indices of prompts. After an error there are none."""
        found: dict[tuple[Tile, float], list[int]] = defaultdict(list)
        for index in self._waiting if self._error is None else ():
            found[self._ways[index].tile, self._ways[index].grid.scale].append(index)
        self._waiting = []
        return [(SourceTile(self._tile.raster, tile, scale), indices) for (tile, scale), indices in found.items()]

    def image_of(self, tile: SourceTile) -> SourceImage:
        """Return the tile of a step as an image, to be read."""
        return replace(self._image, asked=(), tile=tile)

    def prompts_in(self, indices: Sequence[int]) -> tuple[Prompt, ...]:
        """Return the prompts of a step, in pixels of its tile."""
        return tuple(self._ways[index].prompt for index in indices)

    def take(
        self, tile: SourceTile, indices: Sequence[int], outcome: Result | Exception | None, state: FileState | None, seconds: float
    ) -> None:
        """Take the outcome of a step.

        Args:
            tile: The tile of the step.
            indices: The indices of its prompts.
            outcome: What it showed; None where the tile has no data.
            state: State of what the tile shows; None if it could not be read.
            seconds: Seconds spent reading it.
        """
        self.tiles.append(tile)
        self.states += [] if state is None else [state]
        self._seconds += [("read", seconds), *(outcome.timings.items() if isinstance(outcome, Result) else ())]
        self._take(indices, outcome)

    def _take(self, indices: Sequence[int], outcome: Result | Exception | None) -> None:
        if isinstance(outcome, Exception):
            self._error = self._error or outcome
            return
        try:
            masks: dict[int, list[Mask]] = defaultdict(list)
            for mask in () if outcome is None else outcome.masks:
                if mask.prompt_index is not None and mask.area:
                    masks[indices[mask.prompt_index]].append(mask)
            for index in indices:
                if index in self._ways:
                    self._ways[index].take(masks[index])
                    self._waiting += [index] if self._ways[index].goes_on() else []
        except Exception as error:  # A backend may return anything, and one image must not end the run.
            self._error = self._error or error

    def answers(self) -> dict[int, PlaceAnswer]:
        """Return how each prompt for a place was answered, by its index."""
        return {index: self._answer(index) for index in self._ways}

    def _answer(self, index: int) -> PlaceAnswer:
        answer, kinds = self._ways[index].answer, self._kinds[index]
        if answer is None or answer.tile == self._tile.place:
            return PlaceAnswer(kinds)
        tile = next(number for number, each in enumerate(self.tiles) if each.place == answer.tile)
        return PlaceAnswer(kinds, tile, answer.masks[0])

    def outcome(self, first: Result | Exception) -> Result | Exception:
        """Return the outcome of the image. Of an object that another tile answered, it has the part that the image shows.

        Args:
            first: The outcome of the image itself.
        """
        if self._error is not None:
            return self._error
        if isinstance(first, Exception) or not self.tiles:
            return first
        moved = {index for index, answer in self.answers().items() if answer.tile is not None}
        masks = [self._seen(mask.prompt_index) if mask.prompt_index in moved else mask for mask in first.masks]
        timings = dict(first.timings)
        for stage, seconds in self._seconds:
            timings[stage] = timings.get(stage, 0.0) + seconds
        return replace(first, masks=Masks(masks, first.size), timings=timings)

    def _seen(self, index: int | None) -> Mask:
        place, whole = self._tile.place, self._ways[index or 0].masks[0]
        return whole.within(place.window).resized(place.input_size)


def _taken(prompt: SpatialPrompt, accepts: Collection[PromptKind]) -> SpatialPrompt:
    """Return what a model takes of a prompt. A prompt that is nothing but a mask stays, for the model to refuse."""
    return prompt if "mask" in accepts or prompt.kinds <= {"mask"} else prompt.without_mask()
