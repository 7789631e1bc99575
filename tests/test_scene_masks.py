import numpy as np
import pytest

from promptseg import scene_masks
from promptseg.errors import InputError
from promptseg.masks import Mask
from promptseg.rasters.window import Window
from promptseg.scene_masks import SceneMask, SceneMasks

FAR = 3_000_000_000
"""A place whose pixel index in a raster has no room in 64 bits, and which float32 cannot tell from its neighbors."""


def ell(score=None, label=None):
    """An L of 5 pixels in a tile of 6 x 8, from (2, 1) to (5, 4)."""
    pixels = np.zeros((6, 8), bool)
    pixels[1:4, 2] = True
    pixels[3, 2:5] = True
    return Mask.from_array(pixels, score=score, label=label)


class TestSceneMask:
    def test_it_is_kept_inside_its_box_at_its_place(self):
        mask = SceneMask.of(ell(0.5, "a"), (100, 200))
        assert (mask.origin, mask.box, mask.mask.size) == ((102, 201), (102, 201, 105, 204), (3, 3))
        assert (mask.area, mask.score, mask.label) == (5, 0.5, "a")

    def test_logits_of_the_tile_are_dropped(self):
        with_logits = Mask.from_array(ell().array, logits=np.zeros((256, 256), np.float32))
        assert SceneMask.of(with_logits, (0, 0)).mask.logits is None

    def test_a_place_far_away_is_exact(self):
        assert SceneMask.of(ell(), (FAR + 1, FAR)).box == (FAR + 3, FAR + 1, FAR + 6, FAR + 4)

    @pytest.mark.parametrize("window", [Window(0, 0, 300, 300), Window(202, 100, 5, 4), Window(201, 103, 1, 1), Window(0, 0, 4, 4)])
    def test_its_part_in_a_window_is_that_of_its_pixels(self, window):
        whole = np.zeros((300, 300), bool)
        whole[200:206, 100:108] = ell().array
        part = SceneMask.of(ell(), (100, 200)).within(window)
        expected = whole[window.y : window.bottom, window.x : window.right]
        assert (part.array == expected).all()
        assert SceneMask.of(ell(), (100, 200)).area_in(window) == expected.sum()

    def test_the_part_in_a_window_keeps_score_and_label(self):
        part = SceneMask.of(ell(0.5, "a"), (0, 0)).within(Window(0, 0, 3, 3))
        assert (part.score, part.label) == (0.5, "a")

    def test_its_pixels_are_known_in_its_box_alone(self):
        mask = SceneMask.of(ell(), (100, 200))
        assert mask.pixels(Window(203, 103, 1, 2)).tolist() == [[True, True]]
        with pytest.raises(InputError, match=r"in its box \(102, 201, 105, 204\), got the window \(101, 201, 103, 204\)"):
            mask.pixels(Window(201, 101, 3, 2))

    def test_iou_is_that_of_masks_of_the_whole_raster(self):
        random = np.random.default_rng(0)
        one, other = random.random((2, 20, 30)) < 0.6
        both, either = (one[5:, 7:] & other[:-5, :-7]).sum(), 0
        either = one.sum() + other.sum() - both
        first, second = SceneMask.of(Mask.from_array(one), (0, 0)), SceneMask.of(Mask.from_array(other), (7, 5))
        assert first.shared_area(second) == both
        assert first.iou(second) == pytest.approx(both / either)

    def test_iou_of_objects_far_from_each_other_is_zero(self):
        assert SceneMask.of(ell(), (0, 0)).iou(SceneMask.of(ell(), (FAR, FAR))) == 0

    def test_polygons_are_exact_far_from_the_origin(self):
        (polygon,) = SceneMask.of(ell(), (FAR, FAR)).polygons()
        assert polygon.exterior.min(axis=0).tolist() == [FAR + 2, FAR + 1]
        assert polygon.exterior.max(axis=0).tolist() == [FAR + 5, FAR + 4]

    def test_an_empty_mask_is_no_object(self):
        empty = Mask.from_array(np.zeros((3, 3), bool))
        with pytest.raises(InputError, match="not empty"):
            SceneMask.of(empty, (0, 0))
        with pytest.raises(InputError, match="not empty"):
            SceneMask(empty, (0, 0))

    @pytest.mark.parametrize("origin", [(-1, 0), (0.5, 0), (1, 2, 3), [1, 2], None])
    def test_an_origin_that_is_no_place_is_refused(self, origin):
        with pytest.raises(InputError, match="two whole numbers"):
            SceneMask(ell(), origin)


def three():
    masks = [SceneMask.of(ell(0.9, "a"), (0, 0)), SceneMask.of(ell(None, "b"), (90, 10)), SceneMask.of(ell(0.5), (50, 50))]
    return SceneMasks(masks, (100, 100))


class TestSceneMasks:
    def test_it_is_a_sequence(self):
        scene = three()
        assert len(scene) == 3
        assert scene[1] is list(scene)[1]
        assert [mask.label for mask in scene[:2]] == ["a", "b"]
        assert scene[:2].size == (100, 100)

    def test_columns_of_values(self):
        scene = three()
        assert scene.boxes.tolist() == [[2, 1, 5, 4], [92, 11, 95, 14], [52, 51, 55, 54]]
        assert scene.areas.tolist() == [5, 5, 5]
        assert scene.scores[[0, 2]].tolist() == [np.float32(0.9), 0.5]
        assert np.isnan(scene.scores[1])
        assert scene.labels == ("a", "b", None)

    def test_boxes_of_no_objects_have_four_columns(self):
        assert SceneMasks([], (5, 5)).boxes.shape == (0, 4)

    def test_where_keeps_and_orders(self):
        assert three().where([2, 0]).labels == (None, "a")
        assert three().where([False, True, False]).labels == ("b",)
        with pytest.raises(InputError, match="3 booleans"):
            three().where([True])

    def test_objects_are_found_by_where_their_boxes_reach(self):
        assert three().touching(Window(0, 0, 20, 93)).labels == ("a", "b")
        assert three().touching(Window(0, 0, 20, 92)).labels == ("a",)

    def test_a_window_has_the_parts_that_have_pixels_there(self):
        parts = three().within(Window(0, 3, 2, 80))
        assert parts.size == (2, 80)
        assert len(parts) == 0  # The box of the first reaches there, its pixels do not.
        assert three().within(Window(0, 0, 20, 20)).labels == ("a",)

    def test_a_small_raster_has_masks_of_its_size(self):
        masks = three().to_masks()
        assert masks.size == (100, 100)
        assert masks[1].box.tolist() == [92, 11, 95, 14]

    def test_a_large_raster_has_none_and_says_what_to_do(self):
        with pytest.raises(InputError, match=r"100000 x 100000 .*within\(window\)"):
            SceneMasks([], (100_000, 100_000)).to_masks()

    @pytest.mark.parametrize("size", [(0, 5), (5,), (5.5, 5), "5x5", None])
    def test_a_size_that_is_none_is_refused(self, size):
        with pytest.raises(InputError, match="size of a raster"):
            SceneMasks([], size)

    def test_an_object_outside_the_raster_is_refused_with_its_box(self):
        with pytest.raises(InputError, match=r"box \(97, 1, 100, 4\) does not lie in a raster of 100 x 99"):
            SceneMasks([SceneMask.of(ell(), (95, 0))], (100, 99))

    def test_other_values_are_refused(self):
        with pytest.raises(InputError, match="are SceneMask"):
            SceneMasks([ell()], (100, 100))

    def test_repr_tells_count_and_size(self):
        assert repr(three()) == "SceneMasks(3 objects, 100 wide, 100 high)"


def column_runs(*pixels, size):
    """Return the run lengths of single pixels ``(x, y)`` of a raster, not compressed."""
    places = sorted(x * size[0] + y for x, y in pixels)
    runs, last = [], 0
    for place in places:
        runs += [place - last, 1]
        last = place + 1
    return [*runs, size[0] * size[1] - last]


class TestFromCocoRle:
    SIZE = (30_000, 35_000)

    def test_it_reads_an_object_of_a_raster_that_is_larger_than_a_mask(self):
        counts = column_runs((12_000, 29_000), (12_003, 28_998), size=self.SIZE)
        mask = SceneMask.from_coco_rle({"size": list(self.SIZE), "counts": counts}, score=0.5, label="roof")
        assert (mask.box, mask.area, mask.score, mask.label) == ((12_000, 28_998, 12_004, 29_001), 2, 0.5, "roof")
        assert mask.mask.array[2, 0]
        assert mask.mask.array[0, 3]

    def test_text_and_numbers_of_an_image_give_what_mask_gives(self):
        pixels = np.zeros((40, 60), bool)
        pixels[5:20, 7:30] = pixels[30, 50] = True
        mask = Mask.from_array(pixels)
        text = SceneMask.from_coco_rle(mask.to_coco_rle())
        assert np.array_equal(text.within(Window(0, 0, 40, 60)).array, pixels)
        assert SceneMask.from_coco_rle({"size": [40, 60], "counts": [6, 0, 4, 2, 2388]}).box == (0, 10, 1, 12)

    def test_columns_are_decoded_a_few_at_a_time(self, monkeypatch):
        monkeypatch.setattr(scene_masks, "_DECODED", 100)
        pixels = np.zeros((40, 60), bool)
        pixels[5:20, 7:30] = True
        assert np.array_equal(SceneMask.from_coco_rle(Mask.from_array(pixels).to_coco_rle()).mask.array, np.ones((15, 23), bool))

    @pytest.mark.parametrize(
        "rle",
        [
            {},
            {"size": [40], "counts": [40]},
            {"size": [40, 60.5], "counts": [2400]},
            {"size": [1 << 20, 1 << 20], "counts": [1 << 40]},
            {"size": [40, 60], "counts": [2399]},
            {"size": [40, 60], "counts": [2400]},
            {"size": [40, 60], "counts": [-5, 2405]},
            {"size": [40, 60], "counts": [1 << 90]},
            {"size": [40, 60], "counts": ["a"]},
            {"size": [40, 60], "counts": [[1, 2]]},
            {"size": [40, 60], "counts": "~"},
            {"size": [40, 60], "counts": "ä"},
            {"size": [40, 60], "counts": None},
            {"size": [30_000, 35_000], "counts": [0, 1_050_000_000]},
        ],
    )
    def test_what_is_none_is_refused(self, rle):
        with pytest.raises(InputError, match="raster"):
            SceneMask.from_coco_rle(rle)
