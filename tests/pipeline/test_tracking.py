"""A pipeline tracks with its own segmenter, whatever it is."""

import pytest

import promptseg
from fake_pipelines import BLANK
from promptseg.errors import ConfigError, IncompatibleStagesError
from promptseg.pipeline import BuiltPipeline, Pipeline
from promptseg.pipeline.config import parse_config
from promptseg.prompts import Prompt
from promptseg.testing import FakeDetector, FakeSegmenter
from promptseg.tracking.session import PropagateSegmenter

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
    [
        {"tracker": 5},
        {"redetection": 5},
        {"redetect": 5},
        {"redetect": []},
        {"redetect_every": "1"},
        {"redetect_every": 0},
        {"every": 0},
        {"every": "often"},
        {"every": True},
    ],
    ids=repr,
)
def test_an_argument_of_another_kind_is_refused(arguments):
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "of no catalog"}}), None, FakeSegmenter())
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        pipeline.track(FRAMES, Prompt.box(5, 5, 20, 20), **arguments)


def test_a_cache_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match="a cache is an EmbeddingCache, or an object with its methods get and put, got 5"):
        BuiltPipeline(parse_config({}), None, FakeSegmenter()).with_cache(5)


def test_how_often_the_segmenter_is_asked_is_an_argument_or_a_key_of_the_configuration():
    frames = [BLANK] * 5
    events = {}
    for name, config, arguments in (
        ("neither", {}, {}),
        ("key", {"track": {"every": 2}}, {}),
        ("argument", {"track": {"every": 2}}, {"every": 3}),
        ("argument of 1", {"track": {"every": 2}}, {"every": 1}),
    ):
        pipeline = BuiltPipeline(parse_config({"segment": {"model": "of no catalog"}, **config}), None, FakeSegmenter())
        tracked = list(pipeline.track(frames, Prompt.box(5, 5, 20, 20), **arguments))
        assert [frame.masks[0].box.tolist() for frame in tracked] == [[5, 5, 20, 20]] * 5
        events[name] = [(event.frame, event.reason) for frame in tracked for event in frame.events if event.kind == "asked"]
        assert all(event.object_id is None for frame in tracked for event in frame.events if event.kind == "asked")
    assert events == {
        "neither": [],
        "key": [(0, "prompted"), (2, "every 2 frames"), (4, "every 2 frames")],
        "argument": [(0, "prompted"), (3, "every 3 frames")],
        "argument of 1": [],
    }


def test_how_often_is_not_asked_of_a_tracker_that_is_given():
    pipeline = BuiltPipeline(parse_config({"segment": {"model": "of no catalog"}}), None, FakeSegmenter())
    with pytest.raises(ConfigError, match="a tracker is given: load it with every='auto'"):
        pipeline.track(FRAMES, Prompt.box(5, 5, 20, 20), every="auto", tracker=PropagateSegmenter(FakeSegmenter()))


def test_a_frame_on_which_a_detection_is_prompted_is_one_on_which_the_model_was_asked():
    pipeline = BuiltPipeline(
        parse_config({"detect": {"model": "fake"}, "segment": {"model": "of no catalog"}}),
        FakeDetector({"dog": (5, 5, 20, 20)}),
        FakeSegmenter(),
    )
    tracked = list(pipeline.track([BLANK] * 4, every=3))
    assert [frame.asked for frame in tracked] == ["prompted", None, None, "every 3 frames"]
    assert [(event.kind, event.object_id) for event in tracked[0].events] == [("asked", None), ("added", 1)]


def test_an_option_of_the_tracker_is_taken_apart_from_those_of_its_segmenter(add_model):
    requests = []

    def load(request):
        requests.append(request)
        return FakeSegmenter()

    add_model("cutter", "segmenter", load, options={"sharp": 1})
    tracker = promptseg.load_video("cutter", every="auto", sharp=2)
    assert (tracker.every, dict(requests[0].options)) == ("auto", {"sharp": 2})
    assert promptseg.load("propagate", segmenter="cutter", every=4).every == 4
    with pytest.raises(ConfigError, match="every is a whole number of frames"):
        promptseg.load_video("cutter", every=0)
