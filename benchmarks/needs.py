"""What models in torch need of memory to be loaded and to encode one photo: the figures `memory` in src/promptseg/models.toml.

Each model gets random weights and a process of its own, on the CPU. The figure is the peak of resident memory less what was resident with
torch, the model's package and the photo in memory. The values of weights make no difference, so none are downloaded. SAM 2 is measured with
upstream's own code.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from common import parser, photo_argument

MODULES = {"sam": "segment_anything", "mobile_sam": "mobile_sam", "sam2": "sam2.build_sam sam2.sam2_image_predictor"}

WRITE = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
package, variant, path = sys.argv[1:]
torch.save(__import__(package).sam_model_registry[variant]().state_dict(), path)
"""

BEGIN = """
import resource, sys, warnings
warnings.simplefilter("ignore")
import cv2, torch, promptseg
[__import__(module) for module in sys.argv[1].split()]
image = promptseg.load_image(sys.argv[2])

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def report(weights):
    print(f"{round((peak() - before) / 2**20)} MiB, of which {round(weights / 2**20)} MiB weights", flush=True)

before = resident()
"""

PROMPTSEG = """
name, path, dtype = sys.argv[3:]
segmenter = promptseg.load(name, engine="torch", weights=path, device="cpu", dtype=dtype, cache=None)
segmenter.open(image)
report(segmenter.model._weight_bytes)
"""

UPSTREAM_SAM2 = """
from sam2.build_sam import build_sam2
from sam2.sam2_image_predictor import SAM2ImagePredictor
predictor = SAM2ImagePredictor(build_sam2(sys.argv[3], ckpt_path=None, device="cpu"))
predictor.set_image(image)
report(sum(p.numel() * p.element_size() for p in predictor.model.parameters()))
"""


def main() -> None:
    arguments = parser(__doc__)
    photo_argument(arguments)
    arguments.add_argument("models", nargs="*", help="models to measure (default: all that there are, up to 6 GB and some minutes)")
    arguments.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"), help="for all but SAM 2")
    options = arguments.parse_args()
    import promptseg

    for model in promptseg.models().values():
        for engine in model.engines:
            if engine.name == "torch" and engine.backend in MODULES and (not options.models or model.name in options.models):
                measure(model.name, engine.backend, engine.variant, options)


def measure(name: str, backend: str, variant: str, options: argparse.Namespace) -> None:
    modules, photo = MODULES[backend], str(options.photo or options.shared / "data" / "sam_images" / "truck.jpg")
    if backend == "sam2":
        print(f"{name} in float32, upstream's set_image: ", end="", flush=True)
        run(BEGIN + UPSTREAM_SAM2, modules, photo, variant)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "weights.pth")
        run(WRITE, modules, variant, path)
        print(f"{name} in {options.dtype}: ", end="", flush=True)
        run(BEGIN + PROMPTSEG, modules, photo, name, path, options.dtype)


def run(program: str, *words: str) -> None:
    subprocess.run([sys.executable, "-c", program, *words], check=True)


if __name__ == "__main__":
    main()
