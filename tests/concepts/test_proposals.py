"""Prompts made from a map, and the judgment of their masks."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg import Mask, Masks
from promptseg.concepts import judging, proposals
from promptseg.tracking.appearance import FeatureGrid

GRID = FeatureGrid(np.ones((256, 3), np.float32), (16, 16), (160, 160))


def hot(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    values = np.full((16, 16), -1, np.float32)
    for x0, y0, x1, y1 in boxes:
        values[y0:y1, x0:x1] = 1
    return values


def test_a_region_is_a_box_a_point_and_a_mask_if_the_segmenter_takes_them() -> None:
    ((prompt, part),) = proposals.regions(GRID, hot((2, 2, 8, 8)), {"point", "box", "mask"}, 9, soft=False)
    assert prompt.kinds == {"point", "box", "mask"}
    assert prompt.mask_pixels == part
    ((prompt, _),) = proposals.regions(GRID, hot((2, 2, 8, 8)), {"point"}, 9, soft=False)
    assert prompt.kinds == {"point"}


def test_a_region_far_smaller_than_the_largest_is_left_out() -> None:
    found = proposals.regions(GRID, hot((0, 0, 8, 8), (10, 10, 14, 14), (14, 1, 15, 2)), {"point"}, 9, soft=False)
    assert len(found) == 2
    assert found[0][1].area > found[1][1].area


def test_the_soft_mask_of_a_region_is_dense_where_the_map_is_sure() -> None:
    values = hot((2, 2, 14, 14))
    values[2:14, 8:14] = 0.1
    ((prompt, _),) = proposals.regions(GRID, values, {"point", "box", "mask"}, 9, soft=True)
    assert prompt.mask_pixels is not None
    pixels = prompt.mask_pixels.array
    assert pixels[40:100, 40:70].mean() == 1
    assert 0.5 < pixels[40:100, 100:130].mean() < 0.7


def test_a_cold_map_has_no_prompts() -> None:
    assert proposals.regions(GRID, hot(), {"point"}, 9, soft=False) == []
    assert proposals.things(GRID, hot(), 0.01, 9) == []


def test_points_on_things_are_as_far_apart_as_their_size_says() -> None:
    small, large = (len(proposals.things(GRID, hot((0, 0, 16, 16)), share, 999)) for share in (4 / 256, 64 / 256))
    assert small == 256
    assert 12 <= large <= 20


def test_points_are_bounded_and_best_first() -> None:
    values = hot((0, 0, 16, 16))
    values[5, 7] = 2
    points = proposals.things(GRID, values, 0.001, 3)
    assert len(points) == 3
    assert points[0].xy.tolist() == [[74.5, 54.5]]


def test_a_spot_is_a_peak_of_contrast() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    image[20:24, 30:34] = 60
    image[40:44, 10:14] = 255
    contrast = proposals.contrast_of(image, 4)[20:24, 30:34].reshape(-1, 3).mean(axis=0)
    response = proposals.spot_map(image, contrast, 4)
    points = proposals.spots(response, 4, (60, 60), 9)
    assert len({(round(float(p.xy[0, 0]) / 8), round(float(p.xy[0, 1]) / 8)) for p in points}) == 1
    x, y = points[0].xy[0]
    assert 30 <= x < 34
    assert 20 <= y < 24


def rectangle(x0: int, y0: int, x1: int, y1: int, score: float | None = None) -> Mask:
    return Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (x0, y0), (160, 160), score=score)


def test_of_masks_that_overlap_the_better_one_is_kept() -> None:
    masks = Masks([rectangle(0, 0, 40, 40), rectangle(5, 5, 25, 25), rectangle(80, 80, 120, 120), rectangle(30, 30, 90, 90)])
    assert judging.chosen(masks, [0.6, 0.5, 0.9, 0.3], 0.2) == [2, 0, 3]
    assert judging.chosen(masks, [0.6, 0.5, 0.9, 0.3], 0.4) == [2, 0]


def test_an_empty_mask_is_not_kept() -> None:
    masks = Masks([Mask.from_array(np.zeros((160, 160), bool))])
    assert judging.chosen(masks, [1.0], 0.0) == []
    assert judging.size_factors(masks, 0.1).tolist() == [0]


def test_a_mask_of_another_size_than_the_example_has_a_lower_score() -> None:
    factors = judging.size_factors(Masks([rectangle(0, 0, 40, 40), rectangle(0, 0, 80, 40), rectangle(0, 0, 20, 40)]), 1600 / 25600)
    assert factors.tolist() == pytest.approx([1, np.exp(-0.5), np.exp(-0.5)])


def test_a_region_that_fills_its_part_of_the_map_has_the_best_score() -> None:
    values = hot((0, 0, 4, 4), (8, 8, 16, 16))
    parts = Masks([rectangle(0, 0, 40, 40), rectangle(80, 80, 160, 160)])
    scores = judging.region_scores(GRID, np.clip(values, 0, 1), Masks([rectangle(0, 0, 40, 40), rectangle(80, 80, 120, 160)]), parts)
    assert scores.tolist() == pytest.approx([1, 0.5])


def test_a_segmenter_without_scores_predicts_1() -> None:
    assert judging.predicted(Masks([rectangle(0, 0, 9, 9), rectangle(0, 0, 9, 9, 0.4), rectangle(0, 0, 9, 9, 1.2)])).tolist() == (
        pytest.approx([1, 0.4, 1])
    )


def test_several_that_are_found_say_what_size_is_usual() -> None:
    masks = Masks([rectangle(20 * index, 0, 20 * index + 15, 15) for index in range(6)])
    large = 2 * 225 / 25600
    assert judging.sized_scores(masks, np.ones(6), large, 1.0, 0.2).tolist() == pytest.approx([1.0] * 6)
    assert judging.sized_scores(masks.where([0, 1]), np.ones(2), large, 1.0, 0.2).tolist() == pytest.approx([np.exp(-0.5)] * 2)


def test_a_spot_that_is_nearer_to_a_negative_example_is_none() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    image[20:24, 30:34] = (60, 60, 60)
    image[40:44, 10:14] = (60, 60, 160)
    found = proposals.contrast_of(image, 4)
    dark, blue = (found[place].reshape(-1, 3).mean(axis=0) for place in (np.s_[20:24, 30:34], np.s_[40:44, 10:14]))
    alone, apart = proposals.spot_map(image, dark, 4), proposals.spot_map(image, dark, 4, [blue])
    places = [{float(spot.xy[0, 0]) // 10 for spot in proposals.spots(response, 4, (60, 60), 9)} for response in (alone, apart)]
    assert places == [{1, 3}, {3}]
