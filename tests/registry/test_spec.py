"""Options of a backend, and the request to load a model."""

import pytest

from promptseg.errors import (
    ConfigError,
)
from promptseg.registry import load


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

    def test_a_backend_that_forwards_options_gets_those_that_it_does_not_declare(self, add_model):
        requests = []
        add_model("m", "video", lambda request: requests.append(request) or "the model", forwards_options=True, options={"segmenter": "x"})
        load("m", threads=2)
        assert requests[0].options == {"segmenter": "x", "threads": 2}
