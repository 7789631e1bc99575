"""Overhead of a pipeline over bare calls of the same detector and segmenter; and one segmenter call for all boxes against one a box."""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
from boxes import random_boxes
from common import chosen_image, compare, image_argument, parser, seconds


@dataclass(frozen=True)
class Replay:
    """Detector, segmenter and session that return earlier results at once."""

    provenance: Any
    detections: Any
    masks: Any
    size: tuple[int, int]
    timings: Any

    def detect(self, _image: Any, _phrases: Any = None) -> Any:
        return self.detections

    def open(self, _image: Any) -> Replay:
        return self

    def segment(self, _prompts: Any, *, candidates: bool = False) -> Any:  # noqa: ARG002
        return self.masks


def load(name: str, options: argparse.Namespace, **settings: Any) -> Any:
    """Load a model with the settings that it has; a detector's weights are taken from the shared folder if they are there."""
    import promptseg
    from promptseg.errors import ConfigError

    weights = options.shared / "weights" / "yolo" / f"{name}.pt"
    given = {"weights": weights} if weights.is_file() else {}
    try:
        return promptseg.load(name, **given, **settings)
    except ConfigError:
        return promptseg.load(name, **given)


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    arguments.add_argument("--detector", default="yolov8n", help="name, or NAME=WEIGHTS; none for random boxes that take no time")
    arguments.add_argument("--model", default="mini-sam", help="the segmenter: name, or NAME=WEIGHTS")
    arguments.add_argument("--text", help="phrases, such as 'car, wheel', for a detector that needs them (default: all classes)")
    arguments.add_argument("--boxes", type=int, default=20)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    from promptseg import Prompt
    from promptseg.detections import Detections
    from promptseg.pipeline import BuiltPipeline
    from promptseg.pipeline.config import parse_config
    from promptseg.testing import FakeDetector

    image = chosen_image(options)
    if options.detector == "none":
        boxes = random_boxes(options.boxes, image.shape[:2])
        detector = FakeDetector(Detections(image.shape[:2], boxes, np.linspace(0.9, 0.4, options.boxes), ["thing"] * options.boxes))
    else:
        detector = load(options.detector, options, threshold=0.0)
    segmenter = load(options.model, options, cache=None)
    phrases = [phrase.strip() for phrase in options.text.split(",")] if options.text else None
    prompts = [Prompt.text(*phrases)] if phrases else []
    stages = {"detect": {"model": "any", "threshold": 0.0, "nms": None, "max_detections": options.boxes}, "segment": {"model": "any"}}
    pipeline = BuiltPipeline(parse_config(stages), detector, segmenter)

    def bare() -> tuple[Any, Any]:
        found = detector.detect(image, phrases)
        found = found.where(np.argsort(-found.scores, kind="stable")[: options.boxes])
        session = segmenter.open(image)
        return found, session.segment([Prompt.box(*box) for box in found.boxes.tolist()])

    found, masks = bare()
    print(f"{len(found)} boxes on an image of {image.shape[1]} x {image.shape[0]}")
    whole = compare("detect, open and segment", bare, lambda: pipeline(image, *prompts), options.rounds, ("bare calls", "pipeline"))

    replay = Replay(segmenter.provenance, found, masks, masks.size, {})
    alone = BuiltPipeline(pipeline.config, replay, replay)
    alone(image, *prompts)
    own = statistics.median(seconds(lambda: alone(image, *prompts)) for _ in range(20 * options.rounds))
    print(f"the pipeline's own work, with models that take no time: {own * 1e3:.2f} ms, {100 * own / whole:.2f} % of the bare calls")
    results: list[Any] = []
    spent = seconds(lambda: results.append(pipeline(image, *prompts)))
    stages_sum = sum(results[0].timings.values())
    print(f"the timings of the stages: {stages_sum:.4f} s of a call of {spent:.4f} s, {100 * stages_sum / spent:.2f} %")

    session = segmenter.open(image)
    box_prompts = [Prompt.box(*box) for box in found.boxes.tolist()]
    sides = ("one call a box", "one call for all")
    compare(
        f"{len(box_prompts)} boxes",
        lambda: [session.segment([box]) for box in box_prompts],
        lambda: session.segment(box_prompts),
        options.rounds,
        sides,
    )


if __name__ == "__main__":
    main()
