"""A result, and values that cannot be shown."""

import numpy as np
import pytest

from promptseg import Detections, Mask, Masks, Prompt, Result
from promptseg.results import Provenance

SIZE = (40, 60)


def rectangle(x0, y0, x1, y1, **about):
    return Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (x0, y0), SIZE, **about)


@pytest.fixture
def masks():
    return Masks([rectangle(2, 3, 20, 30, score=0.9, label="cup"), rectangle(30, 10, 50, 20, score=0.5, label="spoon")])


@pytest.fixture
def result(masks):
    return Result(
        masks,
        prompts=(Prompt.point(5, 5), Prompt.text("cup")),
        detections=Detections(SIZE, [[30, 10, 50, 20]], [0.8], ["spoon"]),
        timings={"encode": 1.5},
        provenance=(Provenance("mini-sam", "onnx_sam", "1", {"encoder.onnx": "ab" * 32}, "MIT"),),
        image=np.full((*SIZE, 3), 200, np.uint8),
        source="cup.jpg",
    )
