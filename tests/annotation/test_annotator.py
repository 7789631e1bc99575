"""The annotator leaves the pipeline that it is given as it is."""

import numpy as np
import pytest

from promptseg import Prompt, annotate
from promptseg.pipeline import BuiltPipeline
from promptseg.pipeline.config import parse_config
from promptseg.testing import FakeSegmenter


class Caching(FakeSegmenter):
    """A fake that says which cache it has, and notes the images that it opened with each."""

    opened: list = []  # noqa: RUF012 - One list for all copies.

    def __init__(self, cache="the caller's"):
        super().__init__()
        object.__setattr__(self, "cache", cache)

    def with_cache(self, cache):
        return Caching(cache)

    def open(self, image):
        self.opened.append(self.cache)
        return super().open(image)


@pytest.fixture
def folder(tmp_path):
    from PIL import Image

    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def test_a_callers_segmenter_keeps_its_cache_and_the_run_keeps_no_embeddings(folder, tmp_path):
    Caching.opened.clear()
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "fake"}}), None, Caching())
    annotate(folder, Prompt.point(5, 5), pipeline=pipeline, out=tmp_path / "out")
    assert Caching.opened == [None]
    assert pipeline.segmenter.cache == "the caller's"


def test_a_cache_that_the_pipeline_asks_for_is_used(folder, tmp_path):
    Caching.opened.clear()
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "fake", "options": {"cache": "memory"}}}), None, Caching())
    annotate(folder, Prompt.point(5, 5), pipeline=pipeline, out=tmp_path / "out")
    assert Caching.opened == ["the caller's"]


class Batching(FakeSegmenter):
    """A fake that notes how many images it encodes together."""

    together: list = []  # noqa: RUF012 - One list for all copies.

    def open_all(self, images):
        self.together.append(len(images))
        return [self.open(image) for image in images]


@pytest.mark.parametrize(("batch_size", "together"), [(3, [3, 2]), (None, [])])
def test_as_many_images_are_encoded_together_as_the_call_says(batch_size, together, folder, tmp_path):
    for name in "bcde":
        (folder / f"{name}.png").write_bytes((folder / "a.png").read_bytes())
    Batching.together.clear()
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "fake"}}), None, Batching())
    annotate(folder, Prompt.point(5, 5), pipeline=pipeline, out=tmp_path / "out", batch_size=batch_size)
    assert Batching.together == together
