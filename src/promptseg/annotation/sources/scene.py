"""A raster as a source: its tiles are the images."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..._checks import flag, is_number, is_whole_number, whole_number
from ...datasets.core import Category
from ...errors import ConfigError, InputError, shown
from ...image_files import Unused
from ...prompts import Prompt, SpatialPrompt
from ...rasters.opening import how_shown, open_as_before
from ...rasters.raster import Raster
from ...runtime.files import output_errors, write_atomically
from ...runtime.structured import read_json
from ...tiling.examples import with_tiles
from ...tiling.grid import Tile, TileGrid
from .core import AskedObject, SourceImage, SourceTile
from .scene_prompts import objects_of, placed

STATE = ".scene.json"
"""File in the output folder with the limits by which the raster is stretched, so that every run stretches it alike."""

MIN_TILE = 64
"""Minimum size of a tile in pixels."""

MAX_TILES = 1_000_000
"""Maximum number of tiles of a run."""


@dataclass(frozen=True)
class SceneOptions:
    """How a raster is cut into tiles and read.

    Attributes:
        tile: Width and height of a tile in pixels, as the model sees it.
        overlap: Minimum overlap of neighboring tiles in pixels, as the model sees them.
        scales: Pixels of a tile for each pixel of the raster, for each grid of tiles, the finest first.
        bands: Bands that are read as red, green and blue, or one band; None for the first three or the only one.
        stretch: Percentiles of a band that become black and white.
        prompts: File of points, boxes or polygons that are prompts, or None.
        whole: Whether datasets have the raster as one image instead of its tiles.
    """

    tile: int
    overlap: int
    scales: tuple[float, ...] = (1.0,)
    bands: tuple[int, ...] | None = None
    stretch: tuple[float, float] = (2.0, 98.0)
    prompts: Path | None = None
    whole: bool = False

    def grids(self, size: tuple[int, int]) -> tuple[TileGrid, ...]:
        """Return the grids of tiles of a raster of a size, the finest first.

        Raises:
            ConfigError: A number is out of its range, or there are more than `MAX_TILES` tiles.
        """
        found = tuple(TileGrid(size, self.tile, self.overlap, scale) for scale in self.scales)
        if (count := sum(map(len, found))) > MAX_TILES:
            raise ConfigError(f"a raster of {size[1]} x {size[0]} would have {count} tiles of {self.tile} pixels, at most {MAX_TILES}")
        return found


@dataclass(frozen=True)
class SceneTiles:
    """The tiles of a raster.

    Attributes:
        path: The raster.
        raster: The open raster. Whoever opened the source closes it.
        grids: The grids of tiles, the finest first.
        prompts: Prompts of the run that are for every tile.
        asked: Prompts for places in the raster by the tile that they go to first, each with its scale; None if there are none. Then only
            tiles with something to ask are images of the source. Some of them are beside the grids.
        dropped: Why prompts cannot be used.
    """

    path: Path
    raster: Raster = field(repr=False)
    options: SceneOptions
    grids: tuple[TileGrid, ...]
    prompts: tuple[Prompt, ...] = ()
    asked: Mapping[tuple[float, Tile], tuple[AskedObject, ...]] | None = field(default=None, repr=False)
    dropped: tuple[str, ...] = ()
    categories: tuple[Category, ...] = field(default=(), init=False)
    unused: Unused = field(default=Unused(), init=False)

    @property
    def description(self) -> Mapping[str, Any]:
        """Identity of the source as JSON values. A raster that was changed stays the same source: its tiles are compared."""
        chosen = self.options
        return {
            "raster": str(self.path.resolve()),
            "tile": chosen.tile,
            "overlap": chosen.overlap,
            "scale": list(chosen.scales),
            "bands": None if chosen.bands is None else list(chosen.bands),
            "stretch": list(chosen.stretch),
            **({} if chosen.prompts is None else {"prompts": str(chosen.prompts.resolve())}),
        }

    @property
    def has_prompts(self) -> bool:
        """Whether tiles have prompts of their own."""
        return self.asked is not None

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the prompts for places, sorted."""
        asked = itertools.chain.from_iterable((self.asked or {}).values())
        return tuple(sorted({each.label for each in asked if each.label}))

    def __iter__(self) -> Iterator[SourceImage]:
        """Return the tiles: those of the grids, the finest scale first and row by row, then those beside them."""
        common = tuple(AskedObject(prompt, place=f"prompt {number}") for number, prompt in enumerate(self.prompts))
        description, asked_of = self.raster.description, self.asked
        for scale, tile in self._tiles():
            asked = None if asked_of is None else (*asked_of.get((scale, tile), ()), *(common if tile.row >= 0 else ()))
            if asked is None or asked:
                place = SourceTile(description, tile, scale)
                yield SourceImage(tile_name(self.raster.name, scale, tile), self.path, asked, group=self.raster.name, tile=place)

    def _tiles(self) -> Iterator[tuple[float, Tile]]:
        for grid in self.grids:
            yield from ((grid.scale, tile) for tile in grid)
        beside = [(scale, tile) for scale, tile in self.asked or () if tile.row < 0]
        yield from sorted(beside, key=lambda each: (-each[0], each[1].window))

    def remember(self, out: Path) -> None:
        """Write the limits by which the raster is stretched into the output folder, for later runs.

        Raises:
            OutputError: The file cannot be written.
        """
        content = {**_stretching(self.path, self.options), "shown": how_shown(self.raster)}
        if read_state(out) == content:
            return
        with output_errors(out / STATE), write_atomically(out / STATE, text=True) as file:
            json.dump(content, file)


def scene_options(tile: int | None, given: Mapping[str, Any], others: Mapping[str, Any]) -> SceneOptions | None:
    """Return how a raster is cut into tiles, or None without `tile`.

    Args:
        tile: Size of a tile, or None.
        given: Further options of rasters by the names of `promptseg.annotate`. None is the default.
        others: Options that rasters do not have.

    Raises:
        ConfigError: An option has a value that it cannot have; options of rasters are given without a tile, or others with one.
    """
    own = {name: value for name, value in given.items() if value is not None}
    if tile is None:
        if own:
            raise ConfigError(f"{_named(next(iter(own)))} is about a raster that is cut into tiles: give tile (--tile), such as tile=1024")
        return None
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{_named(name)} is about images, and with tile (--tile) the source is one raster: leave one of them out")
    tile = whole_number("tile", tile, MIN_TILE)
    return SceneOptions(
        tile,
        whole_number("overlap", own.get("overlap", tile // 8), 0),
        _scales(own.get("scale", 1.0)),
        _bands(own["bands"]) if "bands" in own else None,
        _stretch(own.get("stretch", (2, 98))),
        _path(own["prompts_from"]) if "prompts_from" in own else None,
        flag("whole", own.get("whole", False)),
    )


def _named(name: str) -> str:
    """Return an option by its name in Python and in the command line."""
    return f"{name} (--{'prompts' if name == 'prompts_from' else name})"


def _path(given: Any) -> Path:
    if not isinstance(given, (str, os.PathLike)):
        raise ConfigError(f"{_named('prompts_from')} is the path of a file of points, boxes or polygons, got {shown(given)}")
    return Path(given)


def _scales(given: Any) -> tuple[float, ...]:
    listed = [given] if is_number(given) else list(given) if isinstance(given, Sequence) else []
    if not listed or not all(map(is_number, listed)) or len(set(listed)) != len(listed):
        raise ConfigError(f"scale is one number or several different ones, such as 1,0.25, got {shown(given)}")
    return tuple(sorted(map(float, listed), reverse=True))


def _bands(given: Any) -> tuple[int, ...]:
    listed = [given] if is_whole_number(given) else list(given) if isinstance(given, Sequence) else []
    if not listed or not all(is_whole_number(band, 1) for band in listed):
        raise ConfigError(f"bands are whole numbers of at least 1, such as 4,3,2, got {shown(given)}")
    return tuple(map(int, listed))


def _stretch(given: Any) -> tuple[float, float]:
    if not isinstance(given, Sequence) or len(given) != 2 or not all(map(is_number, given)):
        raise ConfigError(f"stretch is two percentiles, such as 2,98, got {shown(given)}")
    return float(given[0]), float(given[1])


def open_scene(source: str | os.PathLike[str], options: SceneOptions, prompts: Sequence[Prompt], out: Path) -> SceneTiles:
    """Open a raster as a source of tiles.

    Args:
        source: The raster: whatever `promptseg.open_raster` takes.
        options: How it is cut and read.
        prompts: Prompts of the run. Points, boxes and examples without an image are in pixels of the raster.
        out: Output folder of the run.

    Raises:
        ConfigError: A number is out of its range.
        InputError: The raster or the prompts cannot be read, or no prompt can be used.
        MissingDependencyError: A package is missing that reads it.
        PromptError: A prompt lies outside the raster.
    """
    path = Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow links, and names are those that the user sees.
    if not path.exists():
        raise InputError(f"there is no raster {source}: give the path of one")
    known = read_state(out)
    before = known.get("shown") if all(known.get(key) == value for key, value in _stretching(path, options).items()) else None
    raster = open_as_before(path, before, bands=options.bands, stretch=options.stretch)
    try:
        grids = options.grids(raster.size)
        places = [prompt for prompt in prompts if isinstance(prompt, SpatialPrompt)]
        tiles = SceneTiles(path, raster, options, grids)
        common = (each for each in prompts if not isinstance(each, SpatialPrompt))
        bound = tuple(with_tiles(each, raster.size, grids, lambda tile: raster.read(tile.window, tile.input_size)) for each in common)
        if not places and options.prompts is None:
            return replace(tiles, prompts=bound)
        found = placed(objects_of(places, options.prompts, raster), grids, raster.name)
        return replace(tiles, prompts=bound, asked=found.asked, dropped=found.dropped)
    except BaseException:
        raster.close()
        raise


def tile_name(raster: str, scale: float, tile: Tile) -> str:
    """Return the name of a tile as an image, such as ``scene.tif/1/r00012-c00007``; of one beside the grid, by its place and size."""
    if tile.row < 0:
        window = tile.window
        return f"{raster}/{scale:g}/x{window.x:06}-y{window.y:06}-{window.width}x{window.height}"
    return f"{raster}/{scale:g}/r{tile.row:05}-c{tile.column:05}"


def read_state(out: Path) -> Mapping[str, Any]:
    """Return what an earlier run wrote into `STATE`; empty if there is none, or it is damaged."""
    try:
        content = read_json(out / STATE)
    except InputError:
        return {}
    return content if isinstance(content, dict) else {}


def _stretching(path: Path, options: SceneOptions) -> dict[str, Any]:
    """Return what the limits depend on."""
    bands = None if options.bands is None else list(options.bands)
    return {"raster": str(path.resolve()), "bands": bands, "stretch": list(options.stretch)}
