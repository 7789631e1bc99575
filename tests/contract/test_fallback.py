"""Contract of segmenters for a fallback chain, on its first model and after a fallback."""

import pytest

from promptseg.errors import OutOfMemoryError
from promptseg.registry.fallback import FallbackChain, FallbackSegmenter
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts import SegmenterContract


class TestFallbackSegmenter(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        return FallbackSegmenter(FallbackChain({"fake": lambda _: FakeSegmenter(), "unused": lambda _: pytest.fail("loaded")}))


class TestFallbackSegmenterThatSteppedDown(SegmenterContract):
    @pytest.fixture
    def segmenter(self):
        def too_large(failed):
            raise OutOfMemoryError("9 GB")

        with pytest.warns(RuntimeWarning, match="large does not fit into memory"):
            return FallbackSegmenter(FallbackChain({"large": too_large, "fake": lambda _: FakeSegmenter()}))
