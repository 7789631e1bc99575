"""Objects joined across tiles, on sheets of real objects at known places, with mini-sam.

``boxes``: each tile is asked by the boxes that a perfect detector would give it. What is joined is compared with the answer of a tile
around each object. ``everything``: objects found once, twice or not at all by everything mode over tiles. ``small``: recall of small
objects, beside the model that sees the whole sheet at once. ``speed``: time of joining, from objects without a model.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from common import parser
from sheets import coco_objects, nuclei, sheet

import promptseg as ps
from promptseg import Prompt
from promptseg.masks import Mask, Masks
from promptseg.rasters.window import Window, between
from promptseg.scene_masks import SceneMask, SceneMasks
from promptseg.tiling.grid import Tile, TileGrid
from promptseg.tiling.joining import joined
from promptseg.tiling.pieces import Piece, pieces_of


def box_pieces(segmenter, image: np.ndarray, truths: SceneMasks, grid: TileGrid, least: int = 8) -> list[Piece]:
    """Return what a segmenter finds in each tile with the boxes of the objects as far as the tile shows them."""
    pieces = []
    for tile in grid:
        boxes = [shown for each in truths.touching(tile.window) if (shown := each.window.shared(tile.window))]
        boxes = [box for box in boxes if min(box.size) >= least]
        if boxes:
            masks = in_tile(segmenter, image, tile, boxes)
            pieces += pieces_of(masks, tile, grid)
    return pieces


def in_tile(segmenter, image: np.ndarray, tile: Tile, boxes: list[Window]) -> Masks:
    import cv2

    window = tile.window
    pixels = np.ascontiguousarray(image[window.y : window.bottom, window.x : window.right])
    if tile.input_size != window.size:
        pixels = cv2.resize(pixels, tile.input_size[::-1], interpolation=cv2.INTER_AREA)
    by = tile.input_size[0] / window.height
    prompts = [Prompt.box(*((at - start) * by for at, start in zip(box.box, (window.x, window.y) * 2, strict=True))) for box in boxes]
    return segmenter.open(pixels).segment(prompts)


def untiled(segmenter, image: np.ndarray, true: SceneMask, grid: TileGrid) -> SceneMask:
    """Return the answer for an object from a tile around it."""
    x0, y0, x1, y1 = true.box
    tile = grid.around((x0 + x1) / 2, (y0 + y1) / 2)
    (mask,) = in_tile(segmenter, image, tile, [true.window])
    return SceneMask.of(mask, (tile.window.x, tile.window.y))


def matches(found: SceneMasks, truths: SceneMasks, at: float = 0.5) -> list[list[SceneMask]]:
    """Return, for each true object, what was found of it."""
    return [[each for each in found.touching(true.window) if each.iou(true) >= at] for true in truths]


def cut_by(grid: TileGrid, true: SceneMask) -> bool:
    """Return whether a border of a tile runs through an object."""
    return any(tile.window.shared(true.window) not in (true.window, None) for tile in grid.touching(true.window))


def boxes(segmenter, sheets: dict, options) -> None:
    for name, (image, truths) in sheets.items():
        grid = TileGrid(truths.size, options.tile, options.overlap)
        pieces = box_pieces(segmenter, image, truths, grid)
        started = time.perf_counter()
        found = joined(pieces, truths.size).masks
        seconds = time.perf_counter() - started
        once = Counter(min(2, len(own)) for own in matches(found, truths))
        cut = [true for true in truths if cut_by(grid, true)]
        alike = []
        for true in random.Random(0).sample(cut, min(options.untiled, len(cut))):
            answer = untiled(segmenter, image, true, grid)
            alike.append(max((each.iou(answer) for each in found.touching(answer.window)), default=0.0))
        print(
            f"boxes, {name}: {len(truths)} objects, {len(cut)} cut, {len(pieces)} pieces; found {len(found)}: once {once[1]}, more often "
            f"{once[2]}, not {once[0]}; IoU of {len(alike)} that are cut with the untiled answer {np.mean(alike):.3f}, "
            f"below .9: {sum(value < 0.9 for value in alike)}; joining {seconds:.2f} s; "
            f"order does not matter: {same_bytes(pieces, found)}",
            flush=True,
        )


def same_bytes(pieces: list[Piece], found: SceneMasks) -> bool:
    mixed = list(pieces)
    random.Random(0).shuffle(mixed)
    again = joined(mixed, found.size).masks
    return [(m.origin, m.mask.counts, m.score) for m in again] == [(m.origin, m.mask.counts, m.score) for m in found]


def everything(segmenter, sheets: dict, options) -> None:
    prompt = Prompt.everything(options.points)
    for name, (image, truths) in sheets.items():
        session = segmenter.open_tiled(image, tile=options.tile, overlap=options.overlap, scale=options.scale)
        found = session.everything(prompt)
        grid = session.grids[0]
        of = matches(found, truths)
        cut = [cut_by(grid, true) for true in truths]
        for which, chosen in (("cut", cut), ("not cut", [not each for each in cut])):
            times = Counter(min(2, len(own)) for own, wanted in zip(of, chosen, strict=True) if wanted)
            best = [max(each.iou(true) for each in own) for own, true, wanted in zip(of, truths, chosen, strict=True) if wanted and own]
            print(
                f"everything, {name}, {which}: {sum(chosen)} objects; once {times[1]}, more often {times[2]}, not {times[0]}; "
                f"IoU with the truth {np.mean(best):.3f}",
                flush=True,
            )
        print_overhead(f"everything, {name}", session)


def small(segmenter, sheets: dict, options) -> None:
    prompt = Prompt.everything(options.points)
    for name, (image, truths) in sheets.items():
        whole = segmenter.open(image).everything(prompt)
        once = SceneMasks((SceneMask.of(mask, (0, 0)) for mask in whole if mask.area), truths.size)
        session = segmenter.open_tiled(image, tile=options.tile, overlap=options.overlap)
        tiled = session.everything(prompt)
        largest = 1024 * max(max(true.mask.size) for true in truths) / max(truths.size)
        recall = [np.mean([bool(own) for own in matches(found, truths)]) for found in (once, tiled)]
        print(
            f"small, {name}: {len(truths)} objects of at most {largest:.0f} of 1024 pixels; "
            f"recall untiled {recall[0]:.3f}, tiled {recall[1]:.3f}: {recall[1] / max(recall[0], 1e-9):.1f} times",
            flush=True,
        )
        print_overhead(f"small, {name}", session)


def print_overhead(name: str, session) -> None:
    spent = session.timings
    model, own = spent["encode"] + spent["segment"], spent["read"] + spent["join"]
    print(
        f"{name}: model {model:.1f} s, reading {spent['read']:.2f} s, joining {spent['join']:.2f} s: {100 * own / model:.1f} %", flush=True
    )


def speed(segmenter, sheets: dict, options) -> None:  # noqa: ARG001 - It needs neither.
    """Print the time of joining squares on rasters of growing size."""
    for side in (4096, 8192, 16384):
        grid = TileGrid((side, side), 1024, 128)
        pieces = []
        for tile in grid:
            masks = []
            for y in range(tile.window.y // 64 * 64 + 10, tile.window.bottom, 64):
                for x in range(tile.window.x // 64 * 64 + 10, tile.window.right, 64):
                    if (shown := between(x, y, x + 40, y + 40).shared(tile.window)) is not None:  # type: ignore[union-attr]
                        at = shown.x - tile.window.x, shown.y - tile.window.y
                        masks.append(Mask.from_crop(np.ones(shown.size, bool), at, tile.input_size))
            pieces += pieces_of(Masks(masks, tile.input_size), tile, grid)
        started = time.perf_counter()
        found = joined(pieces, (side, side)).masks
        seconds = time.perf_counter() - started
        each = 1e6 * seconds / len(pieces)
        print(f"speed, {side} x {side}: {len(pieces)} pieces to {len(found)} objects in {seconds:.1f} s, {each:.0f} µs each", flush=True)


TASKS: dict[str, Callable] = {"boxes": boxes, "everything": everything, "small": small, "speed": speed}


def sheets_for(task: str, options) -> dict[str, tuple[np.ndarray, SceneMasks]]:
    """Return sheets of the objects that are asked for, in sizes for a task."""
    if task == "speed":
        return {}
    data, side = options.shared / "data", options.side
    longest = 31 * side // 1024
    small_ones = {"COCO": (longest // 2, longest), "nuclei": (longest // 3, longest)}
    sizes = small_ones if task == "small" else {"COCO": (60, 480), "nuclei": (30, 120)}
    kinds = {"COCO": (coco_objects, 12), "nuclei": (nuclei, 40)}
    drawn = {}
    for name in options.objects:
        cut_out, count = kinds[name]
        drawn[name] = sheet(cut_out(data), side, round(count * (side / 1024) ** 2), sizes[name], options.seed)
    return drawn


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("tasks", nargs="*", default=list(TASKS), help=f"what to measure: {', '.join(TASKS)} (default: all)")
    arguments.add_argument("--objects", nargs="+", choices=["COCO", "nuclei"], default=["COCO", "nuclei"])
    arguments.add_argument("--side", type=int, default=2816, help="height and width of a sheet in pixels")
    arguments.add_argument("--tile", type=int, default=1024)
    arguments.add_argument("--overlap", type=int, default=128)
    arguments.add_argument("--scale", type=float, nargs="+", default=[1.0])
    arguments.add_argument("--points", type=int, default=32, help="points per side of everything mode in each tile")
    arguments.add_argument("--untiled", type=int, default=24, help="number of objects whose untiled answer is asked for")
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    segmenter = ps.load("mini-sam")
    for task in options.tasks:
        TASKS[task](segmenter, sheets_for(task, options), options)


if __name__ == "__main__":
    main()
