"""The function `promptseg.segment`."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import promptseg
from fake_pipelines import BLANK
from promptseg.errors import (
    ConfigError,
    PromptError,
    UnknownModelError,
)
from promptseg.masks import Mask
from promptseg.pipeline import builder
from promptseg.prompts import Prompt
from promptseg.testing import FakeSegmenter


class TestSegment:
    @pytest.fixture(autouse=True)
    def _forget_models(self):
        builder._single.cache_clear()
        yield
        builder._single.cache_clear()

    def test_it_segments_with_one_call(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        result = promptseg.segment(BLANK, Prompt.box(3, 4, 10, 12), model="cutter")
        assert result.best().box.tolist() == [3, 4, 10, 12]

    def test_all_candidates_are_returned_on_request(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        one, all_ = (promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter", candidates=wanted) for wanted in (False, True))
        assert (len(one.masks), len(all_.masks)) == (1, 3)

    def test_a_model_stays_loaded_for_the_next_call(self, add_model):
        requests = []
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        for _ in range(3):
            promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter")
        assert len(requests) == 1
        promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter", device="cpu")
        assert [request.device for request in requests] == ["auto", "cpu"]

    def test_threads_that_ask_at_once_load_the_model_once(self, add_model):
        requests = []

        def load(request):
            requests.append(request)
            others_wait.wait(0.1)  # Time for the others to ask. The test is right without it, and checks more with it.
            return FakeSegmenter()

        others_wait = threading.Event()
        add_model("cutter", "segmenter", load)
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda x: promptseg.segment(BLANK, Prompt.point(x, 4), model="cutter"), range(3, 11)))
        assert len(requests) == 1
        assert [len(result.masks) for result in results] == [1] * 8

    def test_own_weights_reach_the_backend(self, add_model, tmp_path):
        (tmp_path / "own.pt").write_bytes(b"weights")
        requests = []
        add_model("cutter", "segmenter", lambda request: requests.append(request) or FakeSegmenter())
        promptseg.segment(BLANK, Prompt.point(3, 4), model="cutter", weights=str(tmp_path / "own.pt"))
        assert list(requests[0].weights.files.values()) == [tmp_path / "own.pt"]

    def test_no_prompt_is_refused(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(PromptError, match="nothing to segment"):
            promptseg.segment(BLANK, model="cutter")

    def test_an_unknown_model_or_engine_is_refused(self, add_model):
        add_model("cutter", "segmenter", lambda _: FakeSegmenter())
        with pytest.raises(UnknownModelError, match="Did you mean 'cutter'"):
            promptseg.segment(BLANK, Prompt.point(1, 1), model="cuter")
        with pytest.raises(ConfigError, match="no engine 'tpu': it has fake"):
            promptseg.segment(BLANK, Prompt.point(1, 1), model="cutter", engine="tpu")

    @pytest.mark.weights
    def test_the_default_model_needs_no_choice(self, mini_sam, photo):
        result = promptseg.segment(photo(), Prompt.point(44, 57))
        assert [entry.model for entry in result.provenance] == ["mini-sam"]
        x, y = np.meshgrid(np.arange(160), np.arange(120))
        ellipse = ((x - 44) / 28) ** 2 + ((y - 57) / 33) ** 2 <= 1
        assert result.best().iou(Mask.from_array(ellipse)) > 0.9

    @pytest.mark.parametrize(
        "arguments",
        [{"model": 5}, {"model": []}, {"model": None}, {"device": []}, {"engine": 5}, {"weights": []}, {"weights": "~nobodyxx/a"}],
        ids=repr,
    )
    def test_an_argument_of_another_kind_is_refused(self, arguments):
        with pytest.raises(ConfigError, match=f"{next(iter(arguments))} is "):
            promptseg.segment(BLANK, Prompt.point(1, 1), **{"model": "superpixel", **arguments})
