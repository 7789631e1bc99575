"""Values that annotated images are made of."""

import pytest

from promptseg.datasets.core import read_score


@pytest.mark.parametrize(("value", "score"), [(0.5, 0.5), (1, 1.0), ("0.25", 0.25), (-3, -3.0)])
def test_a_number_is_a_score(value, score):
    assert read_score(value) == score


@pytest.mark.parametrize("value", [None, "", "a", 10**400, float("nan"), "inf", [1], {}, 1j], ids=repr)
def test_what_is_no_finite_number_is_no_score(value):
    assert read_score(value) is None
