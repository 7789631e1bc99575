"""What a backend is asked for."""

import pytest

from promptseg.errors import (
    ConfigError,
)
from promptseg.registry import Engine, LoadRequest, ModelSpec
from promptseg.weights import ModelWeights


class TestOptions:
    REQUEST = LoadRequest(
        ModelSpec("m", "", "MIT", (Engine("e", "b", "v"),)), Engine("e", "b", "v"), ModelWeights({}, {}), options={"threads": 2}
    )

    def test_options_that_are_not_given_have_their_defaults(self):
        assert self.REQUEST.take(threads=1, cache=None) == {"threads": 2, "cache": None}

    def test_an_unknown_option_names_the_nearest(self):
        with pytest.raises(ConfigError, match=r"no option 'threads' \(options: cache, thread\). Did you mean 'thread'?"):
            self.REQUEST.take(thread=1, cache=None)
