import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from promptseg.errors import InputError, OutOfMemoryError
from promptseg.masks import Mask, Masks, Polygon

pixels = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def same_size_pixels(count):
    return hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=10).flatmap(
        lambda shape: st.lists(hnp.arrays(bool, shape), min_size=count, max_size=count)
    )


def disc(height, width, x, y, radius):
    rows, columns = np.ogrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


class TestFromArray:
    @given(pixels)
    def test_pixels_come_back_as_they_were(self, array):
        mask = Mask.from_array(array)
        assert mask.size == array.shape
        assert mask.array.dtype == bool
        assert np.array_equal(mask.array, array)

    @given(pixels)
    def test_the_encoding_is_that_of_pycocotools(self, array):
        assert Mask.from_array(array).counts == coco.encode(np.asfortranarray(array.astype(np.uint8)))["counts"]

    @given(pixels)
    def test_area_and_box_are_those_of_the_pixels(self, array):
        mask = Mask.from_array(array)
        rows, columns = np.nonzero(array)
        assert mask.area == array.sum()
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0, 0, 0, 0]
        assert mask.box.tolist() == expected
        assert mask.box.dtype == np.float32

    @given(pixels, st.sampled_from([np.uint8, np.int64, np.float32, np.float64]), st.sampled_from([1, 255]))
    def test_zero_and_one_or_zero_and_255_of_any_number_type_are_booleans(self, array, dtype, high):
        assert np.array_equal(Mask.from_array(array.astype(dtype) * dtype(high)).array, array)

    def test_any_memory_layout_serves(self):
        array = disc(12, 20, 6, 5, 4)
        for view in (np.asfortranarray(array), np.repeat(array, 2, axis=1)[:, ::2], array[::-1][::-1]):
            assert Mask.from_array(view) == Mask.from_array(array)

    @pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (1, 3, 3), (3, 3, 1)])
    def test_an_array_that_is_not_height_by_width_is_refused_with_its_shape(self, shape):
        with pytest.raises(InputError, match="two-dimensional") as caught:
            Mask.from_array(np.zeros(shape, bool))
        assert str(shape) in str(caught.value)

    @pytest.mark.parametrize("values", [[[0, 2]], [[0, 1, 255]], [[0.0, 0.5]], [[-1, 1]], [[0, float("nan")]], [[254, 255]]])
    def test_gray_values_are_refused_and_not_thresholded_in_silence(self, values):
        with pytest.raises(InputError, match="threshold it first"):
            Mask.from_array(values)

    def test_text_is_refused(self):
        with pytest.raises(InputError, match="dtype"):
            Mask.from_array([["a"]])

    def test_score_label_logits_and_prompt_index_are_kept(self):
        logits = np.zeros((4, 4), np.float32)
        mask = Mask.from_array([[True]], score=0.5, label="cat", logits=logits, prompt_index=3)
        assert (mask.score, mask.label, mask.prompt_index) == (0.5, "cat", 3)
        assert mask.logits is logits


class TestFromCrop:
    @given(pixels, st.data())
    def test_a_crop_gives_the_mask_of_the_whole_image(self, crop, data):
        left, right, top, bottom = (data.draw(st.integers(0, 4)) for _ in range(4))
        whole = np.pad(crop, ((top, bottom), (left, right)))
        assert Mask.from_crop(crop, (left, top), whole.shape) == Mask.from_array(whole)

    @pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
    def test_an_empty_crop_gives_an_empty_mask(self, shape):
        mask = Mask.from_crop(np.zeros(shape, bool), (0, 0), (5, 6))
        assert mask == Mask.from_array(np.zeros((5, 6), bool))

    def test_a_full_crop_gives_a_full_mask(self):
        assert Mask.from_crop(np.ones((5, 6), bool), (0, 0), (5, 6)) == Mask.from_array(np.ones((5, 6), bool))

    @pytest.mark.parametrize("origin", [(-1, 0), (0, -1), (4, 0), (0, 3)])
    def test_a_crop_that_leaves_the_image_is_refused(self, origin):
        with pytest.raises(InputError, match="does not lie inside an image of 5 x 6"):
            Mask.from_crop(np.ones((3, 3), bool), origin, (5, 6))

    def test_a_crop_of_three_dimensions_is_refused(self):
        with pytest.raises(InputError, match="crop of shape"):
            Mask.from_crop(np.ones((3, 3, 1), bool), (0, 0), (5, 6))

    @given(pixels)
    def test_the_pixels_of_the_box_are_those_of_the_image(self, array):
        mask = Mask.from_array(array)
        x0, y0, x1, y1 = mask.box.astype(int)
        crop, origin = mask.crop()
        assert origin == (x0, y0)
        assert np.array_equal(crop, array[y0:y1, x0:x1])
        assert crop.dtype == bool
        assert Mask.from_crop(crop, origin, array.shape) == mask

    def test_what_belongs_to_the_mask_is_kept(self):
        mask = Mask.from_crop(np.ones((1, 1), bool), (0, 0), (2, 2), score=0.25, label="a", prompt_index=1)
        assert (mask.score, mask.label, mask.prompt_index) == (0.25, "a", 1)


class TestCocoRle:
    @given(pixels)
    def test_a_mask_survives_json(self, array):
        mask = Mask.from_array(array)
        assert Mask.from_coco_rle(json.loads(json.dumps(mask.to_coco_rle()))) == mask

    @given(pixels)
    def test_pycocotools_reads_what_is_written(self, array):
        assert np.array_equal(coco.decode(Mask.from_array(array).to_coco_rle()), array)

    @given(pixels)
    def test_uncompressed_runs_are_read(self, array):
        flat = np.concatenate([[0], array.T.reshape(-1).astype(int)])
        edges = np.flatnonzero(np.diff(flat))
        runs = np.diff(edges, prepend=0, append=array.size).tolist()
        assert Mask.from_coco_rle({"size": list(array.shape), "counts": runs}) == Mask.from_array(array)

    def test_counts_may_be_bytes_and_a_score_and_label_are_kept(self):
        encoded = coco.encode(np.asfortranarray(np.eye(5, dtype=np.uint8)))
        mask = Mask.from_coco_rle(encoded, score=0.5, label="a")
        assert np.array_equal(mask.array, np.eye(5, dtype=bool))
        assert (mask.score, mask.label) == (0.5, "a")

    @given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
    def test_runs_of_any_length_survive_compression(self, runs):
        runs = [*runs, 1]
        expected = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)[None]
        mask = Mask.from_coco_rle({"size": list(expected.shape), "counts": runs})
        assert np.array_equal(mask.array, expected)
        assert Mask.from_coco_rle(mask.to_coco_rle()).counts == mask.counts

    @pytest.mark.parametrize("counts", [[1, 0, 1, 2], [2, 2, 0], [0, 0, 2, 2], [2, 1, 0, 1]])
    def test_masks_of_equal_pixels_are_equal_however_their_runs_were_split(self, counts):
        mask = Mask.from_coco_rle({"size": [2, 2], "counts": counts})
        assert mask == Mask.from_array([[0, 1], [0, 1]])
        assert hash(mask) == hash(Mask.from_array([[0, 1], [0, 1]]))

    @pytest.mark.parametrize(
        "rle",
        [{}, None, 3, {"size": [2, 2]}, {"counts": [4]}, {"size": [2], "counts": [4]}, {"size": [2, 2, 1], "counts": [4]}]
        + [{"size": [2, 2], "counts": counts} for counts in (None, 4, ["a"], "é", [float("nan")], [float("inf")])],
        ids=str,
    )
    def test_what_is_no_rle_is_refused(self, rle):
        with pytest.raises(InputError, match="not a COCO RLE"):
            Mask.from_coco_rle(rle)

    @pytest.mark.parametrize("rle", [{"size": [2, 2], "counts": c} for c in ([], [3], [5], [2, 3], "", "3", [1, 2**40])], ids=str)
    def test_runs_that_do_not_cover_the_image_are_refused_with_both_numbers(self, rle):
        with pytest.raises(InputError, match="its size 2 x 2 has 4"):
            Mask.from_coco_rle(rle)

    @pytest.mark.parametrize("size", [[0, 4], [4, 0], [-2, -2]])
    def test_an_image_without_pixels_is_refused(self, size):
        with pytest.raises(InputError, match="broken COCO RLE"):
            Mask.from_coco_rle({"size": size, "counts": [size[0] * size[1]]})

    @pytest.mark.parametrize("counts", [[-1, 5], "Xo0lPO"], ids=["plain", "compressed"])
    def test_a_negative_run_is_refused_even_where_the_sum_is_right(self, counts):
        with pytest.raises(InputError, match="a run of -"):
            Mask.from_coco_rle({"size": [2, 2], "counts": counts})

    @pytest.mark.parametrize("counts", ["4o", "T", b"4\x00", b"\xff4", "4 "])
    def test_compressed_runs_that_break_off_or_hold_foreign_bytes_are_refused(self, counts):
        with pytest.raises(InputError, match="not a COCO RLE"):
            Mask.from_coco_rle({"size": [2, 2], "counts": counts})

    def test_the_message_about_a_long_rle_is_short(self):
        with pytest.raises(InputError) as caught:
            Mask.from_coco_rle({"size": [2, 2], "counts": "x" * 5000})
        assert len(str(caught.value)) < 300


class TestPolygons:
    @given(pixels)
    def test_every_mask_comes_back_from_its_polygons(self, array):
        mask = Mask.from_array(array)
        assert np.array_equal(Mask.from_polygons(mask.polygons(), array.shape).array, array)

    @given(pixels, st.integers(0, 5), st.integers(0, 5))
    def test_it_does_so_anywhere_in_the_image(self, array, left, top):
        placed = np.pad(array, ((top, 1), (left, 1)))
        mask = Mask.from_array(placed)
        assert Mask.from_polygons(mask.polygons(), placed.shape) == mask

    def test_a_rectangle_is_four_corners_on_pixel_edges(self):
        array = np.zeros((8, 9), bool)
        array[2:5, 3:7] = True
        (polygon,) = Mask.from_array(array).polygons()
        assert {tuple(corner) for corner in polygon.exterior.tolist()} == {(3, 2), (7, 2), (7, 5), (3, 5)}
        assert len(polygon.exterior) == 4
        assert polygon.exterior.dtype == np.float32
        assert polygon.holes == ()

    def test_a_hole_belongs_to_the_part_around_it_and_an_island_in_it_is_a_part_of_its_own(self):
        array = np.zeros((20, 30), bool)
        array[1:18, 1:18] = True
        array[4:14, 4:14] = False
        array[7:10, 7:10] = True
        array[5:9, 22:28] = True
        polygons = sorted(Mask.from_array(array).polygons(), key=lambda part: -np.ptp(part.exterior[:, 0]))
        assert [len(part.holes) for part in polygons] == [1, 0, 0]
        assert np.ptp(polygons[0].holes[0], axis=0).tolist() == [10, 10]
        assert Mask.from_polygons(polygons, array.shape) == Mask.from_array(array)

    def test_parts_that_touch_at_a_corner_are_one_polygon(self):
        assert len(Mask.from_array(np.eye(4, dtype=bool)).polygons()) == 1

    def test_an_empty_mask_has_no_polygons_and_no_polygons_are_an_empty_mask(self):
        empty = Mask.from_array(np.zeros((4, 5), bool))
        assert empty.polygons() == []
        assert Mask.from_polygons([], (4, 5)) == empty

    @given(
        st.lists(
            st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=3, max_size=8).map(
                lambda xy: [v / 10 for p in xy for v in p]
            ),
            min_size=1,
            max_size=3,
        )
    )
    def test_polygons_are_rasterized_as_pycocotools_does_it(self, flat):
        # Coordinates with one decimal lie on the rounding boundaries of the COCO rule, where a detour through float32 would show.
        expected = coco.decode(coco.merge(coco.frPyObjects(flat, 30, 30)))
        assert np.array_equal(Mask.from_polygons(flat, (30, 30)).array, expected)

    def test_a_polygon_may_leave_the_image(self):
        mask = Mask.from_polygons([[(-10, -10), (3, -10), (3, 40), (-10, 40)]], (5, 6))
        assert np.array_equal(mask.array, np.arange(6)[None].repeat(5, 0) < 3)

    def test_a_hole_is_cut_from_its_own_polygon_alone(self):
        square = np.float32([(0, 0), (6, 0), (6, 6), (0, 6)])
        hole = np.float32([(2, 2), (4, 2), (4, 4), (2, 4)])
        assert Mask.from_polygons([Polygon(square, (hole,))], (6, 6)).area == 32
        assert Mask.from_polygons([Polygon(square, (hole,)), hole], (6, 6)).area == 36

    @pytest.mark.parametrize(
        "polygon",
        [[], [1, 2], [(1, 2), (3, 4)], [1, 2, 3, 4, 5, 6, 7], [(0, 0), (1, float("nan")), (2, 2)], ["a", "b", "c"], [(1, 2), (3,)], None],
        ids=str,
    )
    def test_what_is_no_polygon_is_refused(self, polygon):
        with pytest.raises(InputError, match="a polygon"):
            Mask.from_polygons([polygon], (5, 5))


class TestOneMask:
    @given(same_size_pixels(2))
    def test_iou_is_that_of_the_pixels(self, arrays):
        a, b = arrays
        expected = (a & b).sum() / max(1, (a | b).sum())
        assert Mask.from_array(a).iou(Mask.from_array(b)) == pytest.approx(expected)

    def test_the_iou_of_two_empty_masks_is_0(self):
        empty = Mask.from_array(np.zeros((3, 3), bool))
        assert empty.iou(empty) == 0

    def test_iou_with_a_mask_of_another_size_is_refused(self):
        with pytest.raises(InputError, match=r"\(3, 4\) and \(4, 3\)"):
            Mask.from_array(np.ones((3, 4), bool)).iou(Mask.from_array(np.ones((4, 3), bool)))

    def test_masks_are_equal_when_their_pixels_are(self):
        a = Mask.from_array(np.eye(3, dtype=bool), score=0.1, label="a")
        b = Mask.from_array(np.eye(3, dtype=bool), score=0.9)
        assert a == b
        assert hash(a) == hash(b)
        assert len({a, b}) == 1
        assert a != Mask.from_array(~np.eye(3, dtype=bool))
        assert Mask.from_array(np.zeros((2, 3), bool)) != Mask.from_array(np.zeros((3, 2), bool))
        assert a != "a mask"

    def test_a_mask_pickles_with_all_that_belongs_to_it(self):
        mask = Mask.from_array(np.eye(3, dtype=bool), score=0.5, label="a", logits=np.ones((2, 2), np.float32), prompt_index=1)
        again = pickle.loads(pickle.dumps(mask))
        assert again == mask
        assert (again.score, again.label, again.prompt_index) == (0.5, "a", 1)
        assert np.array_equal(again.logits, mask.logits)

    def test_a_mask_of_a_large_image_is_small(self):
        mask = Mask.from_array(disc(3000, 4000, 2000, 1500, 900))
        assert len(pickle.dumps(mask)) < 20_000


class TestMasks:
    def _three(self):
        return Masks(
            Mask.from_array(np.arange(12).reshape(3, 4) < n, score=score, label=label)
            for n, score, label in [(3, 0.5, "a"), (6, None, None), (9, 0.9, "b")]
        )

    def test_masks_are_a_sequence(self):
        masks = self._three()
        assert len(masks) == 3
        assert masks[0].area == 3
        assert masks[-1].area == 9
        assert [mask.area for mask in masks] == [3, 6, 9]
        assert masks[1] in masks
        with pytest.raises(IndexError):
            masks[3]

    def test_a_slice_is_masks_even_when_empty(self):
        masks = self._three()
        assert isinstance(masks[1:], Masks)
        assert masks[::2].areas.tolist() == [3, 9]
        assert masks[3:].size == (3, 4)

    def test_columns_line_up_with_the_masks(self):
        masks = self._three()
        assert masks.areas.tolist() == [3, 6, 9]
        assert masks.labels == ("a", None, "b")
        assert np.array_equal(masks.scores, np.float32([0.5, np.nan, 0.9]), equal_nan=True)
        assert np.array_equal(masks.boxes, [mask.box for mask in masks])

    def test_the_columns_of_no_masks_have_their_shapes(self):
        empty = Masks([], (3, 4))
        assert empty.boxes.shape == (0, 4)
        assert empty.areas.shape == empty.scores.shape == (0,)
        assert empty.labels == ()
        assert empty.iou_matrix().shape == (0, 0)
        assert empty.iou_matrix(self._three()).shape == (0, 3)

    def test_masks_of_two_sizes_are_refused_with_the_sizes(self):
        with pytest.raises(InputError, match=r"\(2, 3\), \(3, 2\)"):
            Masks([Mask.from_array(np.ones((2, 3), bool)), Mask.from_array(np.ones((3, 2), bool))])

    def test_the_given_size_must_be_that_of_the_masks(self):
        with pytest.raises(InputError, match="one size"):
            Masks([Mask.from_array(np.ones((2, 3), bool))], (3, 3))

    def test_no_masks_need_a_size(self):
        with pytest.raises(InputError, match="no masks and no size"):
            Masks([])

    def test_the_best_mask_has_the_highest_score(self):
        assert self._three().best().label == "b"

    def test_without_scores_the_first_is_best(self):
        assert self._three()[1:2].best().area == 6

    def test_no_masks_have_no_best(self):
        with pytest.raises(InputError, match="no best mask"):
            Masks([], (3, 4)).best()

    def test_where_takes_booleans_or_indices_in_their_order(self):
        masks = self._three()
        assert masks.where([True, False, True]).areas.tolist() == [3, 9]
        assert masks.where([2, 0, 0]).areas.tolist() == [9, 3, 3]
        assert masks.where(masks.areas > 100).size == (3, 4)
        assert len(masks.where([])) == 0

    @pytest.mark.parametrize("keep", [[True, False], [True] * 4, [[True, False, True]], [3], ["a"]], ids=str)
    def test_where_refuses_what_does_not_fit(self, keep):
        with pytest.raises(InputError, match=r"booleans|indices"):
            self._three().where(keep)

    @given(same_size_pixels(3))
    def test_the_union_is_that_of_the_pixels(self, arrays):
        union = Masks(map(Mask.from_array, arrays)).union()
        assert union == Mask.from_array(np.logical_or.reduce(arrays))

    @given(same_size_pixels(1))
    def test_the_union_of_one_mask_is_the_mask(self, arrays):
        assert Masks(map(Mask.from_array, arrays)).union() == Mask.from_array(arrays[0])

    def test_the_union_of_none_is_empty(self):
        assert Masks([], (3, 4)).union().area == 0

    @given(same_size_pixels(5))
    def test_the_iou_matrix_is_that_of_the_pixels(self, arrays):
        rows, columns = Masks(map(Mask.from_array, arrays[:3])), Masks(map(Mask.from_array, arrays[3:]))
        expected = [[(a & b).sum() / max(1, (a | b).sum()) for b in arrays[3:]] for a in arrays[:3]]
        matrix = rows.iou_matrix(columns)
        assert matrix.dtype == np.float32
        np.testing.assert_allclose(matrix, expected, atol=1e-6)
        np.testing.assert_allclose(rows.iou_matrix(), rows.iou_matrix(rows))

    def test_iou_between_images_of_different_sizes_is_refused(self):
        with pytest.raises(InputError, match="one size"):
            self._three().iou_matrix(Masks([], (4, 3)))

    def test_relabeled_masks_keep_everything_else(self):
        masks = self._three()
        again = masks.labeled("c")
        assert again.labels == ("c", "c", "c")
        assert list(again) == list(masks)
        assert again[0].score == 0.5
        assert masks.labels == ("a", None, "b")

    def test_masks_pickle(self):
        masks = self._three()
        again = pickle.loads(pickle.dumps(masks))
        assert list(again) == list(masks)
        assert again.size == masks.size

    def test_the_repr_tells_how_many_and_on_what(self):
        assert repr(self._three()) == "Masks(3 masks, best score 0.90, 4 wide, 3 high)"
        assert repr(self._three()[:1].where([0])) == "Masks(1 mask, best score 0.50, 4 wide, 3 high)"
        assert repr(Masks([], (3, 4))) == "Masks(0 masks, 4 wide, 3 high)"


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)), st.integers(1, 50), st.integers(1, 50))
def test_a_resized_mask_has_the_nearest_pixels(pixels, height, width):
    rows = ((np.arange(height) + 0.5) * pixels.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * pixels.shape[1] / width).astype(int)
    resized = Mask.from_array(pixels, score=0.5, label="a").resized((height, width))
    assert np.array_equal(resized.array, pixels[rows][:, columns])
    assert (resized.size, resized.score, resized.label) == ((height, width), 0.5, "a")


def test_a_large_mask_with_long_runs_is_resized():
    pixels = np.zeros((3000, 2000), bool)
    pixels[100:2900, 400:1900] = True
    pixels[1000:1001, 500:1500] = False
    assert np.array_equal(Mask.from_array(pixels).resized((30, 20)).array, pixels[50::100, 50::100])


COUNTS = Mask.from_array(np.eye(9, dtype=bool)).counts


class TestDamaged:
    @pytest.mark.parametrize(
        "counts",
        [b"", COUNTS[:-1], COUNTS + b"1", b"o", b"oooooooo0", b"\xff\xff", b"\x00", b"0" * 10_000, "16", bytearray(COUNTS), None, [81]],
        ids=repr,
    )
    def test_a_mask_cannot_be_made_of_damaged_run_lengths(self, counts):
        with pytest.raises(InputError):
            Mask((9, 9), counts)

    @given(st.binary(max_size=12) | st.lists(st.integers(48, 111), max_size=12).map(bytes), st.integers(1, 9), st.integers(1, 9))
    def test_any_run_lengths_are_a_mask_that_can_be_used_or_are_refused(self, counts, height, width):
        try:
            mask = Mask((height, width), counts)
        except InputError:
            return
        assert mask.area == mask.array.sum() == mask.crop()[0].sum()
        assert mask == Mask.from_array(mask.array)
        assert Masks([mask, mask]).union() == mask

    @pytest.mark.parametrize("flips", range(3))
    def test_a_mask_with_a_byte_changed_is_another_mask_or_refused(self, flips):
        for place in range(len(COUNTS)):
            counts = bytearray(COUNTS)
            counts[place] ^= 1 << flips
            try:
                mask = Mask((9, 9), bytes(counts))
            except InputError:
                continue
            assert mask.area == mask.array.sum()

    @pytest.mark.parametrize("size", [(0, 9), (-9, -9), (10**9, 10**9), (9,), None, ("9", "9"), (9.5, 9), (True, 81)], ids=repr)
    def test_a_size_that_is_none_is_refused_before_anything_is_made(self, size):
        for make in (
            lambda: Mask(size, COUNTS),
            lambda: Mask.from_crop(np.ones((1, 1), bool), (0, 0), size),
            lambda: Mask.from_polygons([[0, 0, 5, 0, 5, 5]], size),
            lambda: Mask.from_coco_rle({"size": size, "counts": [81]}),
            lambda: Mask((9, 9), COUNTS).resized(size),
            lambda: Masks([], size),
        ):
            with pytest.raises(InputError):
                make()

    def test_a_size_of_floats_without_a_fraction_is_one_of_whole_numbers(self):
        assert Mask.from_coco_rle({"size": [9.0, 9.0], "counts": [80.0, 1.0]}).size == (9, 9)

    @pytest.mark.parametrize("counts", [[80.5, 0.5], ["80", "1"], [True, 80], [10**400], [80, None], {80: 1}], ids=repr)
    def test_run_lengths_that_are_not_whole_numbers_are_refused(self, counts):
        with pytest.raises(InputError, match="COCO RLE"):
            Mask.from_coco_rle({"size": [9, 9], "counts": counts})

    @pytest.mark.parametrize(
        ("crop", "origin"),
        [
            (5, (0, 0)),
            (np.ones((2, 2)), (0, 0)),
            (np.ones((2, 2), bool), (0.5, 0)),
            (np.ones((2, 2), bool), (10**400, 0)),
            (np.ones((2, 2), bool), None),
            (np.ones((2, 2), bool), (0,)),
        ],
        ids=repr,
    )
    def test_what_is_no_crop_is_refused(self, crop, origin):
        with pytest.raises(InputError, match="crop"):
            Mask.from_crop(crop, origin, (9, 9))

    @pytest.mark.parametrize("array", [[[1, 2], [3]], "mask", None, [[10**400]], [[1j]], [["1"]]], ids=repr)
    def test_what_is_no_array_of_pixels_is_refused(self, array):
        with pytest.raises(InputError, match="a mask "):
            Mask.from_array(array)

    @pytest.mark.parametrize("field", [{"score": "0.5"}, {"score": True}, {"label": 5}, {"label": b"a"}], ids=repr)
    def test_a_score_is_a_number_and_a_label_is_text(self, field):
        with pytest.raises(InputError, match=f"the {next(iter(field))} of a mask is"):
            Mask.from_array(np.eye(2, dtype=bool), **field)

    @pytest.mark.parametrize("masks", [5, [5], [None], "ab"], ids=repr)
    def test_masks_are_made_of_masks(self, masks):
        with pytest.raises(InputError, match="masks are a sequence of Mask"):
            Masks(masks, (9, 9))

    @pytest.mark.parametrize("keep", [[1, [2]], "a", [0.5], [10**400], None, 1j], ids=repr)
    def test_what_chooses_no_masks_is_refused(self, keep):
        with pytest.raises(InputError, match="indices"):
            Masks([Mask((9, 9), COUNTS)]).where(keep)

    def test_what_is_no_mask_is_not_compared(self):
        mask = Mask((9, 9), COUNTS)
        with pytest.raises(InputError, match="another Mask, got 5"):
            mask.iou(5)
        with pytest.raises(InputError, match="other Masks, got 5"):
            Masks([mask]).iou_matrix(5)


class TestEquality:
    def test_masks_are_equal_if_sizes_and_pixels_are_in_their_order(self):
        one, other = _rectangle(1, 1, 3, 4), _rectangle(2, 2, 6, 6)
        assert Masks([one, other]) == Masks([one, _rectangle(2, 2, 6, 6)])
        assert Masks([one, other]) != Masks([other, one])
        assert Masks([one]) != Masks([one, one])
        assert Masks([], (3, 4)) != Masks([], (4, 3))

    def test_scores_labels_and_logits_do_not_count(self):
        plain, told = _rectangle(1, 1, 3, 4), _rectangle(1, 1, 3, 4, score=0.5, label="a", logits=np.zeros((2, 2), np.float32))
        assert Masks([plain]) == Masks([told])
        assert hash(Masks([plain])) == hash(Masks([told]))
        assert len({Masks([plain]), Masks([told])}) == 1

    @pytest.mark.parametrize("other", [None, [], 0, "Masks", np.zeros((1, 10, 12), bool), [1]], ids=str)
    def test_masks_equal_nothing_else_and_the_answer_is_a_truth_value(self, other):
        for mask in (Masks([_rectangle(1, 1, 3, 4)]), _rectangle(1, 1, 3, 4)):
            assert (mask == other) is False
            assert (mask != other) is True


class TestArrays:
    def test_a_mask_is_an_array_of_its_pixels(self):
        mask = _rectangle(1, 1, 3, 4)
        assert np.array_equal(np.asarray(mask), mask.array)
        assert np.asarray(mask).dtype == bool
        assert np.asarray(mask, np.float32).max() == 1
        assert np.array(mask, dtype=np.uint8).sum() == mask.area
        assert np.count_nonzero(mask) == mask.area
        image = np.arange(120).reshape(10, 12)
        assert image[np.asarray(mask)].tolist() == image[1:4, 1:3].ravel().tolist()

    def test_masks_are_a_stack_of_arrays(self):
        masks = Masks([_rectangle(1, 1, 3, 4), _rectangle(2, 2, 6, 6)])
        assert np.array_equal(np.asarray(masks), np.stack([mask.array for mask in masks]))
        assert (np.asarray(masks).dtype, np.asarray(masks, np.uint8).dtype) == (bool, np.uint8)
        assert np.asarray(Masks([], (10, 12))).shape == (0, 10, 12)

    def test_an_array_is_always_a_new_one(self):
        mask = _rectangle(1, 1, 3, 4)
        np.asarray(mask)[:] = False
        assert mask.area == 6
        for each in (mask, Masks([mask])):
            with pytest.raises(InputError, match="leave copy=False out"):
                each.__array__(copy=False)
            assert each.__array__(copy=True).any()

    def test_a_stack_that_no_memory_holds_is_refused_before_it_is_made(self, monkeypatch):
        masks = Masks([_rectangle(1, 1, 3, 4)] * 3)
        monkeypatch.setattr("promptseg.masks.available_memory", lambda: 1000)
        assert np.asarray(masks[:2]).nbytes == 240
        with pytest.raises(OutOfMemoryError, match=r"3 masks of 10 x 12 take 2,880 bytes as one array of float64: .*room for 1,000"):
            np.asarray(masks, np.float64)


def _rectangle(x0, y0, x1, y1, **about):
    pixels = np.zeros((10, 12), bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.from_array(pixels, **about)
