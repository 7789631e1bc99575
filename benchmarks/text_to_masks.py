"""Masks by a detector's boxes against real truth, beside the masks that the detector makes itself, on the same detections.

A detection is matched with the unmatched object of its label whose tight box it overlaps most, if by IoU of at least 0.5; the best
detection chooses first. The mask's IoU with that object is then what counts. `yolov8n-seg` finds boxes and makes masks; mini-sam, or any
other segmenter, makes masks of the same boxes.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from common import parser
from truth import SETS, Truth, iou, photos_with_truth


def matches(boxes: np.ndarray, labels: tuple[str, ...], truths: list[Truth], least: float = 0.5) -> list[tuple[int, Truth]]:
    """Which detection, best first, is of which object."""
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


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--detector", default="yolov8n-seg", help="a model that finds boxes and makes masks")
    arguments.add_argument("--weights", type=Path, help="its weights (default: weights/yolo/yolov8n-seg.pt of the shared folder)")
    arguments.add_argument("--model", default="mini-sam", help="the segmenter")
    arguments.add_argument("--threshold", type=float, default=0.25, help="least score of a detection")
    options = arguments.parse_args()
    import promptseg

    weights = options.weights or options.shared / "weights" / "yolo" / "yolov8n-seg.pt"
    detector = promptseg.load(options.detector, weights=weights)
    segmenter = promptseg.load(options.model)
    for name in SETS:
        scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
        objects = 0
        for image, truths in photos_with_truth(options.shared / "data", name):
            objects += len(truths)
            found = detector.detect(image)
            found = found.where(found.scores >= options.threshold)
            matched = matches(found.boxes, found.labels, truths)
            if not matched:
                continue
            masks = segmenter.open(image).segment([promptseg.Prompt.box(*found.boxes[index].tolist()) for index, _ in matched])
            for (index, truth), mask in zip(matched, masks, strict=True):
                scores[truth.label].append((iou(found.masks[index].array, truth.mask), iou(mask.array, truth.mask)))
        print(f"{name}: {objects} objects, {sum(map(len, scores.values()))} found by {options.detector}")
        rows = sorted(scores.items(), key=lambda row: (-len(row[1]), row[0]))
        for label, pairs in [*rows, ("all", [pair for _, some in rows for pair in some])]:
            own, boxed = np.mean(pairs, axis=0)
            wins = np.mean([ours > theirs for theirs, ours in pairs])
            print(f"  {label:16} {len(pairs):4}: own masks {own:.3f}, {options.model} by box {boxed:.3f}, better in {wins:.0%}", flush=True)


if __name__ == "__main__":
    main()
