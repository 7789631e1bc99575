"""Fixtures for tests of tracking: small textured scenes, and a segmenter that knows their objects."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from promptseg.masks import Mask, Masks
from promptseg.results import Provenance
from promptseg.testing import FakeFrames

SIZE = (96, 128)
RED, GREEN, GRAY = (200, 40, 40), (40, 150, 60), (120, 120, 120)


def textured(height, width, color, seed):
    """Return a patch of a color with fixed noise, coarse enough for optical flow."""
    import cv2

    noise = np.random.default_rng(seed).normal(0, 1, (height // 8 + 2, width // 8 + 2)).astype(np.float32)
    noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.array(color) + 25 * noise[..., None], 0, 255).astype(np.uint8)


@dataclass
class Scene:
    """Objects on a green textured background. Later objects hide earlier ones.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        things: (H, W) bool visible pixels of each object, by name.
        asked: The prompts that the segmenter got, in order.
    """

    image: np.ndarray
    things: dict
    asked: list = field(default_factory=list)
    score = 0.9
    size = SIZE

    def segment(self, prompts, *, candidates=False):
        """Return for each prompt the object with the highest IoU; as candidates also the whole frame and the upper half of the object.

        If no object overlaps the prompt, the mask is empty.
        """
        self.asked += prompts
        return Masks((Mask.from_array(one, score=self.score) for prompt in prompts for one in self._candidates(prompt, candidates)), SIZE)

    def _candidates(self, prompt, candidates):
        thing = self._thing(prompt)
        if candidates and thing.any():
            rows = np.flatnonzero(thing.any(1))
            half = thing.copy()
            half[rows[len(rows) // 2] :] = False
            yield np.ones(SIZE, bool)
            yield half
        yield thing

    def _thing(self, prompt):
        asked = np.zeros(SIZE, bool)
        if prompt.xyxy is None:
            asked |= prompt.mask_pixels.array
        else:
            x0, y0, x1, y1 = prompt.xyxy.round().astype(int)
            asked[y0:y1, x0:x1] = True
        shares = {name: (asked & seen).sum() / max((asked | seen).sum(), 1) for name, seen in self.things.items()}
        best = max(shares, key=shares.get)
        return self.things[best] if shares[best] > 0 else np.zeros(SIZE, bool)


def draw(things):
    """Return a scene with the given objects, each ``x, y, width, height, color``: ``draw({"square": (20, 30, 24, 24, RED)})``."""
    image, seen = textured(*SIZE, GREEN, 0), {}
    for seed, (name, (x, y, width, height, color)) in enumerate(things.items(), 1):
        patch = textured(height, width, color, seed)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, SIZE[1]), min(y + height, SIZE[0])
        for other in seen.values():
            other[max(y0, 0) : max(y1, 0), x0 : max(x1, 0)] = False
        seen[name] = np.zeros(SIZE, bool)
        if x0 < x1 and y0 < y1:
            image[y0:y1, x0:x1] = patch[y0 - y : y1 - y, x0 - x : x1 - x]
            seen[name][y0:y1, x0:x1] = True
    return Scene(image, seen)


@dataclass
class ScenesSegmenter:
    """Segmenter that opens the scenes of a video, recognized by their pixels."""

    scenes: list
    provenance = Provenance("scenes", "fake", "1", license="Apache-2.0")
    accepts = frozenset({"point", "box", "mask"})

    def open(self, image):
        return next(scene for scene in self.scenes if scene.image is image or np.array_equal(scene.image, image))

    @property
    def video(self):
        return FakeFrames([scene.image for scene in self.scenes])


@pytest.fixture
def scene():
    return draw


@pytest.fixture
def segmenter():
    return ScenesSegmenter


@pytest.fixture
def square():
    """Return a function ``square(x, y)`` for a red square of 24 x 24 pixels in a scene."""
    return lambda x, y: (x, y, 24, 24, RED)


@pytest.fixture
def wall():
    """Return a function ``wall(x, width)`` for a gray wall over the whole height of a scene."""
    return lambda x, width: (x, 0, width, SIZE[0], GRAY)
