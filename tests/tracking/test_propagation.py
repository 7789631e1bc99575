"""Propagation of one object, with a segmenter that knows every object on the frame but not which one is tracked."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from promptseg.masks import Mask, Masks
from promptseg.tracking.appearance import FeatureGrid, feature_grid_of
from promptseg.tracking.flow import Flow, flow_between, gray
from promptseg.tracking.propagation import MAX_LEARNED, Signals, _box_at_expectation, carry_track, propagate_track, start_track

SPATIAL = frozenset({"point", "box", "mask"})


def start(scene, name="square", **made):
    return start_track(feature_grid_of(scene), Mask.from_array(scene.things[name], **made))


def go(track, *scenes, accepts=SPATIAL):
    """Return the track on each scene after the first."""
    tracks = []
    for before, after in itertools.pairwise(scenes):
        flow = flow_between(gray(before.image), gray(after.image))
        track = propagate_track(track, after, feature_grid_of(after), flow, accepts)
        tracks.append(track)
    return tracks


def test_a_moving_object_is_followed(scene, square):
    scenes = [scene({"square": square(20 + 4 * index, 30 + 2 * index)}) for index in range(6)]
    for track, shown in zip(go(start(scenes[0]), *scenes), scenes[1:], strict=True):
        np.testing.assert_array_equal(track.mask, shown.things["square"])
        assert track.signals.lost == 0
        assert track.signals.confidence > 0.6
    assert track.last_found_box.tolist() == [40, 40, 64, 64]


def test_prompted_appearances_are_kept_and_of_the_others_the_latest(scene, square):
    scenes = [scene({"square": square(20 + 2 * index, 30)}) for index in range(MAX_LEARNED + 3)]
    first = start(scenes[0])
    tracks = go(first, *scenes)
    assert all(track.prompted == first.prompted for track in tracks)
    assert [len(track.learned) for track in tracks] == [1, 2, *[MAX_LEARNED] * MAX_LEARNED]
    assert tracks[-1].learned[:-1] == tracks[-2].learned[1:]


def test_the_twin_of_an_object_is_not_taken_for_it(scene, square):
    scenes = [scene({"twin": square(84, 30), "square": square(20 + 3 * index, 30)}) for index in range(5)]
    for track, shown in zip(go(start(scenes[0]), *scenes), scenes[1:], strict=True):
        np.testing.assert_array_equal(track.mask, shown.things["square"])


def test_behind_a_wall_an_object_is_lost_nothing_is_learned_and_after_it_the_object_is_found(scene, square, wall):
    shown, hidden = scene({"square": square(40, 30)}), scene({"square": square(40, 30), "wall": wall(30, 50)})
    first = start(shown)
    *behind, again = go(first, shown, hidden, hidden, hidden, shown)
    assert [track.signals.lost for track in behind] == [1, 2, 3]
    for track in behind:
        assert not track.mask.any()
        assert (track.learned, track.mean_agreement, track.last_found_box.tolist()) == (
            first.learned,
            first.mean_agreement,
            first.last_found_box.tolist(),
        )
        assert track.signals.confidence < 0.1
    assert again.signals.lost == 0
    np.testing.assert_array_equal(again.mask, shown.things["square"])


def test_a_hidden_object_is_not_found_in_its_twin_at_the_other_end(scene, square, wall):
    both = scene({"square": square(4, 10), "twin": square(100, 70)})
    hidden = scene({"square": square(4, 10), "wall": wall(0, 40), "twin": square(100, 70)})
    for track in go(start(both), both, *[hidden] * 4):
        assert track.signals.lost
        assert not track.mask.any()


@pytest.mark.parametrize(("moved", "hidden_for", "found"), [(12, 1, True), (34, 1, False), (34, 10, True), (70, 10, False)])
def test_the_longer_an_object_is_hidden_the_farther_away_it_may_come_out(scene, square, wall, moved, hidden_for, found):
    before, hidden = scene({"square": square(20, 30)}), scene({"square": square(20, 30), "wall": wall(10, 60)})
    after = scene({"square": square(20 + moved, 30)})
    *_, track = go(start(before), before, *[hidden] * hidden_for, after)
    assert (track.signals.lost == 0) is found
    if found:
        np.testing.assert_array_equal(track.mask, after.things["square"])


def shifted(by, trusted=True):
    """Return a flow by which all pixels moved `by` columns to the right."""
    x, y = np.meshgrid(np.arange(128, dtype=np.float32) - by, np.arange(96, dtype=np.float32))
    return Flow(x, y, np.full((96, 128), trusted))


def after(track, scene, flow):
    return propagate_track(track, scene, feature_grid_of(scene), flow, SPATIAL)


@pytest.mark.parametrize(("by", "name"), [(0, "left"), (60, "right")])
def test_of_twins_the_one_to_which_the_flow_leads_is_the_object(scene, square, by, name):
    both = scene({"left": square(20, 30), "right": square(80, 30)})
    track = after(start(both, "left"), both, shifted(by))
    np.testing.assert_array_equal(track.mask, both.things[name])
    assert track.signals.flow == 1


def test_inconsistent_flow_lowers_the_confidence(scene, square):
    shown = scene({"square": square(20, 30)})
    trusted, astray = (after(start(shown), shown, shifted(0, trusted)).signals for trusted in (True, False))
    assert (trusted.flow, astray.flow) == (1, 0)
    assert astray.confidence == pytest.approx(trusted.confidence / 2)


def test_of_twins_a_lost_object_is_the_one_at_its_last_place_wherever_the_flow_leads(scene, square):
    both = scene({"left": square(20, 30), "right": square(80, 30)})
    track = after(replace(start(both, "left"), signals=Signals(lost=2)), both, shifted(60))
    np.testing.assert_array_equal(track.mask, both.things["left"])
    assert (track.signals.flow, track.signals.lost) == (0, 0)


def test_an_object_that_the_flow_takes_out_of_the_frame_is_looked_for_where_it_was(scene, square):
    shown = scene({"square": square(20, 30)})
    np.testing.assert_array_equal(after(start(shown), shown, shifted(-200)).mask, shown.things["square"])


@pytest.mark.parametrize(
    ("share", "lost", "seen", "learned"), [(0.95, 0, True, 1), (0.65, 0, True, 0), (0.35, 4, True, 0), (0.15, 4, False, 0)]
)
def test_the_share_of_the_mean_agreement_decides_whether_an_object_is_lost_seen_and_learned(scene, square, share, lost, seen, learned):
    shown = scene({"square": square(20, 30)})
    track = replace(start(shown), signals=Signals(lost=3))
    track = after(replace(track, mean_agreement=track.mean_agreement / share), shown, shifted(0))
    assert track.signals.appearance == pytest.approx(share, rel=0.12)  # The Gaussian prior of a lost object is wider.
    assert (track.signals.lost, bool(track.mask.any()), len(track.learned)) == (lost, seen, learned)
    assert track.signals.flow == 0  # Of a lost object the flow says nothing, though the mask is where it leads.


def test_the_mean_agreement_is_a_slow_running_mean(scene, square):
    shown = scene({"square": square(20, 30)})
    first = start(shown)
    track = after(replace(first, mean_agreement=first.mean_agreement * 1.1), shown, shifted(0))
    assert track.mean_agreement == pytest.approx(first.mean_agreement * (0.9 * 1.1 + 0.1), rel=0.01)


class Judging:
    """Session that returns the whole square with a low score, and most of it with a high score."""

    def __init__(self, whole):
        self.whole, self.most = whole, whole.copy()
        self.most[:, np.flatnonzero(whole.any(0))[0]] = False

    def segment(self, prompts, *, candidates):
        return Masks([Mask.from_array(self.whole, score=0.1), Mask.from_array(self.most, score=0.9)], self.whole.shape)


def test_among_candidates_that_agree_about_equally_the_model_decides(scene, square):
    shown = scene({"square": square(20, 30)})
    model = Judging(shown.things["square"])
    track = propagate_track(start(shown), model, feature_grid_of(shown), shifted(0), SPATIAL)
    np.testing.assert_array_equal(track.mask, model.most)


def test_the_flow_of_what_hides_an_object_is_not_followed(scene, square, wall):
    """The wall moves to the right in front of the object. While the object is lost, its last place counts."""
    shown = scene({"square": square(40, 30)})
    walls = [scene({"square": square(40, 30), "wall": wall(32 + 4 * index, 40)}) for index in range(3)]
    tracks = go(start(shown), shown, *walls)
    assert [track.last_found_box.tolist() for track in tracks] == [[40, 30, 64, 54]] * 3
    assert [track.signals.flow for track in tracks[1:]] == [0, 0]


def test_half_behind_a_wall_the_half_that_is_seen_is_tracked(scene, square, wall):
    before, after = scene({"square": square(40, 30)}), scene({"square": square(40, 30), "wall": wall(54, 40)})
    (track,) = go(start(before), before, after)
    np.testing.assert_array_equal(track.mask, after.things["square"])
    assert after.asked[0].xyxy == pytest.approx([40, 30, 54, 54], abs=2)
    assert 0 < track.mask.sum() < 24 * 24
    assert track.signals.lost == 0


def test_an_object_that_leaves_the_frame_is_lost_when_it_is_out(scene, square):
    scenes = [scene({"square": square(x, 30), "other": (90, 60, 20, 20, (40, 60, 200))}) for x in (8, 2, -6, -14, -30, -40)]
    tracks = go(start(scenes[0]), *scenes)
    for track, shown in zip(tracks[:3], scenes[1:4], strict=True):
        np.testing.assert_array_equal(track.mask, shown.things["square"])
    assert tracks[0].signals.lost == 0
    for track in tracks[3:]:
        assert not track.mask.any()
        assert track.signals.lost


def test_a_lost_object_that_comes_back_with_an_empty_mask_before_it_is_found(scene, square):
    """There is no mask to warp then."""
    here, gone = scene({"square": square(40, 30)}), scene({"other": (90, 60, 20, 20, (40, 60, 200))})
    track = replace(start(here), mask=np.zeros_like(here.things["square"]), signals=Signals(0, 0, 0, 4))
    (found,) = go(track, gone, here)
    np.testing.assert_array_equal(found.mask, here.things["square"])


def test_empty_masks_leave_the_object_lost_with_no_confidence(scene, square):
    here, empty = scene({"square": square(40, 30)}), scene({"nothing": square(500, 500)})
    tracks = go(start(here), here, empty, empty)
    assert [track.signals for track in tracks] == [Signals(0, 0, 0, 1), Signals(0, 0, 0, 2)]
    assert not tracks[-1].mask.any()


def test_tiny_candidates_are_ignored_unless_the_object_was_tiny(scene):
    speck = (60, 40, 4, 4, (200, 40, 40))
    tiny = scene({"square": speck})
    (track,) = go(start(tiny), tiny, tiny)
    assert track.mask.sum() == 16
    large = replace(start(tiny), area=500)
    (track,) = go(large, tiny, tiny)
    assert not track.mask.any()


@pytest.mark.parametrize("accepts", [{"box"}, {"box", "point"}, {"box", "mask"}], ids=lambda ways: " and ".join(sorted(ways)))
def test_a_segmenter_gets_only_prompts_that_it_takes(scene, square, accepts):
    before, shown = scene({"square": square(40, 30)}), scene({"square": square(62, 30)})
    (track,) = go(start(before), before, shown, accepts=frozenset(accepts))
    assert frozenset().union(*(prompt.kinds for prompt in shown.asked)) == accepts
    np.testing.assert_array_equal(track.mask, shown.things["square"])


def test_a_model_that_is_less_sure_is_followed_with_less_confidence(scene, square):
    shown, doubtful = scene({"square": square(40, 30)}), scene({"square": square(40, 30)})
    doubtful.score = 0.3
    (sure,), (unsure,) = go(start(shown), shown, shown), go(start(shown), shown, doubtful)
    assert (sure.signals.score, unsure.signals.score) == (0.9, 0.3)
    assert unsure.signals.confidence == pytest.approx(sure.signals.confidence / 3)


@pytest.mark.parametrize(("score", "taken"), [(None, 1), (1.2, 1), (-0.1, 0), (0.7, 0.7)])
def test_a_track_begins_with_the_confidence_of_its_prompt(scene, square, score, taken):
    assert start(scene({"square": square(40, 30)}), score=score).signals == Signals(taken, 1, 1, 0)


def test_confidence_is_halved_by_flow_that_fails_and_gone_with_score_or_appearance():
    assert Signals().confidence == 1
    assert Signals(flow=0).confidence == 0.5
    assert Signals(score=0).confidence == Signals(appearance=0).confidence == 0


def test_without_a_part_that_is_alike_the_box_lies_about_the_center_of_the_expectation():
    grid = FeatureGrid(np.zeros((32, 1), np.float32), (4, 8), (40, 80))
    expected = np.zeros((4, 8), np.float32)
    expected[1, 4] = expected[1, 6] = 0.5  # Cells of 10 x 10 pixels: their centers are (45, 15) and (65, 15).
    last_box = np.array([0, 0, 20, 10], np.float32)
    assert _box_at_expectation(grid, expected, last_box).xyxy.tolist() == [45, 10, 65, 20]
    expected[1, 4] = 0
    expected[1, 6], expected[1, 7] = 0, 1  # At (75, 15): cut at the border.
    assert _box_at_expectation(grid, expected, last_box).xyxy.tolist() == [65, 10, 80, 20]


def carried(track, *scenes):
    """Return the track on each scene after the first, moved by flow alone."""
    tracks = []
    for before, after in itertools.pairwise(scenes):
        track = carry_track(track, flow_between(gray(before.image), gray(after.image)))
        tracks.append(track)
    return tracks


def test_without_the_segmenter_the_mask_moves_and_nothing_is_learned(scene, square):
    scenes = [scene({"square": square(20 + 2 * index, 30)}) for index in range(4)]
    first = start(scenes[0])
    tracks = carried(first, *scenes)
    for track, shown in zip(tracks, scenes[1:], strict=True):
        true = shown.things["square"]
        assert (track.mask & true).sum() / (track.mask | true).sum() > 0.7
        assert (track.prompted, track.learned, track.last_found_box.tolist()) == (first.prompted, (), [20, 30, 44, 54])
    assert [track.gap for track in tracks] == [1, 2, 3]
    assert [shown.asked for shown in scenes] == [[]] * 4


def test_without_the_segmenter_confidence_and_consistency_only_fall(scene, square):
    scenes = [scene({"square": square(20 + 3 * index, 30)}) for index in range(6)]
    tracks = [start(scenes[0]), *carried(start(scenes[0]), *scenes)]
    for before, after in itertools.pairwise(tracks):
        assert after.signals.confidence <= before.signals.confidence
        assert after.consistency <= before.consistency


def test_a_question_ends_the_gap(scene, square):
    scenes = [scene({"square": square(20 + 2 * index, 30)}) for index in range(4)]
    moved = carried(start(scenes[0]), *scenes[:3])[-1]
    (asked,) = go(moved, *scenes[2:])
    assert (moved.gap, asked.gap, asked.consistency, asked.asked_area) == (2, 0, 1.0, 24 * 24)
    np.testing.assert_array_equal(asked.mask, scenes[3].things["square"])


def test_a_mask_that_flow_moves_out_of_the_frame_is_lost():
    size = (12, 16)
    mask = np.zeros(size, bool)
    mask[:, :4] = True
    track = start_track(FeatureGrid(np.eye(12, dtype=np.float32), (3, 4), size), Mask.from_array(mask))
    y, x = np.mgrid[0:12, 0:16].astype(np.float32)
    gone = carry_track(track, Flow(x + 8, y, np.ones(size, bool)))
    assert not gone.mask.any()
    assert (gone.signals.lost, gone.signals.confidence, gone.consistency) == (1, 0, 0)
    later = carry_track(gone, Flow(x, y, np.ones(size, bool)))
    assert (later.signals.lost, later.gap) == (2, 2)
