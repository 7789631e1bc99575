"""A million small objects of a scene, written and read again: seconds, peak memory and size of the file by format.

python benchmarks/vectors.py --objects 1000000

The objects are discs of 5 to 12 pixels, at known places of a raster of 100,000 x 100,000. They are made one by one, so that memory is what
writing takes; a label raster needs all of them, so that its memory is theirs too. Each run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from common import peak_mib

from promptseg import Mask
from promptseg.geo.label_raster import write_label_raster
from promptseg.geo.reading import read_scene
from promptseg.geo.vectors import VECTOR_SUFFIXES, write_vectors
from promptseg.rasters.georeference import Georeference
from promptseg.scene_masks import SceneMask, SceneMasks

SIDE = 100_000
PLACE = Georeference((0.5, 0.0, 399960.0, 0.0, -0.5, 5800020.0), 32632)


def objects(count: int) -> Iterator[SceneMask]:
    rows, columns = np.mgrid[-6:7, -6:7]
    discs = [Mask.from_array(rows**2 + columns**2 <= radius**2, label="cell", score=0.9) for radius in (3, 4, 5, 6)]
    shapes = [SceneMask.of(disc, (0, 0)) for disc in discs]
    across = int(np.ceil(np.sqrt(count)))
    step = SIDE // across
    for number in range(count):
        shape = shapes[number % len(shapes)]
        yield SceneMask(shape.mask, (number % across * step, number // across * step))


def measured(task: str, count: int, path: Path) -> dict[str, float]:
    """Do one task in this process, and return what it took."""
    base = peak_mib()
    started = time.perf_counter()
    if task == "read":
        found = len(read_scene(path, SimpleNamespace(name="scene.tif", size=(SIDE, SIDE), georeference=PLACE)))
    elif path.suffix == ".tif":
        found = write_label_raster(SceneMasks(objects(count), (SIDE, SIDE)), path, georeference=PLACE).masks
    else:
        tolerance = 1.0 if task == "simplify" else 0.0
        found = write_vectors(objects(count), path, georeference=PLACE, tolerance=tolerance).masks
    peak = peak_mib()
    return {"objects": found, "seconds": time.perf_counter() - started, "peak": peak, "more": peak - base}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.task:
        print(json.dumps(measured(chosen.task, chosen.objects, chosen.path)))
        return
    print(f"{chosen.objects} objects\n{'file':<10} {'task':<9} {'seconds':>8} {'peak MB':>8} {'more MB':>8} {'file MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (*VECTOR_SUFFIXES, ".tif"):
            path = Path(folder) / f"objects{suffix}"
            for task in ("write",) if suffix == ".tif" else ("write", "read") if suffix != ".gpkg" else ("simplify", "write", "read"):
                command = [sys.executable, __file__, "--objects", str(chosen.objects), "--task", task, "--path", str(path)]
                done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                assert done["objects"] == chosen.objects, done
                size = path.stat().st_size / 1e6
                print(f"{suffix:<10} {task:<9} {done['seconds']:>8.1f} {done['peak']:>8.0f} {done['more']:>8.0f} {size:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
