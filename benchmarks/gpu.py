"""Speed, memory and agreement on a GPU: promptseg's torch engine beside upstream's code, with the same parameters, in one run.

    python benchmarks/gpu.py --weights mobile_sam.pt --json gpu.json
    python benchmarks/gpu.py --device cpu --quick

It needs no network and no installation: this folder, ``src`` and the packages below can be carried anywhere (``PYTHONPATH=src``). Beside
torch, numpy and opencv:

- promptseg: pillow, platformdirs, pycocotools, threadpoolctl, tqdm, and typing_extensions.
- SAM, upstream's side and the layers of ours: segment-anything, torchvision.
- MobileSAM: mobilesam-mirror, timm, huggingface_hub, safetensors, pyyaml.
- SAM 2: sam2, hydra-core, omegaconf, antlr4-python3-runtime, iopath, portalocker, packaging, pyyaml.
- YOLO: ultralytics, pyyaml.

What is missing costs its rows, and a line says so. ``--weights`` is mini-sam's checkpoint: without it decoders are random, and masks too.
A checkpoint ``yolo11n.pt`` in the same folder is used; without it the detector is random. It is asked for 20 fixed boxes in any case.

First the results are compared: promptseg on the CPU in float32 with the device in each dtype. Then each row is one task of one model, with
the least of several times of both sides in turn, the device waited for, after one call each to warm up. Upstream's SAM computes in float32
always. Upstream's SAM 2 computes in a row's own dtype. Boxes are one call on both sides. Memory is the peak, with the side's own weights.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_bench import HEAD, Bench, Row
from gpu_models import MODELS, QUICK_MODELS, SAM2, Model, add_embeddings, build, mini_sam
from gpu_tasks import Calls, ImageTasks, Yolo, frames_of, random_boxes, video

SIZES = ((1200, 1800), (480, 640))
QUICK_SIZES = ((48, 64),)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def check_parity(bench: Bench, model: Model, image: np.ndarray) -> None:
    """Compare promptseg on the CPU in float32 with the device in each dtype: embeddings, scores and masks of boxes."""
    from promptseg import Prompt

    size = image.shape[:2]
    prompts = [Prompt.box(*box) for box in random_boxes(bench.options.boxes, size).tolist()]
    cpu = model.engine(torch.device("cpu"), torch.float32)

    def results(segmenter: Any) -> tuple[np.ndarray, Any]:
        model.show(None)
        feature = segmenter.open(image).features().values
        model.show(size)
        return feature, segmenter.open(image).segment(prompts)

    known, expected = results(cpu)
    for name in dtypes_of(bench, model):
        feature, masks = results(model.engine(bench.device, DTYPES[name]))
        overlaps = [one.iou(other) for one, other in zip(masks, expected, strict=True)]
        scores = [abs(one.score - other.score) for one, other in zip(masks, expected, strict=True)]
        found = {
            "model": model.name,
            "dtype": name,
            "embedding_error": float(np.linalg.norm(feature - known) / np.linalg.norm(known)),
            "score_error": float(np.max(scores)),
            "iou_mean": float(np.mean(overlaps)),
            "iou_least": float(np.min(overlaps)),
            "is_judged": model.is_real,
        }
        found["is_good"] = found["iou_mean"] >= (0.99 if name == "float32" else 0.95)
        bench.parity.append(found)
        verdict = ("same" if found["is_good"] else "DIFFERENT") if model.is_real else "random decoder: not judged"
        print(
            f"parity      {model.name:<22} {'':>9} {name:<8} embedding {found['embedding_error']:.2e}, scores {found['score_error']:.2e}, "
            f"IoU mean {found['iou_mean']:.4f}, least {found['iou_least']:.4f}: {verdict}",
            flush=True,
        )
    del model.engines["cpu", torch.float32]  # Its memory; on the CPU it is made again.


def image_rows(bench: Bench, model: Model, images: dict[tuple[int, int], np.ndarray], yolo: Yolo) -> None:
    """Measure all tasks of one model on images: everything mode first."""
    from promptseg import Mask, Masks

    options, predictor = bench.options, model.predictor()
    for task in ("everything", "boxes", "encode", "one prompt", "yolo+boxes"):
        for (size, image), name in itertools.product(images.items(), dtypes_of(bench, model)):
            tasks = ImageTasks(model, predictor, image, DTYPES[name])
            sides: dict[str, Callable[[], Calls]] = {
                "everything": partial(tasks.everything, options.points),
                "boxes": partial(tasks.boxes, options.boxes),
                "encode": tasks.encode,
                "one prompt": tasks.one_prompt,
                "yolo+boxes": partial(tasks.detect_and_boxes, yolo, min(20, options.boxes)),
            }
            warm = partial(tasks.everything, min(8, options.points)) if task == "everything" else None
            weights = {"upstream": model.weight_bytes, "ours": model.weight_bytes * DTYPES[name].itemsize // 4}
            row = bench.row(Row(task, model.name, f"{size[1]}x{size[0]}", name), sides[task], warm, weights)
            if task == "everything" and row.ratio:
                theirs = Masks([Mask.from_coco_rle(each["segmentation"]) for each in tasks.masks["upstream"]], size)
                row.note = agreement(theirs, tasks.masks["ours"])
                print(f"{'':<53}{row.note}", flush=True)


def dtypes_of(bench: Bench, model: Model) -> list[str]:
    """Return the dtypes of a model. Upstream's TinyViT has one input size, in which 16-bit dtypes take long on a CPU."""
    dtypes: list[str] = bench.options.dtypes
    return dtypes[:1] if bench.options.quick and model.name == "mini-sam" else dtypes


def agreement(theirs: Any, own: Any) -> str:
    """Return how many masks there are, and what share of upstream's are among promptseg's at two thresholds of IoU, and the reverse."""
    counts = f"masks {len(theirs)}, ours {len(own)}"
    if not len(theirs) or not len(own):
        return counts
    overlap = own.iou_matrix(theirs)
    shares = [
        f"IoU {level}: {(overlap.max(axis=0) >= level).mean():.0%} / {(overlap.max(axis=1) >= level).mean():.0%}" for level in (0.95, 0.98)
    ]
    return f"{counts}; {', '.join(shares)}"


def measure(bench: Bench) -> None:
    options = bench.options
    sizes = QUICK_SIZES if options.quick else SIZES
    images = {size: picture(options.image, size) for size in sizes}
    weights = options.weights if options.weights and options.weights.is_file() and not options.quick else None
    if weights is None:
        print("random decoders: masks are not those of a real image" + ("" if options.quick else "; give --weights mobile_sam.pt"))
    yolo = Yolo(bench.device, options.weights, options.quick)
    print(HEAD)
    for name in options.models or (QUICK_MODELS if options.quick else MODELS):
        made: list[Model] = []

        def make(name: str = name, made: list[Model] = made) -> None:
            made.append(build(name, bench.device, weights, options.quick))
            if weights is not None:
                add_embeddings(made[0], mini_sam(weights).to(bench.device), images)

        if why := bench.spend("model", make):
            bench.print(Row("all", name, "", "", note=why))
            continue
        if why := bench.spend("parity", lambda made=made: check_parity(bench, made[0], images[sizes[-1]])):
            bench.print(Row("parity", name, "", "", note=why))
        image_rows(bench, made[0], images, yolo)
        made.clear()
        gc.collect()
        if name in SAM2:
            for dtype in options.dtypes:
                row = Row("video", name, "1280x720", dtype)
                bench.row(row, lambda name=name, dtype=dtype: video(name, bench.device, DTYPES[dtype], options.quick))
                if row.upstream and row.ours:
                    frames = frames_of(options.quick)
                    row.note = f"{frames} frames: upstream {frames / row.upstream:.1f} a second, ours {frames / row.ours:.1f}"
                    print(f"{'':<53}{row.note}", flush=True)
                gc.collect()


def picture(path: Path | None, size: tuple[int, int]) -> np.ndarray:
    """Return an image of a size: the given one, or the sample image of the package."""
    import cv2

    import promptseg

    image = promptseg.load_image(path) if path else promptseg.load_image(Path(promptseg.__file__).parent / "data" / "coffee.jpg")
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and return 1 if masks on the device are not those of the CPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--budget", type=float, default=480, help="seconds; rows that would not fit are left out")
    parser.add_argument("--quick", action="store_true", help="tiny random models and few points, to see that everything runs")
    parser.add_argument("--weights", type=Path, default=shared / "weights" / "minisam" / "mobile_sam.pt", help="mini-sam's checkpoint")
    parser.add_argument("--image", type=Path, help="image to resize and use (default: the sample image of the package)")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="models to measure, in this order (default: all)")
    parser.add_argument("--dtypes", nargs="+", choices=list(DTYPES), default=["float32", "bfloat16"])
    parser.add_argument("--points", type=int, help="points along a side in everything mode (default: 32)")
    parser.add_argument("--boxes", type=int, help="default: 50")
    parser.add_argument("--json", type=Path, help="file to write all figures to")
    options = parser.parse_args(arguments)
    if options.weights != parser.get_default("weights") and not options.weights.is_file():
        parser.error(f"there is no file {options.weights}: without weights, masks would be random")
    warnings.simplefilter("ignore")  # Of timm's registry, and deprecations in the packages.
    options.points = options.points or (2 if options.quick else 32)
    options.boxes = options.boxes or (3 if options.quick else 50)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device: use --device cpu --quick to try the script")
        return 2
    card = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{card}, torch {torch.__version__}, seconds; TF32 as torch has it: products {torch.backends.cuda.matmul.allow_tf32}")
    bench = Bench(options)
    measure(bench)
    spent = options.budget - bench.left()
    print(f"{len(bench.rows)} rows in {spent:.0f} s")
    if options.json:
        rows = [{**asdict(row), "ratio": row.ratio} for row in bench.rows]
        content = {"device": card, "torch": torch.__version__, "seconds": spent, "parity": bench.parity, "rows": rows}
        options.json.write_text(json.dumps(content, indent=1), "utf-8")
    return int(any(each["is_judged"] and not each["is_good"] for each in bench.parity))


if __name__ == "__main__":
    sys.exit(main())
