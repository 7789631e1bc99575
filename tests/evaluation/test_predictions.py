"""The number of clicks to a goal."""

from promptseg.evaluation.predictions import clicks_to


def test_a_goal_that_is_met_exactly_is_reached():
    assert clicks_to([0.4, 0.85, 0.9], 0.85) == 2
    assert clicks_to([0.4, 0.84], 0.85) is None
