"""Images are encoded once."""

import errno

import numpy as np
import pytest

from promptseg.errors import OutputError

pytest.importorskip("torch", reason="fine-tuning needs torch")

from promptseg.finetuning import embeddings
from promptseg.finetuning.embeddings import Embeddings
from promptseg.models.sam import cache
from promptseg.models.sam.geometry import ResizeLongestSide
from promptseg.models.sam.model import Embedding
from promptseg.models.sam.session import SamSegmenter
from promptseg.results import Provenance
from promptseg.runtime.home import cache_dir


class Means:
    """Part of a `promptseg.models.sam.model.SamModel` that encodes images to their mean colors and counts them."""

    provenance = Provenance("means", "tests", "1", {"weights": "aa"})

    def __init__(self):
        self.encoded = []

    def geometry(self, size):
        return ResizeLongestSide(size)

    def encode(self, images):
        self.encoded += images
        return [Embedding({"mean": image.mean(axis=(0, 1), dtype=np.float32)}, self.geometry(image.shape[:2])) for image in images]


@pytest.fixture
def encode(toy):
    """Make embeddings of toy images: ``encode(count)``; `model` counts the images that it encodes."""
    images, _ = toy(4)
    model = Means()

    def make(count=4):
        return Embeddings(sorted(images.iterdir())[:count], model.provenance, lambda cache: SamSegmenter(model, cache))

    make.model = model
    return make


def test_an_image_is_encoded_once_for_all_epochs(encode):
    features = encode()
    for _ in range(3):
        assert [features[index]["mean"].shape for index in range(4)] == [(3,)] * 4
    assert features.encoded == len(encode.model.encoded) == 4


def test_what_was_encoded_before_is_found_on_the_disk_and_no_model_is_loaded(encode):
    first = encode()
    encode.model.encode = None
    second = encode()
    assert (len(second), second.encoded) == (4, 0)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one["mean"], other["mean"])


def test_what_is_lost_meanwhile_is_encoded_again(encode, monkeypatch):
    features = encode()
    features._cache._entries.clear()
    next((cache_dir() / "embeddings").glob("*.npz")).unlink()
    assert len([features[index] for index in range(4)]) == 4
    assert features.encoded == 5


def test_a_disk_that_is_full_is_named_where_memory_cannot_hold_all(encode, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "write_npz", full)
    assert encode().encoded == 4  # There is memory enough.
    monkeypatch.setattr(embeddings.EmbeddingCache, "put", lambda *_: None)
    monkeypatch.setattr(embeddings, "available_memory", lambda: 0)
    small = embeddings.EmbeddingCache.__init__
    monkeypatch.setattr(embeddings.EmbeddingCache, "__init__", lambda self, *args: small(self, 16, *args[1:]))
    with pytest.raises(
        OutputError, match=r"embeddings of 4 images take 0 MiB, more than there is memory for, and .*embeddings cannot hold"
    ):
        encode()


def test_more_images_than_the_cache_usually_holds_are_encoded_once_all_the_same(encode, monkeypatch):
    small = embeddings.EmbeddingCache.__init__
    monkeypatch.setattr(embeddings, "available_memory", lambda: 0)
    # None fits into memory, and one file into the folder.
    monkeypatch.setattr(embeddings.EmbeddingCache, "__init__", lambda self, *args: small(self, 16, (*args, None, None)[1], 5000))
    model = encode.model
    model.encode = lambda images: [Embedding({"mean": np.zeros(1000, np.float32)}, model.geometry(image.shape[:2])) for image in images]
    features = encode()
    for _ in range(2):
        assert [features[index]["mean"].shape for index in (3, 1, 0, 2)] == [(1000,)] * 4
    assert features.encoded == 4
