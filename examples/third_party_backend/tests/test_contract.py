"""Contract tests for the GrabCut segmenter."""

import pytest

import promptseg
from promptseg.testing.contracts import SegmenterContract


@pytest.fixture(scope="module")
def segmenter():
    """The segmenter, loaded once for all tests."""
    return promptseg.load("grabcut")


class TestGrabCut(SegmenterContract):
    """GrabCut accepts boxes, and points in combination with a box."""

    accepts = frozenset({"box"})
    combines = frozenset({"box", "point"})
