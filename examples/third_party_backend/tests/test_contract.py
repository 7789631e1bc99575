"""All that promptseg asks of a segmenter, asked of this one."""

import pytest

import promptseg
from promptseg.testing.contracts import SegmenterContract


@pytest.fixture(scope="module")
def segmenter():
    """The model, once for all tests."""
    return promptseg.load("grabcut")


class TestGrabCut(SegmenterContract):
    """GrabCut answers boxes, and takes points along with them."""

    accepts = frozenset({"box"})
    combines = frozenset({"box", "point"})
