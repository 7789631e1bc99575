"""The models of the page about backends pass the contract that the page names: one in NumPy, one that filters its masks in torch."""

import importlib.util
from functools import lru_cache

import pytest

from promptseg.testing.contracts import SegmenterContract

from .test_snippets import blocks

CODE = [(title, code) for title, _, code, _ in blocks("docs/how-to/write-a-backend.md") if title]


def page(*titles):
    """Return the names that the first blocks with these titles define, one after the other."""
    names = {"__name__": "page"}
    for title in titles:
        exec(next(code for other, code in CODE if other == title), names)
    return names


@lru_cache
def in_numpy():
    return page("color_model.py")["segmenter"]


@lru_cache
def in_torch():
    names = page("color_model.py", "color_model_in_torch.py")
    return names["SamSegmenter"](names["TorchColorModel"]())


class TestTheModelInNumpy(SegmenterContract):
    rounds = 3

    @pytest.fixture
    def segmenter(self):
        return in_numpy()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the second model needs torch")
class TestTheModelInTorch(SegmenterContract):
    rounds = 3

    @pytest.fixture
    def segmenter(self):
        return in_torch()


def test_the_page_subclasses_the_same_contract():
    code = next(code for title, code in CODE if title == "test_color_model.py")
    assert "class TestColorModel(SegmenterContract):" in code
    compile(code, "test_color_model.py", "exec")
