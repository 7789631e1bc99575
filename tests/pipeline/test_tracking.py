"""A pipeline tracks with its own segmenter, whatever it is."""

import pytest

from fake_pipelines import BLANK
from promptseg.errors import ConfigError, IncompatibleStagesError
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.testing import FakeDetector, FakeSegmenter

pytest.importorskip("scipy", reason="tracking needs scipy")

FRAMES = [BLANK] * 3


def test_a_segmenter_that_is_in_no_catalog_tracks():
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "of no catalog"}}), None, FakeSegmenter())
    tracked = list(pipeline.track(FRAMES, Prompt.box(5, 5, 20, 20)))
    assert [frame.object_ids for frame in tracked] == [(1,)] * 3


def test_own_weights_stay_those_that_track(add_model, tmp_path):
    (tmp_path / "own.bin").write_bytes(b"weights")
    requests = []

    def load(request):
        requests.append(request)
        return FakeSegmenter(provenance=request.provenance("1.0"))

    add_model("cutter", "segmenter", load)
    pipeline = Pipeline().segment("cutter", weights=str(tmp_path / "own.bin")).build()
    assert len(list(pipeline.track(FRAMES, Prompt.box(5, 5, 20, 20)))) == 3
    assert [list(request.weights.files) for request in requests] == [["own.bin"]]


def test_a_segmenter_that_takes_no_boxes_is_refused_by_what_it_says_of_itself():
    class Clicks(FakeSegmenter):
        accepts = frozenset({"point"})

    pipeline = BuiltPipeline(parse_config({"segment": {"model": "clicks"}}), None, Clicks())
    with pytest.raises(ConfigError, match="tracking needs a segmenter that takes boxes; this one takes point"):
        list(pipeline.track(FRAMES, Prompt.point(5, 5)))


def test_without_a_segmenter_it_is_refused():
    pipeline = BuiltPipeline(parse_config({"detect": {"model": "fake"}}), FakeDetector({"dog": (1, 1, 5, 5)}))
    with pytest.raises(IncompatibleStagesError, match="tracking needs a segmenter"):
        list(pipeline.track(FRAMES, Prompt.text("dog")))


@pytest.mark.parametrize(
    "arguments",
    [{"tracker": 5}, {"redetection": 5}, {"redetect": 5}, {"redetect": []}, {"redetect_every": "1"}, {"redetect_every": 0}],
    ids=repr,
)
def test_an_argument_of_another_kind_is_refused(arguments):
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "of no catalog"}}), None, FakeSegmenter())
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        pipeline.track(FRAMES, Prompt.box(5, 5, 20, 20), **arguments)


def test_a_cache_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match="a cache is an EmbeddingCache, or an object with its methods get and put, got 5"):
        BuiltPipeline(parse_config({}), None, FakeSegmenter()).with_cache(5)
