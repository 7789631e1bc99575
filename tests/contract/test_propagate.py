import pytest

import promptseg
from promptseg.testing import FakeSegmenter
from promptseg.testing.contracts import VideoSegmenterContract
from promptseg.tracking.session import PropagateSegmenter


class TestPropagateOverTheFake(VideoSegmenterContract):
    @pytest.fixture
    def video_segmenter(self):
        return PropagateSegmenter(FakeSegmenter())


class TestPropagateAskingSparsely(VideoSegmenterContract):
    @pytest.fixture(params=[2, 3, "auto"])
    @staticmethod
    def video_segmenter(request):
        return PropagateSegmenter(FakeSegmenter(), request.param)


class TestPropagateOverASegmenterWithoutMaskPrompts(VideoSegmenterContract):
    accepts = frozenset({"point", "box", "mask"})

    @pytest.fixture
    def video_segmenter(self):
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
        return promptseg.load("propagate", segmenter="superpixel", n_segments=60)
