"""Contract of detectors for salient object models."""

import pytest

import promptseg
from promptseg.testing.contracts import DetectorContract


class SalientContract(DetectorContract):
    phrases = ("object",)


class TestIsNet(SalientContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_salient):
        return promptseg.load("isnet-general-use", weights=tiny_salient())


class TestBiRefNet(SalientContract):
    @pytest.fixture(scope="class")
    @staticmethod
    def detector(tiny_salient):
        return promptseg.load("birefnet-general-lite", weights=tiny_salient(ending=None, side=128, more_outputs=0), separate=True)
