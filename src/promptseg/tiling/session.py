"""`TiledSession`: a raster of any size, open for prompts. `open_tiled` makes one."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from .._checks import flag, is_number, whole_number
from .._prompt_hints import not_everything
from ..errors import ConfigError, InputError, InputWarning, PromptError, shown
from ..image_formats import MAX_PIXELS
from ..masks import Mask, Size
from ..prompts import Concept, EverythingPrompt, Prompt, TextPrompt, spatial
from ..protocols import EmbeddingStore
from ..rasters.raster import Raster
from ..rasters.window import Window
from ..results import Provenance
from ..runtime.forking import StaysInProcess
from ..runtime.progress import track
from ..scene_masks import SceneMasks
from .asking import Ask, TiledModel, checked, images_together, models_of
from .examples import for_tile, with_tiles
from .grid import Tile, TileGrid
from .joining import joined, told_cut
from .open_tiles import OpenTiles
from .pieces import Piece, pieces_of
from .placing import PlacedPrompt, with_coarser
from .searching import found_in, tile_of, too_large

TiledSource = Union[Raster, str, "os.PathLike[str]", NDArray[Any]]
"""What `open_tiled` takes: a raster, or what `promptseg.open_raster` takes."""


def open_tiled(
    model: TiledModel,
    source: TiledSource,
    *,
    tile: int = 1024,
    overlap: int | None = None,
    scale: float | Sequence[float] = 1.0,
    cache: EmbeddingStore | None = None,
) -> TiledSession:
    """Open a raster of any size for prompts, tile by tile.

    Args:
        model: A segmenter, as `promptseg.load` returns it, or a built pipeline.
        source: A raster, or what `promptseg.open_raster` takes.
        tile: Width and height of a tile as the model sees it, in pixels, at least 64.
        overlap: Minimum overlap of neighboring tiles as the model sees them, in pixels; at most half of `tile`. Default: an eighth.
        scale: Pixels of a tile for each pixel of the raster, or several: ``(1.0, 0.25)`` also finds objects that are larger than a tile.
        cache: Store of the tiles' embeddings, such as ``EmbeddingCache(folder=…)``. None: what the model has.

    Raises:
        ConfigError: The model is neither, or a setting is out of its range.
        InputError: The source cannot be read.
    """
    asked, scales = checked(model), _scales(scale)
    overlap = whole_number("tile", tile, 1) // 8 if overlap is None else overlap
    TileGrid((1, 1), tile, overlap)  # Settings are checked before a file is read.
    raster = _raster(source)
    owns = raster is not source
    try:
        grids = tuple(TileGrid(raster.size, tile, overlap, each) for each in scales)
        return TiledSession(asked if cache is None else asked.with_cache(cache), raster, grids, owns=owns)
    except BaseException:
        if owns:
            raster.close()
        raise


_open_tiled = open_tiled


class OpensTiled:
    """Base of segmenters and pipelines: the method `open_tiled`, which is the function with the model as its first argument."""

    open_tiled = _open_tiled


class TiledSession(StaysInProcess):
    """A raster that is open for prompts. Each prompt goes to a tile that holds it; what tiles show of an object is joined.

    `open_tiled` makes it. It is a context manager, and closes the raster if it owns it. Threads may share it. On an accelerator, eight
    tiles are read and encoded together.

    Args:
        model: A segmenter or built pipeline.
        raster: The raster.
        grids: The tiles, one grid for each scale, the finest first.
        owns: Whether the raster is closed with the session.

    Attributes:
        raster: The raster.
        grids: The tiles, one grid for each scale, the finest first.
    """

    def __init__(self, model: TiledModel, raster: Raster, grids: Sequence[TileGrid], *, owns: bool = False) -> None:
        self.raster, self.grids = raster, tuple(grids)
        self._model, self._owns = model, owns
        self._together = images_together(models_of(model))
        self._tiles = OpenTiles(model, raster)
        self._closed = False

    def __repr__(self) -> str:
        height, width = self.size
        models = ", ".join(each.model for each in self.provenance)
        tiles = " + ".join(f"{len(grid)} tiles at scale {grid.scale:g}" for grid in self.grids)
        return f"TiledSession({self.raster.name}, {width} wide, {height} high, {models}, {tiles})"

    @property
    def size(self) -> Size:
        """``(height, width)`` of the raster in pixels."""
        return self.raster.size

    @property
    def provenance(self) -> tuple[Provenance, ...]:
        """Name, backend, weights and license of each model."""
        return models_of(self._model)

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds spent so far, by stage: ``read``, ``encode``, ``segment`` and ``join``."""
        return self._tiles.seconds

    def overview(self, longest: int = 1024) -> NDArray[np.uint8]:
        """Return the whole raster as a small image for people, (H, W, 3) uint8 RGB.

        Args:
            longest: Number of pixels of its longer side, at most. The raster is not enlarged.

        Raises:
            ConfigError: `longest` is no whole number from 1 to 16384.
            InputError: The session is closed, or the raster cannot be read.
        """
        self._check_open()
        height, width = self.size
        share = min(1.0, whole_number("longest", longest, 1, most=16_384) / max(height, width))
        return self.raster.read(Window(0, 0, height, width), (max(1, round(height * share)), max(1, round(width * share))))

    def segment(self, prompts: Iterable[Prompt], *, candidates: bool = False) -> SceneMasks:
        """Return the masks of spatial prompts, in their order; `SceneMask.mask` has the index of the prompt as `prompt_index`.

        A prompt goes to the tile that holds it best, or to one of its own around it. If the border of the tile cuts the mask, the tile is
        moved to the middle of the mask. If it is still cut, the next coarser scale is asked. A prompt for which the model finds nothing has
        no mask. Points of the background outside of the tile are left out.

        An answer is refined by giving it again, as ``Prompt.mask(masks[0]) + Prompt.point(x, y)``. Its pixels count: logits are of a tile,
        and the next answer may be another tile's.

        Args:
            prompts: Spatial prompts in pixels of the raster, one for each object.
            candidates: Whether to return all masks that the model proposes for each prompt, not only the best.

        Raises:
            PromptError: A prompt is not spatial, does not lie in the raster, is an empty mask, has the logits of a mask, or is of a kind
                that the model does not take.
            InputError: The session is closed, or the raster cannot be read.

        Warns:
            InputWarning: The border of the tile cuts a mask at every scale. The rest of the object is missing.
        """
        self._check_open()
        candidates = flag("candidates", candidates, PromptError)
        asked = [PlacedPrompt(index, prompt, self.grids) for index, prompt in enumerate(spatial(prompts, self.size, raster=True))]
        waiting = asked
        while waiting:
            waiting = self._asked(waiting, candidates=False)
        if cut := [index for index, each in enumerate(asked) if each.cut]:
            self._warn_of_cut(cut)
        if candidates:
            self._asked(asked, candidates=True)
        return SceneMasks((mask for each in asked for mask in each.masks), self.size)

    def _warn_of_cut(self, prompts: Sequence[int]) -> None:
        which = f"prompt {prompts[0]}" + (f" and {len(prompts) - 1} more" if len(prompts) > 1 else "")
        message = f"the object of {which} reaches the border of its tile at every scale, and is cut there{self._coarser()}"
        warnings.warn(message, InputWarning, stacklevel=3)

    def _coarser(self) -> str:
        """Return the advice to show objects whole that a tile cuts at every scale."""
        scales = with_coarser(self.grids)
        return f": add a coarser scale, such as scale=({', '.join(f'{scale:g}' for scale in scales)})" if scales else ""

    def everything(self, prompt: EverythingPrompt | None = None) -> SceneMasks:
        """Return a mask of every object that the model finds in any tile, in the order of their places, row by row.

        Args:
            prompt: Settings from `Prompt.everything`, for each tile; None for the defaults.

        Raises:
            PromptError: `prompt` is not made by `Prompt.everything`.
            InputError: The session is closed, or the raster cannot be read.

        Warns:
            InputWarning: Objects reach the border of a tile at every scale. A part of them may be missing.
        """
        self._check_open()
        if not isinstance(prompt, (EverythingPrompt, type(None))):
            raise PromptError(f"everything() takes Prompt.everything(), got {shown(prompt)}{not_everything(prompt)}")
        return self._over_tiles([prompt or EverythingPrompt()])

    def find(self, *prompts: Prompt) -> SceneMasks:
        """Return every object that phrases or examples describe, in the order of their places, row by row.

        Args:
            *prompts: Text prompts and examples, for a pipeline. An example without an image is in the raster. None: every class that the
                pipeline's detector knows.

        Raises:
            PromptError: A prompt is of another kind, or an example does not lie in the raster.
            IncompatibleStagesError: The session is a segmenter's, or a prompt needs a stage that the pipeline lacks.
            InputError: The session is closed, or the raster cannot be read.

        Warns:
            InputWarning: Objects reach the border of a tile at every scale. A part of them may be missing.
        """
        self._check_open()
        for index, prompt in enumerate(prompts):
            if not isinstance(prompt, (TextPrompt, Concept)):
                raise PromptError(f"prompt {index} is {shown(prompt)}, where text and examples are taken: use segment() or everything()")
        return self._over_tiles(prompts)

    def search(self, window: Window, *prompts: Prompt) -> SceneMasks:
        """Return what phrases, examples or everything mode find in one window, in the order in which the model tells it.

        The window is one tile. A longer one than `tile` is reduced to it, so that small objects vanish and large ones are seen whole. The
        border of the window cuts objects. One whose box has more than `promptseg.images.MAX_PIXELS` pixels is left out.

        Args:
            window: The window, which lies in the raster.
            *prompts: Text prompts, examples and everything mode; a segmenter takes everything mode alone. An example without an image is
                in the raster, within the window or elsewhere. None: every class that the pipeline's detector knows.

        Raises:
            PromptError: A prompt is of another kind, or an example does not lie in the raster.
            IncompatibleStagesError: The session is a segmenter's, or a prompt needs a stage that the pipeline lacks.
            InputError: The window reaches beyond the raster, the session is closed, or the raster cannot be read.

        Warns:
            InputWarning: Objects are left out.
        """
        self._check_open()
        height, width = self.size
        if not isinstance(window, Window):
            raise InputError(f"search() takes a Window and then prompts, got {shown(window)}: write Window(y, x, height, width)")
        if window.bottom > height or window.right > width:
            raise InputError(f"a window lies in the raster of {width} x {height} pixels, got {window.box} as (x0, y0, x1, y1)")
        for index, prompt in enumerate(prompts):
            if not isinstance(prompt, (TextPrompt, Concept, EverythingPrompt)):
                raise PromptError(f"prompt {index} is {shown(prompt)}, where text, examples and everything mode are taken: use segment()")
        tile = tile_of(window, self.grids[0].tile)
        valid = self._tiles.valid(tile)
        if not valid.any():
            return SceneMasks((), self.size)
        bound = [for_tile(prompt, tile, self.size, self.grids[0].tile, self._tiles.read) for prompt in prompts]
        (ask,) = self._tiles.open([tile])
        with self._tiles.timed("segment"):
            masks = ask(bound, False)
        if left_out := sum(too_large(mask, tile) for mask in masks):
            message = f"{left_out} found in {window.box} left out, as the box has more than {MAX_PIXELS} pixels: search a smaller window"
            warnings.warn(message, InputWarning, stacklevel=2)
        return SceneMasks(found_in(masks, tile, valid), self.size)

    def close(self) -> None:
        """Close the session and the tiles that it keeps, and the raster, if the session opened it. No prompt is answered any more."""
        self._closed = True
        self._tiles.close()
        if self._owns:
            self.raster.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InputError(f"the session of {self.raster.name} is closed, and answers no prompts any more: open the raster again")

    def __enter__(self) -> TiledSession:  # noqa: PYI034 - Python 3.10 has no Self.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _over_tiles(self, prompts: Sequence[Prompt]) -> SceneMasks:
        pieces: list[Piece] = []
        by_grid = [(grid, tile) for grid in self.grids for tile in grid]
        bound = {
            grid.scale: [with_tiles(prompt, self.size, self.grids[index:], self._tiles.read) for prompt in prompts]
            for index, grid in enumerate(self.grids)
        }
        tiles = iter(track(by_grid, stage="tiles", total=len(by_grid), unit="tile"))
        while batch := list(itertools.islice(tiles, self._together)):
            valid = [self._tiles.valid(tile) for _, tile in batch]
            there = [(*each, own) for each, own in zip(batch, valid, strict=True) if own.any()]
            for (grid, tile, own), ask in zip(there, self._tiles.open([tile for _, tile, _ in there], keep=False), strict=True):
                with self._tiles.timed("segment"):
                    masks = ask(bound[grid.scale], False)
                with self._tiles.timed("join"):
                    pieces += pieces_of(masks, tile, grid, own)
        with self._tiles.timed("join"):
            found = joined(pieces, self.size)
        if found.cut:
            warnings.warn(told_cut(found.cut) + self._coarser(), InputWarning, stacklevel=3)
        return found.masks

    def _asked(self, prompts: Sequence[PlacedPrompt], *, candidates: bool) -> list[PlacedPrompt]:
        """Ask the tiles of prompts, and return the prompts that are to be asked of further tiles."""
        by_tile: dict[Tile, list[PlacedPrompt]] = {}
        for each in prompts:
            by_tile.setdefault(each.tile, []).append(each)
        tiles = iter(by_tile)
        while batch := list(itertools.islice(tiles, self._together)):
            for tile, ask in zip(batch, self._tiles.open(batch), strict=True):
                self._take(by_tile[tile], ask, candidates)
        return [] if candidates else [each for each in prompts if each.goes_on()]

    def _take(self, prompts: Sequence[PlacedPrompt], ask: Ask, candidates: bool) -> None:
        """Ask one tile for prompts, and give them its masks."""
        with self._tiles.timed("segment"):
            masks = ask([each.prompt for each in prompts], candidates)
        found: dict[int, list[Mask]] = {}
        for position, mask in enumerate(masks):
            if mask.area:
                found.setdefault(position if mask.prompt_index is None else mask.prompt_index, []).append(mask)
        for position, each in enumerate(prompts):
            each.take(found.get(position, []))


def _scales(scale: object) -> list[float]:
    """Return one or several scales, the finest first.

    Raises:
        ConfigError: They are no numbers above 0 and at most 1, or one is there twice.
    """
    given: list[Any] = list(scale) if isinstance(scale, Sequence) and not isinstance(scale, (str, bytes)) else [scale]
    if not given or not all(is_number(each) and 0 < each <= 1 for each in given) or len(set(given)) < len(given):
        raise ConfigError(f"scale is a number above 0 and at most 1, or several that differ, such as (1.0, 0.25); got {shown(scale)}")
    return sorted((float(each) for each in given), reverse=True)


def _raster(source: TiledSource) -> Raster:
    if isinstance(source, Raster):
        return source
    from ..rasters.opening import open_raster  # It loads OpenCV, which models that are only listed do not need.

    return open_raster(source)
