"""Make the images of the page "Annotate rasters larger than memory" from a drawn scene and mini-sam: ``make notebooks``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import promptseg as ps
from promptseg.class_colors import HUES, Color
from promptseg.masks import Masks
from promptseg.overlay import draw
from promptseg.rasters.raster import Raster
from promptseg.rasters.window import Window
from promptseg.scene_masks import SceneMasks
from promptseg.testing.drawn_scenes import write_scene
from promptseg.tiling.grid import Tile, TileGrid
from promptseg.tiling.joining import joined
from promptseg.tiling.pieces import Piece, pieces_of

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "large-rasters"
LEFT, RIGHT = HUES[0], HUES[5]
"""Colors of what the left and the right tile show."""

ENLARGED = 2

LARGEST = 0.2
"""Share of a tile above which a mask is the ground between the cells, which would tint all of the image."""


def main() -> None:
    """Segment two tiles, and draw what each shows above what they are together."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder) / "scene.tif", seed=4, side=1024)
        with ps.open_raster(Path(folder) / "scene.tif") as raster:
            grid = TileGrid(raster.size, 512, 64)
            tiles = [grid.at(0, 0), grid.at(0, 1)]
            pieces = [_pieces(raster, grid, tile) for tile in tiles]
            middle = (tiles[0].window.right + tiles[1].window.x) // 2
            shown = Window(60, middle - 180, 240, 360)
            _save("before", _before(raster, shown, tiles, pieces))
            objects = joined([*pieces[0], *pieces[1]], raster.size)
            _save("after", _drawn(raster, shown, objects.within(shown), None))


def _pieces(raster: Raster, grid: TileGrid, tile: Tile) -> list[Piece]:
    masks = ps.load("mini-sam").open(raster.read(tile.window)).everything(ps.Prompt.everything(24))
    return pieces_of(masks.where(masks.areas < LARGEST * tile.input_size[0] * tile.input_size[1]), tile, grid)


def _before(raster: Raster, shown: Window, tiles: list[Tile], pieces: list[list[Piece]]) -> Image.Image:
    """Return what each tile shows in a color of its own, with the borders of the tiles."""
    masks, colors = [], []
    for own, color in zip(pieces, (LEFT, RIGHT), strict=True):
        seen = SceneMasks([piece.mask for piece in own], raster.size).within(shown)
        masks += list(seen)
        colors += [color] * len(seen)
    drawn = _drawn(raster, shown, Masks(masks, shown.size), colors)
    lines = ImageDraw.Draw(drawn)
    for at, color in ((tiles[0].window.right, LEFT), (tiles[1].window.x, RIGHT)):
        x = (at - shown.x) * ENLARGED
        for y in range(0, drawn.height, 16):
            lines.line([(x, y), (x, y + 9)], fill=color, width=3)
    return drawn


def _drawn(raster: Raster, shown: Window, masks: Masks, colors: list[Color] | None) -> Image.Image:
    size = (shown.height * ENLARGED, shown.width * ENLARGED)
    image = Image.fromarray(raster.read(shown)).resize(size[::-1], Image.Resampling.BICUBIC)
    large = Masks([mask.resized(size) for mask in masks], size)
    return draw(np.asarray(image), large, colors=colors, labels=False, opacity=0.35)


def _save(name: str, image: Image.Image) -> None:
    image.convert("RGB").save(FOLDER / f"{name}.jpg", quality=85, optimize=True)
    print(FOLDER / f"{name}.jpg")


if __name__ == "__main__":
    main()
