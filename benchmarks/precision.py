"""Speed and masks of mini-sam in a smaller number type, against float32: int8 in ONNX Runtime, or 16 bits in torch.

Prompts of the masks are the boxes and inner points of real objects, whose true masks judge both sides.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from common import chosen_image, compare, image_argument, parser
from quality import point_of
from truth import SETS, images_with_truth, iou


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    arguments.add_argument("--dtype", choices=("int8", "bfloat16", "float16"), default="int8")
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--threads", type=int, help="threads of ONNX Runtime (default: all)")
    arguments.add_argument("--images", type=int, default=8, help="images of each set of real objects")
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    image, sides = chosen_image(options), ("float32", options.dtype)
    full, small = models(options)
    compare("encode", lambda: full.open(image), lambda: small.open(image), options.rounds, sides=sides)
    for name in SETS:
        given = list(islice(images_with_truth(options.shared / "data", name), options.images))
        print(f"{name}: {len(given)} images, {sum(len(truths) for _, truths in given)} objects")
        for prompt in ("box", "point"):
            agreement(prompt, given, full, small, sides)


def models(options: argparse.Namespace) -> tuple[Any, Any]:
    """Return mini-sam in float32 and in the chosen type."""
    import promptseg

    if options.dtype == "int8":
        settings = {"threads": options.threads, "cache": None}
        return promptseg.load("mini-sam", **settings), promptseg.load("mini-sam", quantize="int8", **settings)
    settings = {"engine": "torch", "device": options.device, "cache": None}
    return promptseg.load("mini-sam", **settings), promptseg.load("mini-sam", dtype=options.dtype, allow_slow=True, **settings)


def agreement(prompt: str, given: Sequence[tuple[np.ndarray, list[Any]]], full: Any, small: Any, sides: tuple[str, str]) -> None:
    """Print the IoU of the masks of both models, and of each with the truth."""
    from promptseg import Prompt

    overlaps, scores = [], []
    for image, truths in given:
        prompts = [Prompt.box(*truth.box) if prompt == "box" else Prompt.point(*point_of(truth.mask)) for truth in truths]
        first, second = (model.open(image).segment(prompts) for model in (full, small))
        overlaps += [one.iou(other) for one, other in zip(first, second, strict=True)]
        scores += [[iou(mask.array, truth.mask) for mask in pair] for *pair, truth in zip(first, second, truths, strict=True)]
    truth_of_full, truth_of_small = np.mean(scores, axis=0)
    worst, under = np.min(overlaps), np.count_nonzero(np.array(overlaps) < 0.9)
    print(
        f"  by {prompt}: IoU of {sides[1]} with {sides[0]} mean {np.mean(overlaps):.4f}, median {np.median(overlaps):.4f}, "
        f"least {worst:.3f}, {under} of {len(overlaps)} under .9; with the truth {sides[0]} {truth_of_full:.4f}, "
        f"{sides[1]} {truth_of_small:.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
