"""Everything mode: promptseg against upstream's SamAutomaticMaskGenerator, same weights, speed and agreement of the masks."""

from __future__ import annotations

import time

from common import parser, photo, photo_argument, report, upstream_model


def main() -> None:
    arguments = parser(__doc__)
    photo_argument(arguments)
    arguments.add_argument("--points-per-side", type=int, default=32)
    options = arguments.parse_args()
    import promptseg
    from promptseg import Mask, Masks

    image = photo(options)
    model = upstream_model(options)
    from mobile_sam import SamAutomaticMaskGenerator

    generator = SamAutomaticMaskGenerator(model, points_per_side=options.points_per_side, output_mode="uncompressed_rle")
    segmenter = promptseg.load("mini-sam", cache=None)
    segmenter.open(image)  # Warms up both: first calls allocate.
    generator.predictor.set_image(image)

    started = time.perf_counter()
    ours = segmenter.open(image).everything(promptseg.Prompt.everything(options.points_per_side))
    our_seconds = time.perf_counter() - started
    started = time.perf_counter()
    answers = generator.generate(image)
    upstream_seconds = time.perf_counter() - started

    report("everything", upstream_seconds, our_seconds, upstream_seconds / our_seconds)
    theirs = Masks([Mask.from_coco_rle(answer["segmentation"]) for answer in answers], ours.size)
    overlap = ours.iou_matrix(theirs)
    print(f"masks: upstream {len(theirs)}, promptseg {len(ours)}")
    for threshold in (0.95, 0.98):
        found, known = (overlap.max(axis=axis) >= threshold for axis in (0, 1))
        print(f"at IoU {threshold}: {found.mean():.1%} of upstream's masks found, {known.mean():.1%} of ours are upstream's")


if __name__ == "__main__":
    main()
