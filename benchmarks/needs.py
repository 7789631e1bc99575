"""Memory that models in torch need to load and to encode one image: the figures `memory` in src/promptseg/registry/models.toml.

Each model gets random weights and a process of its own, on the CPU. The figure is the peak of resident memory less what was resident with
torch, upstream's code, the backend and the image in memory. The values of weights do not matter, so none are downloaded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from common import image_argument, parser

SOURCES = {
    "sam": ("segment_anything", "segment_anything.sam_model_registry[variant]()"),
    "mobile_sam": ("mobile_sam", "mobile_sam.sam_model_registry[variant]()"),
    "sam2": ("sam2.build_sam", "sam2.build_sam.build_sam2(variant, ckpt_path=None, device='cpu')"),
}
"""By backend: the module with upstream's code, and the expression that builds a model."""

WRITE = """
import sys, warnings
warnings.simplefilter("ignore")
import torch, {module}
variant, path = sys.argv[1:]
torch.save({model}.state_dict(), path)
"""

MEASURE = """
import resource, sys, warnings
warnings.simplefilter("ignore")
import cv2, torch, promptseg, {module}, promptseg.backends.{backend}
name, path, dtype, image_path = sys.argv[1:]
image = promptseg.load_image(image_path)
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
segmenter = promptseg.load(name, engine="torch", weights=path, device="cpu", dtype=dtype, allow_slow=True, cache=None)
segmenter.open(image)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(round((peak - before) / 2**20), "MiB, of which", round(segmenter.model._weight_bytes / 2**20), "MiB weights", flush=True)
"""


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    arguments.add_argument("models", nargs="*", help="models to measure (default: all, up to 3 GB and some minutes)")
    arguments.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    options = arguments.parse_args()
    image = str(options.image or options.shared / "data" / "sam_images" / "truck.jpg")
    import promptseg

    for model in promptseg.list_models().values():
        for engine in model.engines:
            if engine.backend in SOURCES and (not options.models or model.name in options.models):
                module, made = SOURCES[engine.backend]
                with tempfile.TemporaryDirectory() as folder:
                    path = str(Path(folder) / "weights.pth")
                    run(WRITE.format(module=module, model=made), engine.variant, path)
                    print(f"{model.name} in {options.dtype}: ", end="", flush=True)
                    run(MEASURE.format(module=module, backend=engine.backend), model.name, path, options.dtype, image)


def run(program: str, *words: str) -> None:
    subprocess.run([sys.executable, "-c", program, *words], check=True)


if __name__ == "__main__":
    main()
