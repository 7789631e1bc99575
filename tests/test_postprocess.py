import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from promptseg.errors import ConfigError, InputError
from promptseg.masks import Mask, Masks
from promptseg.postprocess import (
    box_iou,
    box_nms,
    clean_regions,
    drop_islands,
    drop_small,
    fill_holes,
    innermost_point,
    keep_best,
    merge_by_label,
    nms,
)

pixels = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
boxes = st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=8).map(
    lambda rows: np.float32([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in rows]).reshape(-1, 4)
)


def regions(array):
    """The 8-connected regions of true pixels, each a set of (row, column)."""
    left = {(int(r), int(c)) for r, c in np.argwhere(array)}
    found = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            r, c = edge.pop()
            region.add((r, c))
            near = {(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


def at_border(region, shape):
    return any(r in (0, shape[0] - 1) or c in (0, shape[1] - 1) for r, c in region)


def with_pixels(array, region, value):
    changed = array.copy()
    for place in region:
        changed[place] = value
    return changed


def cleaned(step, array, *arguments):
    return step(Masks([Mask.from_array(array)]), *arguments)[0].array


def scored(*entries):
    """Masks of a 1 x 20 image, from (start, stop, score, label)."""
    return Masks(
        [Mask.from_array((np.arange(20) >= a)[None] & (np.arange(20) < b)[None], score=s, label=n) for a, b, s, n in entries], (1, 20)
    )


class TestInnermostPoint:
    @given(pixels)
    def test_no_pixel_of_the_mask_is_farther_from_its_border(self, array):
        assume(array.any())
        x, y = innermost_point(Mask.from_array(array))
        outside = np.argwhere(~np.pad(array, 1)) - 1

        def distance(row, column):
            return np.hypot(*(outside - [row, column]).T).min()

        assert array[int(y), int(x)]
        assert distance(int(y), int(x)) == pytest.approx(max(distance(*place) for place in np.argwhere(array)), abs=1e-4)

    def test_its_coordinates_are_those_of_the_image(self):
        array = np.zeros((40, 60), bool)
        array[10:21, 30:41] = True
        assert innermost_point(Mask.from_array(array)) == (35.0, 15.0)


class TestDropSmall:
    def test_masks_of_the_least_area_stay(self):
        assert drop_small(scored((0, 3, None, None), (0, 4, None, None), (0, 5, None, None)), 4).areas.tolist() == [4, 5]

    def test_none_may_be_left(self):
        assert drop_small(scored((0, 3, None, None)), 4).size == (1, 20)


class TestFillHoles:
    @given(pixels, st.none() | st.integers(0, 6))
    def test_background_that_does_not_reach_the_border_is_filled_up_to_the_given_area(self, array, most):
        expected = array
        for region in regions(~array):
            if not at_border(region, array.shape) and (most is None or len(region) <= most):
                expected = with_pixels(expected, region, True)
        assert np.array_equal(cleaned(fill_holes, array, most), expected)

    def test_a_bay_is_not_a_hole(self):
        array = np.ones((5, 5), bool)
        array[2, 2:] = False
        assert np.array_equal(cleaned(fill_holes, array), array)

    def test_score_label_and_logits_stay(self):
        ring = np.ones((3, 3), bool)
        ring[1, 1] = False
        logits = np.zeros((2, 2), np.float32)
        (mask,) = fill_holes(Masks([Mask.from_array(ring, score=0.5, label="a", logits=logits, prompt_index=2)]))
        assert mask.area == 9
        assert (mask.score, mask.label, mask.prompt_index) == (0.5, "a", 2)
        assert mask.logits is logits


class TestDropIslands:
    @given(pixels, st.integers(0, 8))
    def test_parts_smaller_than_the_least_area_go_but_a_largest_part_stays(self, array, least):
        result = cleaned(drop_islands, array, least)
        parts = regions(array)
        largest = max(map(len, parts), default=0)
        kept = regions(result)
        big = [part for part in parts if len(part) >= least]
        if big or not parts:
            assert sorted(map(sorted, kept)) == sorted(map(sorted, big))
        else:  # All are small: one of the largest remains, and it is one of the mask's own parts.
            assert len(kept) == 1
            assert kept[0] in parts
            assert len(kept[0]) == largest

    def test_parts_that_touch_at_a_corner_are_one(self):
        assert np.array_equal(cleaned(drop_islands, np.eye(4, dtype=bool), 3), np.eye(4, dtype=bool))


class TestCleanRegions:
    @given(pixels, st.integers(0, 8))
    def test_it_does_what_segment_anything_does(self, array, least):
        # remove_small_regions: holes of fewer pixels are filled, those at the border too; then small islands go, but for the largest.
        expected = array
        if array.any():
            for region in regions(~array):
                if len(region) < least:
                    expected = with_pixels(expected, region, True)
            parts = sorted(regions(expected), key=len)
            assume(len(parts) < 2 or len(parts[-1]) > len(parts[-2]))  # Which of several largest parts stays is left open.
            for part in parts[:-1]:
                if len(part) < least:
                    expected = with_pixels(expected, part, False)
        assert np.array_equal(clean_regions(Mask.from_array(array), least).array, expected)

    def test_a_mask_that_needs_no_change_is_the_same_object(self):
        mask = Mask.from_array(np.pad(np.ones((4, 4), bool), 3))
        assert clean_regions(mask, 5) is mask

    def test_an_empty_mask_stays_empty(self):
        assert clean_regions(Mask.from_array(np.zeros((3, 3), bool)), 100).area == 0


class TestBoxes:
    @given(boxes, boxes)
    def test_box_iou_is_the_share_of_common_pixels(self, rows, columns):
        def cover(box):
            grid = np.zeros((12, 12), bool)
            x0, y0, x1, y1 = box.astype(int)
            grid[y0:y1, x0:x1] = True
            return grid

        expected = [[(cover(a) & cover(b)).sum() / max(1, (cover(a) | cover(b)).sum()) for b in columns] for a in rows]
        result = box_iou(rows, columns)
        assert result.shape == (len(rows), len(columns))
        np.testing.assert_allclose(result, np.reshape(expected, result.shape), atol=1e-6)

    @given(boxes, st.data(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]))
    def test_box_nms_keeps_the_best_of_those_that_overlap(self, found, data, threshold):
        scores = np.float32(data.draw(st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), min_size=len(found), max_size=len(found))))
        left = sorted(range(len(found)), key=lambda i: -scores[i])  # Stable: of equals, the first.
        expected = []
        while left:
            best = left.pop(0)
            expected.append(best)
            left = [i for i in left if (box_iou(found[[best]], found[[i]]) <= threshold).all()]  # Arrays: in float32, with any numpy.
        assert box_nms(found, scores, threshold) == expected
        assert box_nms(found, scores, threshold, max_count=2) == expected[:2]


class TestNms:
    def test_of_overlapping_masks_the_best_stays_and_the_order_too(self):
        masks = scored((10, 20, 0.5, "a"), (0, 10, 0.7, "a"), (1, 10, 0.9, "a"))
        assert nms(masks, 0.5).boxes[:, 0].tolist() == [10, 1]

    def test_an_overlap_of_exactly_the_threshold_is_no_duplicate(self):
        masks = scored((0, 10, 0.9, "a"), (0, 5, 0.8, "a"))
        assert len(nms(masks, 0.5)) == 2
        assert len(nms(masks, 0.49)) == 1

    def test_labels_keep_masks_apart_unless_told_otherwise(self):
        masks = scored((0, 10, 0.9, "a"), (0, 10, 0.8, "b"), (0, 10, 0.7, None))
        assert len(nms(masks, 0.5)) == 3
        assert nms(masks, 0.5, per_label=False).labels == ("a",)

    def test_a_mask_without_a_score_counts_as_the_worst(self):
        assert nms(scored((0, 10, None, "a"), (0, 10, 0.1, "a")), 0.5).scores.tolist() == pytest.approx([0.1])

    def test_a_mask_that_was_dropped_drops_no_other(self):
        masks = scored((0, 10, 0.9, "a"), (2, 12, 0.8, "a"), (5, 15, 0.7, "a"))
        assert nms(masks, 0.5).boxes[:, 0].tolist() == [0, 5]

    def test_overlap_may_be_that_of_the_boxes(self):
        comb = np.arange(20) % 2 == 0
        masks = Masks([Mask.from_array(comb[None], score=0.9), Mask.from_array(~comb[None], score=0.8)])
        assert len(nms(masks, 0.5, by="mask")) == 2
        assert len(nms(masks, 0.5, by="box")) == 1

    def test_none_stay_none(self):
        for by in ("mask", "box"):
            assert len(nms(Masks([], (3, 4)), 0.5, by=by)) == 0


class TestMergeByLabel:
    def test_masks_of_one_label_become_one_with_their_best_score(self):
        merged = merge_by_label(scored((0, 3, 0.5, "a"), (5, 6, 0.9, "b"), (2, 5, 0.7, "a"), (9, 10, None, None), (8, 9, None, None)))
        assert merged.labels == ("a", "b", None)
        assert merged.areas.tolist() == [5, 1, 2]
        assert merged[0].score == pytest.approx(0.7)
        assert merged[2].score is None

    def test_none_stay_none(self):
        assert merge_by_label(Masks([], (3, 4))).size == (3, 4)


class TestKeepBest:
    def test_the_best_stay_in_their_order(self):
        masks = scored((0, 1, 0.2, None), (0, 2, None, None), (0, 3, 0.9, None), (0, 4, 0.5, None))
        assert keep_best(masks, 2).areas.tolist() == [3, 4]
        assert keep_best(masks, 3).areas.tolist() == [1, 3, 4]
        assert keep_best(masks, 99).areas.tolist() == [1, 2, 3, 4]
        assert len(keep_best(masks, 0)) == 0

    def test_of_equals_the_first_stay(self):
        assert keep_best(scored((0, 1, 0.5, None), (0, 2, 0.5, None), (0, 3, 0.5, None)), 2).areas.tolist() == [1, 2]


NO_NUMBERS = [True, "1", None, -1, 0.5j, [1], np.zeros(2), float("nan")]


@pytest.mark.parametrize("step", [drop_small, drop_islands, keep_best, nms])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_setting_that_is_no_number_in_its_range_is_refused(step, value):
    with pytest.raises(ConfigError, match=r"is a (whole )?number (of at least 0|from 0 to 1), got"):
        step(Masks([Mask.from_array(np.eye(4, dtype=bool))]), value)


@pytest.mark.parametrize("value", [value for value in NO_NUMBERS if value is not None], ids=repr)
def test_an_area_of_holes_that_is_no_number_is_refused(value):
    with pytest.raises(ConfigError, match="max_area is a whole number"):
        fill_holes(Masks([Mask.from_array(np.eye(4, dtype=bool))]), value)


def test_a_way_to_compare_that_is_unknown_is_refused():
    with pytest.raises(ConfigError, match="by is 'mask' or 'box', got 'area'"):
        nms(Masks([], (4, 4)), 0.5, by="area")


@pytest.mark.parametrize(
    "step",
    [
        lambda masks: drop_small(masks, 1),
        fill_holes,
        lambda masks: drop_islands(masks, 1),
        lambda masks: nms(masks, 0.5),
        merge_by_label,
        lambda masks: keep_best(masks, 1),
        lambda mask: clean_regions(mask, 1),
        innermost_point,
    ],
)
def test_what_is_no_mask_is_refused(step):
    for value in (5, None, [Mask.from_array(np.eye(4, dtype=bool))]):
        with pytest.raises(InputError, match=r"expected (a )?Mask"):
            step(value)


def test_an_empty_mask_has_no_innermost_point():
    with pytest.raises(InputError, match="not empty"):
        innermost_point(Mask.from_array(np.zeros((3, 3), bool)))
