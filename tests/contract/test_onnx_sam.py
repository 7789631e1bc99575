import pytest

import promptseg
from promptseg.testing.contracts import SegmenterContract


@pytest.mark.weights
class TestMiniSam(SegmenterContract):
    rounds = 5

    @pytest.fixture(autouse=True)
    def _encoded_once(self, request):
        """Encode an image once, but at the same time in two threads."""
        if "two_threads" not in request.node.name:
            request.getfixturevalue("encoded_once")

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(mini_sam):
        return mini_sam


class TestLayoutOfSegmentAnything(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(sam_pair):
        return promptseg.load("sam-vit-b", weights=sam_pair)


class TestLayoutOfSegmentAnythingQuantized(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(sam_int8_pair):
        return promptseg.load("sam-vit-b", weights=sam_int8_pair)


class TestLayoutOfSam2(SegmenterContract):
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(sam2_pair):
        return promptseg.load("sam2.1-hiera-tiny", weights=sam2_pair)


class TestLayoutOfEfficientSam(SegmenterContract):
    accepts = frozenset({"point", "box", "everything"})
    takes_background = False
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(efficient_sam_pair):
        return promptseg.load("efficient-sam-vitt", weights=efficient_sam_pair)


class TestLayoutOfTransformersJs(SegmenterContract):
    accepts = frozenset({"point", "box", "everything"})
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(sam2_js_pair):
        return promptseg.load("sam2.1-hiera-small", weights=sam2_js_pair)


class TestSamInTheLayoutOfTransformersJs(SegmenterContract):
    accepts = frozenset({"point", "everything"})
    rounds = 10

    @pytest.fixture(scope="module")
    @staticmethod
    def segmenter(sam_js_pair):
        return promptseg.load("slimsam-77", weights=sam_js_pair)
