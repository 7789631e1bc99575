"""Appearance of objects: cells described by color or embedding, memory of them, and likeness of cells to an object."""

import numpy as np
import pytest

from promptseg.models.sam.geometry import ResizeLongestSide
from promptseg.models.sam.model import Embedding
from promptseg.models.sam.session import SamSession
from promptseg.testing import FakeSegmenter
from promptseg.tracking.appearance import (
    COLOR_CELLS,
    MAX_CELLS,
    NEIGHBORS,
    Appearance,
    FeatureGrid,
    appearance_of,
    feature_grid_of,
    likeness,
    overlap,
)


def grid_of(vectors, shape, size=None):
    return FeatureGrid(np.asarray(vectors, np.float32), shape, size or (shape[0] * 10, shape[1] * 10))


def described(scene):
    return feature_grid_of(FakeSegmenter().open(scene.image))


def test_an_object_is_told_from_its_ground_on_a_frame_where_it_moved(scene, square):
    seen = appearance_of(described(first := scene({"square": square(20, 30)})), first.things["square"])
    later = scene({"square": square(70, 50)})
    alike = described(later).upsample(likeness(described(later), [seen]))
    assert alike[later.things["square"]].mean() > 0.9
    assert alike[~later.things["square"]].mean() < 0.1


def test_a_lookalike_looks_alike(scene, square):
    seen = appearance_of(described(first := scene({"square": square(20, 30)})), first.things["square"])
    both = scene({"square": square(20, 30), "twin": square(80, 30)})
    alike = described(both).upsample(likeness(described(both), [seen]))
    assert alike[both.things["twin"]].mean() > 0.9


def test_a_color_never_seen_is_undecided():
    red, green, blue = np.eye(3)
    memory = Appearance(np.float32([red]), np.float32([green]))
    assert likeness(grid_of([red, green, blue], (1, 3)), [memory]).ravel() == pytest.approx([1, 0, 0.5], abs=1e-3)


def test_an_object_that_fills_the_frame_has_no_background_and_looks_like_itself():
    red, blue = np.eye(2)
    seen = appearance_of(grid_of([red, red], (1, 2)), np.ones((10, 20), bool))
    assert seen.outside.shape == (0, 2)
    assert likeness(grid_of([red, blue], (1, 2)), [seen]).ravel() == pytest.approx([1, 0.5], abs=1e-3)


def test_the_most_similar_cells_of_all_frames_decide():
    red, green, blue = np.eye(3)
    appearances = [
        Appearance(np.float32([red] * NEIGHBORS), np.float32([green])),
        Appearance(np.float32([blue] * NEIGHBORS), np.float32([green])),
    ]
    assert likeness(grid_of([red, blue, green], (1, 3)), appearances).ravel() == pytest.approx([1, 1, 0], abs=1e-3)


def test_cells_that_an_object_shares_with_its_ground_are_remembered_of_neither():
    mask = np.zeros((10, 30), bool)
    mask[:, :14] = True  # Of the cells it has all, four tenths, and nothing.
    seen = appearance_of(grid_of(np.eye(3), (1, 3)), mask)
    assert seen.inside.tolist() == [[1, 0, 0]]
    assert seen.outside.tolist() == [[0, 0, 1]]


def test_an_object_smaller_than_a_cell_is_known_by_the_cell_that_has_most_of_it():
    mask = np.zeros((10, 30), bool)
    mask[2:8, 17:24] = True
    seen = appearance_of(grid_of(np.eye(3), (1, 3)), mask)
    assert seen.inside.tolist() == [[0, 0, 1]]
    assert seen.outside.tolist() == [[1, 0, 0]]


def test_what_is_remembered_of_a_large_object_is_bounded():
    vectors = np.repeat(np.arange(1000, dtype=np.float32)[:, None], 2, axis=1)
    mask = np.zeros((10, 10000), bool)
    mask[:, :9000] = True
    inside = appearance_of(grid_of(vectors, (1, 1000)), mask).inside[:, 0]
    assert MAX_CELLS / 2 < len(inside) <= MAX_CELLS
    assert (inside.min(), inside.max()) == (0, 897)  # From everywhere in it.


def test_memory_does_not_hold_on_to_the_frame_it_was_cut_from():
    vectors = np.zeros((1000, 2), np.float32)
    seen = appearance_of(grid_of(vectors, (1, 1000)), np.ones((10, 10000), bool))
    assert not np.shares_memory(seen.inside, vectors)
    assert seen.inside.base is None


def test_overlap_is_one_for_the_same_nothing_for_the_rest_and_soft_between():
    coverage = np.float32([[1, 0.5, 0]])
    assert overlap(coverage, coverage) == 1
    assert overlap(coverage, np.float32([[0, 0, 1]])) == 0
    assert overlap(coverage, np.float32([[1, 1, 0]])) == pytest.approx(0.75)
    assert overlap(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)) == 0


def test_coverage_and_centers_of_cells_are_those_of_the_frame():
    grid = grid_of(np.zeros((6, 1)), (2, 3), (20, 60))
    mask = np.zeros((20, 60), bool)
    mask[:10, :30] = True
    np.testing.assert_allclose(grid.coverage(mask), [[1, 0.5, 0], [0, 0, 0]], atol=1e-6)
    x, y = grid.centers()
    assert (x.tolist(), y.tolist()) == ([10, 30, 50], [5, 15])
    pixels = grid.upsample(np.float32([[0, 0, 1], [0, 0, 0]]))
    assert pixels.shape == (20, 60)
    assert pixels[2, 55] == 1
    assert 0 < pixels[5, 40] < 1
    assert not pixels[:, :30].any()


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (40, 30), (1, 1), (1, 5000), (5000, 1)])
def test_colors_are_described_on_a_grid_of_at_most_so_many_cells(size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    grid = feature_grid_of(FakeSegmenter().open(image))
    assert max(grid.shape) == min(max(size), COLOR_CELLS)
    assert min(grid.shape) >= 1
    assert len(grid.vectors) == grid.shape[0] * grid.shape[1]
    np.testing.assert_allclose(np.linalg.norm(grid.vectors, axis=1), 1, atol=1e-5)


def test_likeness_of_colors_is_graded():
    image = np.array([[(200, 40, 40), (190, 45, 40), (40, 60, 200)]], np.uint8)
    vectors = feature_grid_of(FakeSegmenter().open(image)).vectors
    assert vectors[0] @ vectors[1] > 0.9
    assert vectors[0] @ vectors[2] < 0.7


def test_likeness_of_colors_is_the_bhattacharyya_coefficient():
    image = np.full((2, 128, 3), 255, np.uint8)  # Cells of 2 x 2 pixels, of which the second has one white pixel and three black ones.
    image[:, 2:4] = 0
    image[0, 2] = 255
    vectors = feature_grid_of(FakeSegmenter().open(image)).vectors
    assert vectors[0] @ vectors[1] == pytest.approx((np.sqrt(1 / 4) + 1 + 1) / 3, abs=1e-3)  # Brightness, and the two channels of color.


def sam_session(features, size):
    return SamSession(None, np.zeros((*size, 3), np.uint8), Embedding(features, ResizeLongestSide(size, 64, 16)))


def test_an_embedding_describes_the_cells_that_show_the_image_and_not_the_padding():
    deep = np.random.default_rng(0).normal(size=(1, 8, 4, 4)).astype(np.float32)
    deep[:, :, 2:] = np.nan  # The image is twice as wide as high: the lower half of the model input is padding.
    shallow = np.zeros((1, 2, 16, 16), np.float32)
    grid = feature_grid_of(sam_session({"high": shallow, "image": deep}, (50, 100)))
    assert (grid.shape, grid.size, grid.vectors.shape) == ((2, 4), (50, 100), (8, 8))
    expected = deep[0, :, 1, 2] / np.linalg.norm(deep[0, :, 1, 2])
    np.testing.assert_allclose(grid.vectors[1 * 4 + 2], expected, rtol=1e-5)
