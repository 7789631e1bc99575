import pytest

import promptseg
from promptseg.testing.contracts import SegmenterContract

pytest.importorskip("skimage", reason="superpixels need scikit-image")


class TestSuperpixel(SegmenterContract):
    accepts = frozenset({"point", "box", "everything"})
    scores_are_predicted_iou = False

    @pytest.fixture
    def segmenter(self):
        return promptseg.load("superpixel")
