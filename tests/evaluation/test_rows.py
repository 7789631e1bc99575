"""Rows: the COCO size of an object."""

import pytest

from promptseg.evaluation.rows import ObjectRow


@pytest.mark.parametrize(
    ("area", "size"), [(1, "small"), (1023, "small"), (1024, "medium"), (9215, "medium"), (9216, "large"), (10**7, "large")]
)
def test_an_area_at_the_limit_of_two_sizes_is_of_the_larger_one(area, size):
    row = ObjectRow("a#1", "a", "g", None, area, 9000, 9000, "0", *[0.5] * 6)
    assert row.size == size
