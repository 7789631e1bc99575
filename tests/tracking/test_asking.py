"""When the segmenter is asked: the reasons, and their order."""

from dataclasses import replace

import numpy as np
import pytest

from promptseg.masks import Mask
from promptseg.tracking import asking
from promptseg.tracking.appearance import FeatureGrid
from promptseg.tracking.asking import reason_to_ask
from promptseg.tracking.propagation import Signals, start_track

GRID = FeatureGrid(np.eye(48, dtype=np.float32), (6, 8), (24, 32))


def carried(area=80, **changed):
    """Return a track whose mask had 80 pixels when the segmenter was last asked, and has `area` now."""
    before, now = (np.arange(24 * 32).reshape(24, 32) < pixels for pixels in (80, area))
    return replace(start_track(GRID, Mask.from_array(before)), mask=now, **{"gap": asking.LEAST_GAP, **changed})


def auto(*tracks, frame=5, prompted=False):
    return reason_to_ask("auto", frame, [frame - 1] * len(tracks), dict(enumerate(tracks, 1)), prompted=prompted)


def test_a_mask_that_flow_moved_without_doubt_is_no_reason():
    assert auto(carried()) is None


def test_a_mask_in_which_the_flow_is_not_consistent_is_one():
    share = asking.CONSISTENT - 0.01
    assert auto(carried(), carried(consistency=share)) == f"object 2: the flow is consistent in {share:.0%} of the mask"
    assert auto(carried(consistency=asking.CONSISTENT)) is None


def test_a_mask_that_moves_far_for_its_size_is_one():
    assert auto(carried(way=asking.WAY + 0.05)) == f"object 1: it moved by {asking.WAY + 0.05:.0%} of its size"
    assert auto(carried(way=asking.WAY)) is None


@pytest.mark.parametrize("area", [40, 120])
def test_a_mask_that_grows_or_shrinks_is_one(area):
    assert auto(carried(area)) == "object 1: its area changed by 50%"


def test_the_longest_gap_is_one_whatever_the_mask_is_like():
    assert auto(carried(gap=asking.LONGEST_GAP)) == f"object 1: {asking.LONGEST_GAP} frames since the last question"
    assert auto(carried(gap=asking.LONGEST_GAP - 1)) is None


def test_a_lost_object_is_one():
    lost = Signals(0.1, 0.1, 0.0, lost=3)
    assert auto(carried(0, signals=lost, consistency=0.0)) == "object 1: lost"


@pytest.mark.parametrize("changed", [{"way": 9.0}, {"consistency": 0.0}, {"area": 0}, {"signals": Signals(lost=2)}], ids=str)
def test_at_the_least_gap_nothing_is_one_so_that_at_most_every_other_frame_is_asked_about(changed):
    assert auto(carried(**{"area": 80, **changed})) is not None
    assert auto(carried(**{"area": 80, **changed}, gap=asking.LEAST_GAP - 1)) is None


def test_a_frame_that_is_encoded_anyway_is_asked_about():
    assert auto(carried(), prompted=True) == "prompted"


@pytest.mark.parametrize("frame", range(1, 8))
def test_every_kth_frame_is_counted_from_frame_0(frame):
    reason = reason_to_ask(3, frame, [frame - 1], {1: carried(consistency=0.0)}, prompted=True)
    assert reason == ("every 3 frames" if frame in (3, 6) else None)


@pytest.mark.parametrize(("frame", "before"), [(7, 5), (3, 5)])
def test_a_frame_that_is_no_neighbor_is_asked_about_in_either_direction(frame, before):
    assert reason_to_ask(100, frame, [before], {1: carried()}, prompted=False) == f"the objects were last tracked on frame {before}"
    assert reason_to_ask(1, frame, [before], {}, prompted=False) == "every frame"
