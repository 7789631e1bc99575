"""The map that says where an image looks like examples."""

from __future__ import annotations

import numpy as np
import pytest

from paint_segmenter import GREEN, RED, PaintSegmenter, painted
from promptseg.concepts.presence import presence_of
from promptseg.concepts.similarity import MANY, likeness_of, look_of
from promptseg.tracking.appearance import FeatureGrid, feature_grid_of


def grid_of(image: np.ndarray) -> FeatureGrid:
    return feature_grid_of(PaintSegmenter().open(image))


def mask_of(x: int, y: int, side: int) -> np.ndarray:
    mask = np.zeros((128, 128), bool)
    mask[y : y + side, x : x + side] = True
    return mask


ONE = painted((16, 16, 40, RED))
ROW = painted(*((x, 48, 16, RED) for x in (8, 40, 72, 104)))


def test_the_map_is_above_0_on_what_is_like_the_example() -> None:
    look = look_of(grid_of(ONE), [mask_of(16, 16, 40)], [])
    values = likeness_of(grid_of(painted((64, 64, 32, RED), (16, 16, 32, GREEN))), [look]).values
    assert (values[8:12, 8:12] > 0).all()
    values[8:12, 8:12] = -1
    assert (values < 0).all()


def test_an_example_alone_is_not_one_of_many() -> None:
    assert look_of(grid_of(ONE), [mask_of(16, 16, 40)], []).alike <= MANY


def test_an_example_among_others_takes_them_inside() -> None:
    look = look_of(grid_of(ROW), [mask_of(8, 48, 16)], [])
    assert look.alike == pytest.approx(3)
    assert len(look.inside) == 4 * 4


def test_cells_of_a_negative_example_stay_outside() -> None:
    look = look_of(grid_of(ROW), [mask_of(8, 48, 16)], [mask_of(104, 48, 16)])
    assert look.alike == pytest.approx(2)


def test_a_negative_example_alone_has_no_inside() -> None:
    look = look_of(grid_of(ONE), [], [mask_of(16, 16, 40)])
    assert not len(look.inside)
    assert len(look.outside) == 25


def test_a_mask_smaller_than_a_cell_has_a_cell() -> None:
    assert len(look_of(grid_of(painted((17, 17, 4, RED))), [mask_of(17, 17, 4)], []).inside) == 1


def test_presence_is_a_probability_that_falls_without_the_object() -> None:
    looks = [look_of(grid_of(ONE), [mask_of(16, 16, 40)], [])]
    there, absent = (presence_of(grid, looks, likeness_of(grid, looks)) for grid in (grid_of(ROW), grid_of(painted((20, 20, 40, GREEN)))))
    assert 0 <= absent < there <= 1
