"""Mask quality against ground truth: mean IoU of mini-sam by box and by one point, beside upstream's predictor with the same weights.

Objects of COCO files that are not crowds and have more than 100 pixels. By box: the tight box of the truth, one mask. By point: the pixel
farthest from the object's border, the best of three masks by score.
"""

from __future__ import annotations

import cv2
import numpy as np
from common import parser, upstream_predictor
from truth import SETS, images_with_truth, iou


def point_of(truth: np.ndarray) -> tuple[float, float]:
    distance = cv2.distanceTransform(np.pad(truth, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(distance), distance.shape)
    return float(column), float(row)


def main() -> None:
    options = parser(__doc__).parse_args()
    import promptseg
    from promptseg import Prompt

    predictor = upstream_predictor(options)
    segmenter = promptseg.load("mini-sam")
    for name in SETS:
        scores: dict[str, list[float]] = {"upstream box": [], "promptseg box": [], "upstream point": [], "promptseg point": []}
        for image, truths in images_with_truth(options.shared / "data", name):
            predictor.set_image(image)
            session = segmenter.open(image)
            boxes = session.segment([Prompt.box(*truth.box) for truth in truths])
            points = session.segment([Prompt.point(*point_of(truth.mask)) for truth in truths])
            for truth, by_box, by_point in zip(truths, boxes, points, strict=True):
                masks, _, _ = predictor.predict(box=truth.box, multimask_output=False)
                scores["upstream box"].append(iou(masks[0], truth.mask))
                scores["promptseg box"].append(iou(by_box.array, truth.mask))
                masks, quality, _ = predictor.predict(np.array([point_of(truth.mask)]), np.array([1]), multimask_output=True)
                scores["upstream point"].append(iou(masks[np.argmax(quality)], truth.mask))
                scores["promptseg point"].append(iou(by_point.array, truth.mask))
        print(f"{name}: {len(scores['upstream box'])} objects")
        for prompt in ("box", "point"):
            theirs, ours = np.mean(scores[f"upstream {prompt}"]), np.mean(scores[f"promptseg {prompt}"])
            print(f"  mean IoU by {prompt}: upstream {theirs:.4f}, promptseg {ours:.4f}, difference {ours - theirs:+.4f}", flush=True)


if __name__ == "__main__":
    main()
