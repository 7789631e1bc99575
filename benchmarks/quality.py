"""Mask quality against real truth: mean IoU of mini-sam by box and by one point, beside upstream's predictor with the same weights.

Objects of COCO files that are not crowds and have more than 100 pixels. By box: the tight box of the truth, one mask. By point: the pixel
farthest from the object's border, the best of three masks by score.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from common import parser, upstream_predictor

SETS = {
    "coco_tiny (train)": ("coco_tiny", "train2017", "instances_train2017.json"),
    "coco_person (val)": ("coco_person", "val2017", "person_keypoints_val2017.json"),
}


def objects(folder: Path, images: str, truth_file: str) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Each image with the masks of its objects."""
    from pycocotools import mask as coco

    from promptseg import load_image

    content = json.loads((folder / "annotations" / truth_file).read_text())
    for entry in content["images"]:
        truths = []
        for annotation in content["annotations"]:
            if annotation["image_id"] != entry["id"] or annotation.get("iscrowd"):
                continue
            segmentation, height, width = annotation["segmentation"], entry["height"], entry["width"]
            if isinstance(segmentation, list):
                segmentation = coco.merge(coco.frPyObjects(segmentation, height, width))
            truth = coco.decode(segmentation).astype(bool)
            if truth.sum() > 100:
                truths.append(truth)
        if truths:
            yield load_image(folder / images / entry["file_name"]), truths


def box_of(truth: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def point_of(truth: np.ndarray) -> tuple[float, float]:
    distance = cv2.distanceTransform(np.pad(truth, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(distance), distance.shape)
    return float(column), float(row)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def main() -> None:
    options = parser(__doc__).parse_args()
    import promptseg
    from promptseg import Prompt

    predictor = upstream_predictor(options)
    segmenter = promptseg.load("mini-sam")
    for name, (folder, images, truth_file) in SETS.items():
        root = options.shared / "data" / folder
        scores: dict[str, list[float]] = {"upstream box": [], "promptseg box": [], "upstream point": [], "promptseg point": []}
        for image, truths in objects(root, images, truth_file):
            predictor.set_image(image)
            session = segmenter.open(image)
            boxes = session.segment([Prompt.box(*box_of(truth)) for truth in truths])
            points = session.segment([Prompt.point(*point_of(truth)) for truth in truths])
            for truth, by_box, by_point in zip(truths, boxes, points, strict=True):
                masks, _, _ = predictor.predict(box=box_of(truth), multimask_output=False)
                scores["upstream box"].append(iou(masks[0], truth))
                scores["promptseg box"].append(iou(by_box.array, truth))
                masks, quality, _ = predictor.predict(np.array([point_of(truth)]), np.array([1]), multimask_output=True)
                scores["upstream point"].append(iou(masks[np.argmax(quality)], truth))
                scores["promptseg point"].append(iou(by_point.array, truth))
        print(f"{name}: {len(scores['upstream box'])} objects")
        for prompt in ("box", "point"):
            theirs, ours = np.mean(scores[f"upstream {prompt}"]), np.mean(scores[f"promptseg {prompt}"])
            print(f"  mean IoU by {prompt}: upstream {theirs:.4f}, promptseg {ours:.4f}, difference {ours - theirs:+.4f}", flush=True)


if __name__ == "__main__":
    main()
