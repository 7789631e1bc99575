"""Numbers of things in messages."""

import pytest

from promptseg._counting import number_of


@pytest.mark.parametrize(("count", "text"), [(0, "0 masks"), (1, "1 mask"), (2, "2 masks")])
def test_a_number_of_things_has_its_singular(count, text):
    assert number_of(count, "mask") == text


def test_a_plural_may_be_given():
    assert [number_of(count, "box is", "boxes are") for count in (1, 3)] == ["1 box is", "3 boxes are"]
