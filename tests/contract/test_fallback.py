"""A ladder of models keeps the contract of all segmenters, on its first model and below it."""

import pytest

from promptseg.errors import OutOfMemoryError
from promptseg.fallback import FallbackSegmenter
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts import SegmenterContract


class TestFallbackSegmenter(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        return FallbackSegmenter({"fake": FakeSegmenter, "unused": lambda: pytest.fail("loaded")})


class TestFallbackSegmenterThatSteppedDown(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        def too_large():
            raise OutOfMemoryError("9 GB")

        with pytest.warns(RuntimeWarning, match="large does not fit into memory"):
            return FallbackSegmenter({"large": too_large, "fake": FakeSegmenter})
