"""Objects from pieces, with a model that has no fault or drawn ones."""

import random

import numpy as np
import pytest

from drawn_scenes import disc, pieces_on, rectangle, same_pixels, scene_of, seen_in
from promptseg.masks import Mask, Masks
from promptseg.tiling import joining
from promptseg.tiling.grid import TileGrid
from promptseg.tiling.joining import joined
from promptseg.tiling.pieces import pieces_of

SIZE = (300, 420)
GRID = TileGrid(SIZE, tile=128, overlap=32)


def objects_of(drawn, grid=GRID):
    return joined(pieces_on(grid, drawn), SIZE).masks


def borders(grid):
    """The columns at which windows of a grid begin or end, and the rows."""
    windows = [tile.window for tile in grid]
    return sorted({x for window in windows for x in (window.x, window.right)}), sorted(
        {y for window in windows for y in (window.y, window.bottom)}
    )


class TestEveryObjectOnce:
    @pytest.mark.parametrize("x", [*borders(GRID)[0][1:-1], 100])
    @pytest.mark.parametrize("y", [*borders(GRID)[1][1:-1], 80])
    def test_on_borders_and_corners_of_tiles(self, x, y):
        drawn = [rectangle(SIZE, x - 13, y - 11, x + 12, y + 14)]
        assert same_pixels(objects_of(drawn), drawn)

    def test_in_the_overlap_alone(self):
        tile, beside = GRID.at(0, 0), GRID.at(0, 1)
        left, right = beside.window.x, tile.window.right
        drawn = [rectangle(SIZE, left + 6, 40, right - 6, 60)]
        assert same_pixels(objects_of(drawn), drawn)

    @pytest.mark.parametrize(
        "drawn",
        [
            rectangle(SIZE, 20, 100, 400, 130),
            rectangle(SIZE, 150, 5, 175, 295),
            rectangle(SIZE, 3, 3, 417, 297),
            disc(SIZE, 210, 150, 140) & ~disc(SIZE, 210, 150, 110),
        ],
        ids=["wide", "high", "of all tiles", "ring"],
    )
    def test_larger_than_a_tile(self, drawn):
        assert same_pixels(objects_of([drawn]), [drawn])

    def test_with_two_arms_in_one_tile(self):
        u = rectangle(SIZE, 20, 20, 45, 280) | rectangle(SIZE, 70, 20, 95, 280) | rectangle(SIZE, 20, 255, 95, 280)
        assert same_pixels(objects_of([u]), [u])

    def test_at_the_border_of_the_raster(self):
        drawn = [rectangle(SIZE, 0, 0, 30, 20), rectangle(SIZE, 390, 270, 420, 300), rectangle(SIZE, 100, 0, 125, 10)]
        assert same_pixels(objects_of(drawn), drawn)

    def test_side_by_side_without_a_gap(self):
        drawn = [rectangle(SIZE, x, 90, x + 25, 115) for x in range(10, 400, 25)]
        assert same_pixels(objects_of(drawn), drawn)

    def test_with_parts_that_are_objects_too(self):
        body = rectangle(SIZE, 60, 60, 160, 130)
        drawn = [body, disc(SIZE, 95, 105, 12), disc(SIZE, 125, 105, 12)]
        assert same_pixels(objects_of(drawn), drawn)

    def test_many_of_all_sizes(self):
        numbers = np.random.default_rng(3)
        drawn = [disc(SIZE, 30 + 40 * column, 25 + 36 * row, numbers.integers(3, 18)) for column in range(10) for row in range(8)]
        assert same_pixels(objects_of(drawn), drawn)

    def test_without_overlap_objects_that_no_border_cuts(self):
        grid = TileGrid(SIZE, tile=128, overlap=0)
        drawn = [rectangle(SIZE, 20, 20, 50, 50), rectangle(SIZE, 170, 180, 200, 210)]
        assert same_pixels(joined(pieces_on(grid, drawn), SIZE).masks, drawn)


class TestOrder:
    def test_the_order_of_pieces_does_not_matter(self):
        numbers = np.random.default_rng(5)
        drawn = [disc(SIZE, *numbers.integers(0, 300, 2), numbers.integers(4, 60)) for _ in range(60)]
        pieces = pieces_on(GRID, drawn, scores=numbers.random(60).tolist())
        first = joined(pieces, SIZE).masks
        for seed in range(5):
            random.Random(seed).shuffle(pieces)
            again = joined(pieces, SIZE).masks
            assert list(again) == list(first)
            assert (again.scores == first.scores).all()

    def test_objects_come_row_by_row(self):
        found = objects_of([rectangle(SIZE, 200, 200, 220, 220), rectangle(SIZE, 300, 20, 320, 40), rectangle(SIZE, 10, 20, 30, 40)])
        assert found.boxes[:, :2].tolist() == [[10, 20], [300, 20], [200, 200]]

    def test_no_pieces_are_no_objects(self):
        assert len(joined([], SIZE).masks) == 0


class TestLabels:
    def test_objects_of_different_labels_are_never_joined(self):
        same = rectangle(SIZE, 80, 40, 160, 70)
        found = joined(pieces_on(GRID, [same, same], labels=["roof", "house"]), SIZE).masks
        assert sorted(found.labels) == ["house", "roof"]
        assert found[0].mask == found[1].mask


class TestScores:
    def test_of_whole_pieces_the_best_is_the_object(self):
        drawn = rectangle(SIZE, 100, 40, 124, 60)
        smaller = rectangle(SIZE, 101, 41, 124, 60)
        first, second = GRID.at(0, 0), GRID.at(0, 1)
        pieces = pieces_of(seen_in(first, [smaller], scores=[0.7]), first, GRID) + pieces_of(
            seen_in(second, [drawn], scores=[0.9]), second, GRID
        )
        (found,) = joined(pieces, SIZE).masks
        assert (found.area, found.score) == (drawn.sum(), 0.9)

    def test_the_score_of_an_object_of_several_pieces_is_their_mean_by_pixels(self):
        drawn = rectangle(SIZE, 10, 40, 218, 60)
        first, second = GRID.at(0, 0), GRID.at(0, 1)
        pieces = pieces_of(seen_in(first, [drawn], scores=[0.6]), first, GRID) + pieces_of(
            seen_in(second, [drawn], scores=[0.9]), second, GRID
        )
        (found,) = joined(pieces, SIZE).masks
        left = first.core.right - 10
        right = min(218, second.window.right) - first.core.right
        assert found.score == pytest.approx((0.6 * left + 0.9 * right) / (left + right))


class TestFragments:
    def piece(self, tile, pixels):
        return pieces_of(seen_in(tile, [pixels]), tile, GRID)

    def test_one_that_does_not_reach_the_core_is_dropped(self):
        tile = GRID.at(0, 1)
        sliver = rectangle(SIZE, tile.window.x, 30, tile.core.x, 60)
        assert len(joined(self.piece(tile, sliver), SIZE).masks) == 0

    def test_one_that_reaches_the_core_stays(self):
        tile = GRID.at(0, 1)
        sliver = rectangle(SIZE, tile.window.x, 30, tile.core.x + 3, 60)
        assert same_pixels(joined(self.piece(tile, sliver), SIZE).masks, [sliver])

    def test_one_that_lies_in_a_better_object_is_dropped(self):
        tile, beside = GRID.at(0, 1), GRID.at(0, 0)
        large = rectangle(SIZE, 10, 20, 122, 70)
        part = rectangle(SIZE, tile.window.x, 55, 120, 68)
        found = joined([*self.piece(beside, large), *self.piece(tile, part)], SIZE).masks
        assert same_pixels(found, [large])

    def test_a_whole_piece_that_only_one_tile_sees_stays(self):
        tile = GRID.at(0, 1)
        small = rectangle(SIZE, tile.window.x + 6, 30, tile.core.x - 2, 40)
        assert same_pixels(joined(self.piece(tile, small), SIZE).masks, [small])

    def test_it_counts_among_the_objects_that_are_cut(self):
        tile = GRID.at(1, 1)
        sliver = rectangle(SIZE, tile.window.x, tile.window.y + 40, tile.core.x + 10, tile.window.y + 60)
        whole = rectangle(SIZE, 200, 20, 220, 40)
        found = joined([*self.piece(tile, sliver), *pieces_on(GRID, [whole])], SIZE)
        assert (len(found.masks), found.cut) == (2, 1)


class TestTwoScales:
    GRIDS = (GRID, TileGrid(SIZE, tile=128, overlap=32, scale=0.25))

    def found(self, drawn):
        return joined([piece for grid in self.GRIDS for piece in pieces_on(grid, drawn)], SIZE).masks

    def test_small_objects_come_from_the_finest(self):
        drawn = [disc(SIZE, 60, 60, 15), disc(SIZE, 200, 120, 11)]
        assert same_pixels(self.found(drawn), drawn)

    def test_an_object_larger_than_a_tile_is_there_once(self):
        drawn = [disc(SIZE, 200, 140, 120)]
        assert same_pixels(self.found(drawn), drawn)

    def test_an_object_that_pieces_of_the_finest_complete_comes_from_there(self):
        drawn = [rectangle(SIZE, 40, 40, 200, 60)]
        assert all(piece.cut for piece in pieces_on(GRID, drawn))
        assert same_pixels(self.found(drawn), drawn)

    def test_an_object_of_which_a_piece_is_missing_comes_from_the_coarser(self):
        drawn = rectangle(SIZE, 40, 40, 260, 60)
        pieces = [piece for piece in pieces_on(GRID, [drawn]) if piece.tile.column != 2]
        (found,) = joined([*pieces, *pieces_on(self.GRIDS[1], [drawn])], SIZE).masks
        assert found.box == (40, 40, 260, 60)

    def test_fragments_of_an_object_that_the_coarser_sees_whole_are_dropped(self):
        drawn = rectangle(SIZE, 40, 40, 380, 260)
        coarse = pieces_on(self.GRIDS[1], [drawn])
        tile = GRID.at(1, 1)
        x, y = tile.window.x, tile.window.y
        fragment = pieces_of(seen_in(tile, [rectangle(SIZE, x, y, x + 50, y + 60)]), tile, GRID)
        assert len(fragment) == 1
        assert fragment[0].cut
        (found,) = joined([*coarse, *fragment], SIZE).masks
        assert found.area == pytest.approx(drawn.sum(), rel=0.03)


class TestMistakesOfAModel:
    def test_outlines_that_differ_from_tile_to_tile_are_one_object(self):
        import cv2

        numbers = np.random.default_rng(7)
        drawn = [disc(SIZE, 128, 60, 30), disc(SIZE, 210, 160, 45), rectangle(SIZE, 20, 200, 390, 240)]
        pieces = []
        for tile in GRID:
            masks = []
            for mask in seen_in(tile, drawn):
                grown = cv2.morphologyEx(mask.array.astype(np.uint8), int(numbers.integers(0, 2)), np.ones((5, 5), np.uint8))
                masks.append(Mask.from_array(grown > 0))
            pieces += pieces_of(Masks(masks, tile.input_size), tile, GRID)
        found = joined(pieces, SIZE).masks
        assert len(found) == 3
        assert all(max(each.iou(true) for true in scene_of(drawn, SIZE)) > 0.8 for each in found)

    def test_two_objects_that_one_tile_takes_for_one_stay_two_where_others_see_two(self):
        one, two = rectangle(SIZE, 60, 40, 100, 70), rectangle(SIZE, 100, 40, 124, 70)
        first, second = GRID.at(0, 0), GRID.at(0, 1)
        pieces = pieces_of(seen_in(first, [one, two]), first, GRID) + pieces_of(seen_in(second, [one | two]), second, GRID)
        assert same_pixels(joined(pieces, SIZE).masks, [one, two])


def test_an_object_with_a_box_larger_than_a_mask_can_be_stays_in_parts(monkeypatch):
    drawn = rectangle(SIZE, 5, 100, 415, 130)
    monkeypatch.setattr(joining, "MAX_PIXELS", 30 * 250)
    found = objects_of([drawn])
    assert len(found) > 1
    assert sum(found.to_masks().union().array[100:130].ravel()) == drawn.sum()
    assert all(each.window.height * each.window.width <= 30 * 250 for each in found)
