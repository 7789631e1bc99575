"""Everything mode: promptseg against upstream's automatic mask generator, same weights, speed and agreement of the masks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from common import chosen_image, image_argument, parser, report
from pairs import pair, pair_arguments


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result of a call, its wall time and its processor time in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    pair_arguments(arguments)
    arguments.add_argument("--points-per-side", type=int, default=32)
    options = arguments.parse_args()
    import promptseg
    from promptseg import Mask, Masks

    image = chosen_image(options)
    both = pair(options, image)
    own = both.ours
    generator = both.generator(both.model, points_per_side=options.points_per_side, output_mode="uncompressed_rle")
    own.open(image)  # Warms up both: first calls allocate.
    generator.predictor.set_image(image)

    prompt = promptseg.Prompt.everything(options.points_per_side)
    ours, our_wall, our_cpu = timed(lambda: own.open(image).everything(prompt))
    generated, upstream_wall, upstream_cpu = timed(lambda: generator.generate(image))
    report("everything, wall time", upstream_wall, our_wall, upstream_wall / our_wall)
    # Processor time hardly depends on the other load of the host.
    report("everything, processor time", upstream_cpu, our_cpu, upstream_cpu / our_cpu)
    theirs = Masks([Mask.from_coco_rle(found["segmentation"]) for found in generated], ours.size)
    overlap = ours.iou_matrix(theirs)
    print(f"masks: upstream {len(theirs)}, promptseg {len(ours)}")
    for threshold in (0.95, 0.98):
        found, known = (overlap.max(axis=axis) >= threshold for axis in (0, 1))
        print(f"at IoU {threshold}: {found.mean():.1%} of upstream's masks found, {known.mean():.1%} of ours are upstream's")


if __name__ == "__main__":
    main()
