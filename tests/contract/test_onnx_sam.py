import pytest

from promptseg.testing.contracts import SegmenterContract


@pytest.fixture(scope="module")
def segmenter(mini_sam):
    return mini_sam


@pytest.mark.weights
class TestMiniSam(SegmenterContract):
    rounds = 5
