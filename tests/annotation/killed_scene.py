"""As `killed`, with a raster in tiles: ``killed_scene.py SCENE OUT WHOLE KILLS``."""

import sys
import types

import killed

from blob_model import BlobSegmenter
from promptseg import Prompt, annotate, registry
from promptseg.pipeline import Pipeline

FORMATS = ("geojson", "coco", "yolo-seg")


def run(source, out, **how):
    """Annotates the tiles of a raster at two scales, and the objects at places in it, with a slow model."""
    module = types.ModuleType("backend_of_slow")
    module.load = lambda _: killed.slow(BlobSegmenter(), **how)
    sys.modules[module.__name__] = module
    registry.backends()["slow"] = registry.BackendSpec("slow", "segmenter", "backend_of_slow:load")
    registry.list_models()["slow"] = registry.ModelSpec("slow", "For a test", "MIT", (registry.Engine("fake", "slow", ""),))
    pipeline = Pipeline().segment("slow")
    points = [Prompt.point(x, y) for x in range(96, 128, 4) for y in range(0, 350, 25)]  # The border of a tile cuts what some of them show.
    annotate(source, Prompt.everything(5), *points, pipeline=pipeline, out=out, formats=FORMATS, tile=128, overlap=32, scale=(1.0, 0.5))


if __name__ == "__main__":
    killed.run = run
    killed.main(*sys.argv[1:])
