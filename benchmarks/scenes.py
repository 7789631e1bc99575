"""Rasters of many gigapixels, annotated in tiles: peak memory and time by size, the first results, and the share of the models.

python benchmarks/scenes.py size --gigapixels 1 10    # with a model that takes no time: what reading, joining and writing cost
python benchmarks/scenes.py size --gigapixels 10 --tiles 300   # the same for the first tiles alone, with the outputs of the whole raster
python benchmarks/scenes.py first --gigapixels 10     # mini-sam: seconds until the first tile is in the journal, and peak memory
python benchmarks/scenes.py overhead --tiles 12       # mini-sam: share of the time in which it runs
python benchmarks/scenes.py overhead --tiles 12 --batch-size 4   # the same with several tiles encoded together

The rasters are GeoTIFFs that the script writes: bright discs at known places, many of them across the borders of tiles, on a ground of
zeros. Most blocks are absent from the file (sparse), so it takes little disk; read, they take as much memory as any. Each run is a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import peak_mib

TILE = 1024
RADIUS = 40
DISCS = 400
"""Discs for each gigapixel."""

BLOCK = 512
_MIB = 1 << 20


def write_raster(path: Path, gigapixels: float) -> int:
    """Write a raster with about this many gigapixels, and return its number of discs."""
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.windows import Window

    side = round(math.sqrt(gigapixels * 1e9) / BLOCK) * BLOCK
    places = disc_places(side, round(DISCS * gigapixels))
    rows, columns = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    disc = np.where(rows**2 + columns**2 <= RADIUS**2, 200, 0).astype(np.uint8)
    profile: dict[str, Any] = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "sparse_ok": True, "bigtiff": "yes"}
    transform = rasterio.Affine(0.1, 0, 500_000, 0, -0.1, 5_300_000)
    with (
        rasterio.Env(GDAL_CACHEMAX=256 * _MIB, SPARSE_OK_OVERVIEW=True),
        rasterio.open(path, "w+", crs="EPSG:32632", transform=transform, **profile) as raster,
    ):
        for x, y in places:
            window = Window(x - RADIUS, y - RADIUS, len(disc), len(disc))
            raster.write(np.maximum(raster.read(window=window), disc), window=window)
        raster.build_overviews([2, 4, 8, 16, 32], Resampling.average)
    return len(places)


def disc_places(side: int, count: int) -> list[tuple[int, int]]:
    """Return centers of discs that do not touch: half of them anywhere, half of them on the corners of a grid of tiles."""
    random = np.random.default_rng(0)
    step = 4 * RADIUS
    cells = side // step - 1
    chosen = random.choice(cells * cells, min(count, cells * cells), replace=False)
    anywhere = [(int(cell % cells + 1) * step, int(cell // cells + 1) * step) for cell in chosen]
    border = TILE - TILE // 8
    on_borders = [(min(side - step, round(x / border) * border), min(side - step, round(y / border) * border)) for x, y in anywhere[::2]]
    taken: dict[tuple[int, int], tuple[int, int]] = {}
    for x, y in [*on_borders, *anywhere[1::2]]:
        near = [(x // step + right, y // step + down) for right in (-1, 0, 1) for down in (-1, 0, 1)]
        if x > RADIUS and y > RADIUS and not any(cell in taken for cell in near):
            taken[x // step, y // step] = (x, y)
    return list(taken.values())


def spot_pipeline() -> Any:
    """Return a pipeline whose model finds bright spots, and takes no time."""
    import cv2

    from promptseg.images import load_image_copy
    from promptseg.masks import Mask, Masks
    from promptseg.pipeline import BuiltPipeline
    from promptseg.pipeline.config import parse_config
    from promptseg.testing.fakes import FakeSegmenter, FakeSession

    class Session(FakeSession):
        def everything(self, _prompt: object = None) -> Masks:
            _, numbers, stats, _ = cv2.connectedComponentsWithStats((self.image[..., 1] > 100).astype(np.uint8))
            boxes = stats[1:, :4].tolist()
            crops = (numbers[y : y + height, x : x + width] == number for number, (x, y, width, height) in enumerate(boxes, 1))
            return Masks((Mask.from_crop(crop, (box[0], box[1]), self.size) for crop, box in zip(crops, boxes, strict=True)), self.size)

    @dataclass(frozen=True)
    class Segmenter(FakeSegmenter):
        def open(self, image: Any) -> Session:
            return Session(load_image_copy(image), self.radius, {"encode": 0.0}, self.provenance)

    return BuiltPipeline(parse_config({"segment": {"model": "spots"}}), None, Segmenter())


def measured(task: str, raster: Path, out: Path, formats: str, limit: int | None, batch_size: int | None) -> dict[str, Any]:
    """Annotate a raster in this process, and return seconds, objects and the peak memory."""
    from promptseg import Pipeline, Prompt, annotate

    started, first = time.perf_counter(), []

    def note(report: Any) -> None:
        if report.stage == "annotate" and report.done and not first:
            first.append(time.perf_counter() - started)

    if task == "size":
        pipeline, prompt = spot_pipeline(), Prompt.everything(1)
    else:
        pipeline, prompt = Pipeline().segment("mini-sam"), Prompt.everything(16)
    done = annotate(
        raster,
        prompt,
        pipeline=pipeline,
        out=out,
        tile=TILE,
        formats=formats.split(","),
        gallery=1000,
        limit=limit,
        batch_size=batch_size,
        progress=note,
    )
    return {
        "tiles": done.images,
        "objects": done.objects,
        "seconds": time.perf_counter() - started,
        "annotate": done.seconds,
        "models": done.model_seconds,
        "first": first[0],
        "peak": peak_mib(),
        "failures": done.failures,
    }


def in_a_process(task: str, raster: Path, out: Path, formats: str, limit: int | None, batch_size: int | None) -> dict[str, Any]:
    """Return what `measured` returns in a process of its own."""
    command = [sys.executable, __file__, task, "--raster", str(raster), "--out", str(out), "--format", formats]
    command += ["--limit", str(limit)] if limit else []
    command += ["--batch-size", str(batch_size)] if batch_size else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Write the rasters, measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("task", choices=("size", "first", "overhead"))
    arguments.add_argument("--gigapixels", type=float, nargs="+", default=[1.0], help="sizes of the rasters (default: 1)")
    arguments.add_argument("--tiles", type=int, help="annotate only the first tiles (default: 12 for overhead, 1 for first, else all)")
    arguments.add_argument("--format", default="gpkg", help="formats of the outputs, such as gpkg,label-tif (default: gpkg)")
    arguments.add_argument("--batch-size", type=int, help="tiles that are encoded together (default: 1 on the CPU, 8 on an accelerator)")
    arguments.add_argument("--folder", type=Path, help="where the rasters and outputs are written (default: a temporary folder)")
    arguments.add_argument("--raster", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--limit", type=int, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.raster is not None:
        print(json.dumps(measured(options.task, options.raster, options.out, options.format, options.limit, options.batch_size)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        for size in options.gigapixels:
            raster = Path(temporary) / f"scene-{size:g}.tif"
            discs = write_raster(raster, size)
            limit = options.tiles or {"size": None, "first": 1, "overhead": 12}[options.task]
            found = in_a_process(options.task, raster, Path(temporary) / f"out-{size:g}", options.format, limit, options.batch_size)
            print(
                f"{size:g} gigapixels ({raster.stat().st_size / _MIB:.0f} MiB, {discs} discs): {found['tiles']} tiles, {found['objects']} "
                f"objects in {found['seconds']:.1f} s, the first after {found['first']:.1f} s; the models {found['models']:.1f} s of "
                f"{found['annotate']:.1f} s; peak {found['peak']:.0f} MiB" + (f"; {found['failures']} failed" if found["failures"] else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
