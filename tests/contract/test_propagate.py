import pytest

import promptseg
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts import VideoSegmenterContract
from promptseg.tracking.session import PropagateSegmenter


class TestPropagateOverTheFake(VideoSegmenterContract):
    @pytest.fixture
    def video_segmenter(self):
        return PropagateSegmenter(FakeSegmenter())


class TestPropagateOverASegmenterWithoutMaskPrompts(VideoSegmenterContract):
    accepts = frozenset({"point", "box", "mask"})

    @pytest.fixture
    def video_segmenter(self):
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
        return promptseg.load("propagate", segmenter="superpixel", n_segments=60)
