"""Masks of detections against ground truth: the detector's own, a segmenter's by its boxes, and a segmenter's that refine its own.

A detection is matched with the unmatched object of its label whose tight box it overlaps most, if by IoU of at least 0.5; the best
detection chooses first. The mask's IoU with that object is then what counts, so that all columns are of the same detections. Two columns
are bounds: the filled box, and the best of the segmenter's candidates for the box, chosen by the truth.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from common import parser
from truth import SETS, Truth, images_with_truth, iou

COLUMNS = ("filled box", "detector's own", "by box", "refined", "best candidate")


def matches(boxes: np.ndarray, labels: tuple[str, ...], truths: list[Truth], least: float = 0.5) -> list[tuple[int, Truth]]:
    """Return the index of each matched detection, best first, with its object."""
    free, found = list(truths), []
    for index, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        overlaps = [box_iou(box, truth.box) if truth.label == label else 0.0 for truth in free]
        if overlaps and max(overlaps) >= least:
            found.append((index, free.pop(int(np.argmax(overlaps)))))
    return found


def box_iou(first: np.ndarray, second: np.ndarray) -> float:
    lengths = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    inner = float(np.prod(np.maximum(lengths, 0)))
    return inner / (float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])) - inner)


def interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean, by 10,000 bootstrap samples."""
    chosen = np.random.default_rng(0).integers(0, len(differences), (10_000, len(differences)))
    low, high = np.percentile(differences[chosen].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--detector", default="yolov8n-seg", help="a model that returns boxes with masks")
    arguments.add_argument("--weights", type=Path, help="its weights (default: weights/yolo/yolov8n-seg.pt of the shared folder)")
    arguments.add_argument("--model", default="mini-sam", help="the segmenter")
    arguments.add_argument("--threshold", type=float, default=0.25, help="least score of a detection")
    options = arguments.parse_args()
    import promptseg
    from promptseg.pipeline.box_prompts import detection_prompts, filled_box

    weights = options.weights or options.shared / "weights" / "yolo" / "yolov8n-seg.pt"
    detector = promptseg.load(options.detector, weights=weights)
    segmenter = promptseg.load(options.model)
    for name in SETS:
        scores: dict[str, list[list[float]]] = defaultdict(list)
        objects = 0
        for image, truths in images_with_truth(options.shared / "data", name):
            objects += len(truths)
            found = detector.detect(image)
            found = found.where(found.scores >= options.threshold)
            matched = matches(found.boxes, found.labels, truths)
            if not matched:
                continue
            found = found.where([index for index, _ in matched])
            session = segmenter.open(image)
            by_box, refined = (session.segment(detection_prompts(found, refine=refine)) for refine in (False, True))
            candidates = session.segment(detection_prompts(found), candidates=True)
            for index, (_, truth) in enumerate(matched):
                own_candidates = [mask for mask in candidates if mask.prompt_index == index]
                masks = [filled_box(found.boxes[index], found.size), found.masks[index], by_box[index], refined[index], *own_candidates]
                filled, *others = [iou(mask.array, truth.mask) for mask in masks]
                scores[truth.label].append([filled, *others[:3], max(others[1], *others[3:])])
        print(f"{name}: {objects} objects, {sum(map(len, scores.values()))} found by {options.detector}")
        print(f"  {'':16}      {' '.join(f'{column:>13}' for column in COLUMNS)}")
        rows = sorted(scores.items(), key=lambda row: (-len(row[1]), row[0]))
        for label, found_of_label in [*rows, ("all", [each for _, some in rows for each in some])]:
            means = " ".join(f"{mean:13.3f}" for mean in np.mean(found_of_label, axis=0))
            print(f"  {label:16} {len(found_of_label):4} {means}", flush=True)
        found_of_all = np.array([each for _, some in rows for each in some])
        for column in (2, 3):
            low, high = interval(found_of_all[:, column] - found_of_all[:, 1])
            print(f"  {COLUMNS[column]} less {COLUMNS[1]}: 95 % interval {low:+.3f} to {high:+.3f}", flush=True)


if __name__ == "__main__":
    main()
