"""Time of a second evaluation of the same images, with embeddings cached on the disk, against the first."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from common import parser


def timed(dataset: object, prompt: str, *, baselines: bool) -> tuple[float, float]:
    """Return the wall time and processor time of an evaluation with embeddings cached on the disk alone."""
    import promptseg
    from promptseg.models.sam.cache import EmbeddingCache
    from promptseg.runtime.home import cache_dir

    model = promptseg.load("mini-sam", cache=EmbeddingCache(0, cache_dir() / "embeddings"))
    started = time.perf_counter(), time.process_time()
    promptseg.evaluate(dataset, model=model, prompt=prompt, baselines=baselines)
    return time.perf_counter() - started[0], time.process_time() - started[1]


def main(options: argparse.Namespace) -> None:
    """Evaluate twice with a cache that is empty at first, and print both times."""
    import promptseg
    from promptseg.datasets.formats.davis import read_davis
    from promptseg.runtime.home import cache_dir

    promptseg.load("mini-sam")
    dataset = read_davis(options.shared / "data" / "davis2016")
    names = [entry.name for entry in dataset.entries]
    chosen = dataset.only(names[: options.limit])
    print(f"{len(chosen)} images of {dataset.source}, by {options.prompt}, mini-sam")
    for baselines in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            for kept in ("weights", "prepared"):
                (Path(folder) / kept).symlink_to(cache_dir() / kept)
            earlier = os.environ.get("PROMPTSEG_HOME")
            os.environ["PROMPTSEG_HOME"] = folder
            first, again = (timed(chosen, options.prompt, baselines=baselines) for _ in range(2))
            os.environ.pop("PROMPTSEG_HOME") if earlier is None else os.environ.update(PROMPTSEG_HOME=earlier)
        for clock, one, other in zip(("by the clock", "processor time"), first, again, strict=True):
            label = "with superpixels" if baselines else "model alone"
            print(f"{label}, {clock}: first {one:.1f} s, again {other:.1f} s, {other / one:.3f} of it", flush=True)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--limit", type=int, default=100, help="number of images (default: %(default)s)")
    arguments.add_argument("--prompt", default="box", help="protocol (default: %(default)s)")
    main(arguments.parse_args())
