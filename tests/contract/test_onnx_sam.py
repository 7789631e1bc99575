import pytest

import promptseg
from promptseg.errors import WeightsError
from promptseg.testing.contracts import SegmenterContract


@pytest.fixture(scope="module")
def segmenter():
    try:
        return promptseg.load("mini-sam")
    except WeightsError as error:
        pytest.skip(f"the weights of mini-sam cannot be had here: {error}")


@pytest.mark.weights
class TestMiniSam(SegmenterContract):
    pass
