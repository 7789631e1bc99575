"""Contract of concepts by example, with mini-sam of its package and with superpixels, which have no features."""

import pytest

import promptseg as ps
from promptseg.testing.contracts import ConceptContract


class TestExemplarOfMiniSam(ConceptContract):
    takes_text = False
    finds_alike = True

    @pytest.fixture(scope="class")
    @staticmethod
    def concepts():
        return ps.load_concept("exemplar")


class TestExemplarOfSuperpixels(ConceptContract):
    takes_text = False

    @pytest.fixture(scope="class")
    @staticmethod
    def concepts():
        return ps.load_concept("exemplar", segmenter="superpixel")
