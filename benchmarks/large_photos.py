"""Large photographs with truth, at once and in tiles: what covers much of a photograph, larger than a tile.

python benchmarks/large_photos.py                       # the flooded areas of `flood_large`, with mini-sam
python benchmarks/large_photos.py --points 32 --scale 1 0.5

``everything``: the union of the masks that lie mostly in the water, by IoU with the truth, and how much of its outline runs along the
borders of tiles where the truth has none (seams). ``clicks``: one click in the middle of each area of water of at least a hundredth of
the photograph.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np
from common import parser

import promptseg as ps
from promptseg import Prompt
from promptseg.tiling.grid import TileGrid

NEAR = 3
"""Pixels within which two outlines are the same."""


def photographs(data) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the name, the image (H, W, 3) and the water (H, W) bool of each photograph."""
    for path in sorted((data / "flood_large" / "images").glob("*.jpg")):
        truth = ps.load_image(data / "flood_large" / "masks" / f"{path.stem}.png")[..., 0] > 127
        yield path.stem, ps.load_image(path), truth


def drawn(masks, size) -> Iterator[np.ndarray]:
    """Yield each mask of an image or a raster as (H, W) bool."""
    for mask in masks:
        if isinstance(mask, ps.SceneMask):
            window, whole = mask.window, np.zeros(size, bool)
            whole[window.y : window.bottom, window.x : window.right] = mask.mask.array
            yield whole
        else:
            yield mask.array


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that have a neighbor outside of it; those at the border of the image are none."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    return mask & (inner == 0)


def at_seams(found: np.ndarray, truth: np.ndarray, grids: tuple[TileGrid, ...]) -> float:
    """Return the share of an outline that runs along the border of a tile, or of its core, where the truth has no outline."""
    own = outline(found)
    lines = np.zeros_like(own)
    for grid in grids:
        for tile in grid:
            for window in (tile.window, tile.core):
                for x in (window.x, window.right):
                    lines[window.y : window.bottom, max(0, x - 1) : x + 1] = True
                for y in (window.y, window.bottom):
                    lines[max(0, y - 1) : y + 1, window.x : window.right] = True
    near = cv2.dilate(outline(truth).astype(np.uint8), np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)) > 0
    return float((own & lines & ~near).sum() / max(1, own.sum()))


def union_in(masks, truth: np.ndarray) -> np.ndarray:
    """Return the union of the masks of which more than a half is in the truth."""
    whole = np.zeros_like(truth)
    for mask in drawn(masks, truth.shape):
        if (mask & truth).sum() * 2 > mask.sum():
            whole |= mask
    return whole


def everything(segmenter, image: np.ndarray, truth: np.ndarray, options) -> Iterator[str]:
    prompt = Prompt.everything(options.points)
    started = time.process_time()
    whole = union_in(segmenter.open(image).everything(prompt), truth)
    yield f"at once: IoU {iou(whole, truth):.3f}, {time.process_time() - started:.0f} s"
    for scales in ([1.0], options.scale):
        started = time.process_time()
        with segmenter.open_tiled(image, tile=options.tile, scale=scales) as session:
            whole = union_in(session.everything(prompt), truth)
            seams, tiles = 100 * at_seams(whole, truth, session.grids), sum(len(grid) for grid in session.grids)
        seconds = time.process_time() - started
        yield f"scales {scales}, {tiles} tiles: IoU {iou(whole, truth):.3f}, {seams:.1f} % of the outline at seams, {seconds:.0f} s"


def clicks(segmenter, image: np.ndarray, truth: np.ndarray, options) -> Iterator[str]:
    count, areas, stats, _ = cv2.connectedComponentsWithStats(truth.astype(np.uint8))
    chosen = [areas == number for number in range(1, count) if stats[number, cv2.CC_STAT_AREA] * 100 > truth.size]
    prompts = [Prompt.point(*middle(area)) for area in chosen]

    def mean_iou(answers) -> str:
        return f"IoU {np.mean([iou(mask, area) for mask, area in zip(drawn(answers, truth.shape), chosen, strict=True)]):.3f}"

    yield f"{len(chosen)} areas, at once: {mean_iou(segmenter.open(image).segment(prompts))}"
    for scales in ([1.0], options.scale):
        with segmenter.open_tiled(image, tile=options.tile, scale=scales) as session:
            yield f"scales {scales}: {mean_iou(session.segment(prompts))}"


def middle(area: np.ndarray) -> tuple[int, int]:
    """Return the pixel (x, y) of an area that is farthest from its border."""
    distance = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return int(x) - 1, int(y) - 1


TASKS = {"everything": everything, "clicks": clicks}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("tasks", nargs="*", default=list(TASKS), help=f"what to measure: {', '.join(TASKS)} (default: all)")
    arguments.add_argument("--tile", type=int, default=1024)
    arguments.add_argument("--scale", type=float, nargs="+", default=[1.0, 0.5, 0.25])
    arguments.add_argument("--points", type=int, default=16, help="points per side of everything mode in each tile")
    options = arguments.parse_args()
    segmenter = ps.load("mini-sam")
    for task in options.tasks:
        for name, image, truth in photographs(options.shared / "data"):
            for line in TASKS[task](segmenter, image, truth, options):
                print(f"{task}, {name}, {image.shape[1]} x {image.shape[0]}, {line}", flush=True)


if __name__ == "__main__":
    main()
