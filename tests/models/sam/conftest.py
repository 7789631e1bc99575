"""A model of the SAM family without weights, for tests of the engine."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from promptseg.models.sam.geometry import ResizeLongestSide
from promptseg.models.sam.mask_batch import HostDecoded
from promptseg.models.sam.model import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, FOREGROUND, DecoderConfig, Embedding
from promptseg.results import Provenance


class DiscSam:
    """A `promptseg.models.sam.model.SamModel` whose masks are discs around points.

    Foreground points give discs, a box gives the box, background points take their discs away, and an earlier mask is cut by all that.
    Candidates differ in the radius of the discs. Logits fall off at `sharpness` per pixel of the model input.

    Attributes:
        encoded: Shapes of the encoded images.
        decoded: The decoded prompts, each with its `one_thread`.
        asked: The prompts and candidates whose logits were requested, by call.
    """

    input_size, low_res = 256, 64

    def __init__(self, radii=(20, 10, 20, 40), scores=(0.95, 0.91, 0.93, 0.92), sharpness=2.0, decode_batch=2, workers=2, weights="aa"):
        self.radii, self.scores, self.sharpness = radii, scores, sharpness
        self.decode_batch, self.workers = decode_batch, workers
        self.decoder_config = DecoderConfig()
        self.provenance = Provenance("disc-sam", "tests", "1", {"discs": weights})
        self.encoded, self.decoded, self.asked = [], [], []
        self.lock = threading.Lock()

    def geometry(self, size):
        return ResizeLongestSide(size, self.input_size, self.low_res)

    def kept_bytes(self, embedding):
        return 1000 if self.decoded else 0

    def encode(self, images):
        self.encoded += [image.shape for image in images]
        return [Embedding({"mean": image.mean(axis=(0, 1), dtype=np.float32)}, self.geometry(image.shape[:2])) for image in images]

    def decode(self, embedding, prompts, *, one_thread=False):
        assert len(prompts) <= self.decode_batch
        assert prompts.points.dtype == np.float32
        assert prompts.labels.dtype == np.int64
        with self.lock:
            self.decoded.append((prompts, one_thread))
        decoded = [self.predict(embedding, points, labels) for points, labels in zip(prompts.points, prompts.labels, strict=True)]
        if prompts.mask_logits is not None:
            decoded = [(scores, np.minimum(logits, prompts.mask_logits)) for scores, logits in decoded]
        scores, logits = zip(*decoded, strict=True)
        return Decoded(self, np.array(scores, np.float32), np.array(logits, np.float32))

    def predict(self, embedding, points, labels):
        """Return (C,) scores and (C, low_res, low_res) logits of one prompt. Tests override this method."""
        return self.scores, self.sharpness * np.array([self.distance(points, labels, radius) for radius in self.radii])

    def distance(self, points, labels, radius):
        """Return how far, in pixels of the model input, each logit lies inside the region of a prompt."""
        step = self.input_size // self.low_res
        y, x = np.mgrid[: self.low_res, : self.low_res] * step + step / 2 - 0.5
        within = np.full((self.low_res, self.low_res), -1e3)
        if BOX_TOP_LEFT in labels:
            (x0, y0), (x1, y1) = points[labels == BOX_TOP_LEFT][0], points[labels == BOX_BOTTOM_RIGHT][0]
            within = np.minimum.reduce([x + 0.5 - x0, x1 - x - 0.5, y + 0.5 - y0, y1 - y - 0.5])
        for label, join, sign in ((FOREGROUND, np.maximum, 1), (BACKGROUND, np.minimum, -1)):
            for px, py in points[labels == label]:
                within = join(within, sign * (radius - np.hypot(x - px, y - py)))
        return within


@dataclass
class Decoded(HostDecoded):
    """A `promptseg.models.sam.model.Decoded` that returns exactly the requested region."""

    model: DiscSam
    scores: np.ndarray
    all_logits: np.ndarray

    def logits(self, pairs, region=None):
        with self.model.lock:
            self.model.asked.append(list(pairs))
        height, width = region or self.all_logits.shape[-2:]
        return np.stack([self.all_logits[pair][:height, :width] for pair in pairs])


@pytest.fixture
def disc_sam():
    """The class `DiscSam`, to instantiate or to derive from."""
    return DiscSam
