"""Options of a backend, and the request to load a model."""

from dataclasses import replace

import pytest

from promptseg.errors import (
    ConfigError,
)
from promptseg.registry import choose, load, tracker_of


class TestOptions:
    @pytest.fixture
    def requests(self, add_model):
        """The requests that model ``"m"``, with options ``cache`` and ``thread``, was loaded from."""
        requests = []
        add_model("m", "segmenter", lambda request: requests.append(request) or "the model", options={"cache": None, "thread": 1})
        return requests

    def test_options_that_are_not_given_have_their_defaults(self, requests):
        load("m", thread=2)
        assert requests[0].options == {"thread": 2, "cache": None}

    def test_an_unknown_option_names_the_nearest_and_nothing_is_loaded(self, requests):
        with pytest.raises(ConfigError, match=r"no option 'threads' \(options: cache, thread\). Did you mean 'thread'?"):
            load("m", threads=2)
        assert requests == []

    def test_an_unknown_option_is_refused_before_weights_are_fetched(self):
        with pytest.raises(ConfigError, match="no option 'thread'"):
            load("sam-vit-h", engine="onnx", thread=2)

    @pytest.mark.parametrize(
        ("engine", "option", "owner"),
        [
            ("torch", "quantize", "engine 'onnx'"),
            ("onnx", "dtype", "engine 'torch'"),
            ("torch", "every", "tracker 'propagate' of load_video"),
        ],
    )
    def test_an_option_that_another_engine_or_a_tracker_has_is_refused_with_its_name(self, engine, option, owner):
        with pytest.raises(ConfigError, match=rf"'mini-sam' has no option '{option}' \(options: .*\). It is an option of {owner}\.$"):
            choose("mini-sam", engine=engine).check_options({option: 2})

    def test_a_tracker_of_its_own_names_the_tracker_that_has_an_option(self):
        chosen = choose("sam2.1-hiera-tiny")
        tracking = replace(chosen, backend=tracker_of(chosen))
        with pytest.raises(ConfigError, match=r"\. It is an option of tracker 'propagate' of load_video\.$"):
            tracking.check_options({"every": 2})

    def test_a_backend_that_forwards_options_gets_those_that_it_does_not_declare(self, add_model):
        requests = []
        add_model("m", "video", lambda request: requests.append(request) or "the model", forwards_options=True, options={"segmenter": "x"})
        load("m", threads=2)
        assert requests[0].options == {"segmenter": "x", "threads": 2}
