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
