"""Contract of concepts by example, with mini-sam of its package and with superpixels, which have no features."""

import pytest

import promptseg as ps
from promptseg.testing.contracts import ConceptContract


@pytest.mark.weights
@pytest.mark.usefixtures("encoded_once")
class TestExemplarOfMiniSam(ConceptContract):
    takes_text = False
    finds_alike = True

    @pytest.fixture(scope="class")
    @staticmethod
    def concepts(mini_sam):
        return ps.load_concept("exemplar", segmenter=mini_sam)


class TestExemplarOfSuperpixels(ConceptContract):
    takes_text = False

    @pytest.fixture(scope="class")
    @staticmethod
    def concepts():
        pytest.importorskip("skimage", reason="superpixels need scikit-image")
        return ps.load_concept("exemplar", segmenter="superpixel")
