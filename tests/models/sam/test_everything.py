"""Everything mode on a model whose masks are discs: what is kept, what is dropped, and in what order."""

import cv2
import numpy as np
import pytest

from promptseg.models.sam.model import FOREGROUND, PADDING, Embedding
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt

SIZE = (96, 128)  # Half the input size of `DiscSam`.
ONE_A_POINT = {"scores": (0.99, 0.5, 0.93, 0.5), "sharpness": 8.0}
GRID = [(32, 24), (96, 24), (32, 72), (96, 72)]  # Grid of two points along each side.


def blank(size=SIZE):
    return np.zeros((*size, 3), np.uint8)


def everything(model, *settings, size=SIZE, image=None, **named):
    session = SamSegmenter(model).open(blank(size) if image is None else image)
    return session.everything(Prompt.everything(*settings, **named))


def centers(masks):
    return [tuple(np.round(mask.box.reshape(2, 2).mean(axis=0)).astype(int).tolist()) for mask in masks]


def parts(mask):
    """Return the number of connected components and the number of holes."""
    there, _ = cv2.connectedComponents(mask.array.astype(np.uint8), connectivity=8)
    around, _ = cv2.connectedComponents(np.pad(~mask.array, 1, constant_values=True).astype(np.uint8), connectivity=8)
    return there - 1, around - 2


class TestGrid:
    def test_each_point_of_the_grid_gives_its_mask(self, disc_sam):
        masks = everything(disc_sam(**ONE_A_POINT), 2)
        assert centers(masks) == GRID
        assert masks.scores.tolist() == pytest.approx([0.93] * 4)
        assert masks.size == SIZE

    def test_a_point_gives_the_mask_that_it_gives_as_a_prompt(self, disc_sam):
        for size in ((96, 128), (128, 50), (37, 128), (300, 200), (20, 20)):
            session = SamSegmenter(disc_sam(**ONE_A_POINT)).open(blank(size))
            height, width = size
            (prompted,) = session.segment([Prompt.point(width / 2, height / 2)])
            assert list(session.everything(Prompt.everything(1, stability_score_thresh=0))) == [prompted]

    def test_points_of_one_s_own_replace_the_grid(self, disc_sam):
        masks = everything(disc_sam(**ONE_A_POINT), point_grid=[[0.25, 0.5], [0.75, 0.25]])
        assert centers(masks) == [(32, 48), (96, 24)]

    def test_all_points_are_decoded_one_foreground_point_each_on_one_thread(self, disc_sam):
        model = disc_sam(**ONE_A_POINT, decode_batch=3)
        everything(model, 4)
        assert sorted(len(prompts) for prompts, _ in model.decoded) == [1, 3, 3, 3, 3, 3]
        assert all(one_thread for _, one_thread in model.decoded)
        assert {tuple(labels) for prompts, _ in model.decoded for labels in prompts.labels.tolist()} == {(FOREGROUND, PADDING)}
        assert len({tuple(points[0]) for prompts, _ in model.decoded for points in prompts.points.tolist()}) == 16

    @pytest.mark.parametrize("workers", [1, 2, 5])
    @pytest.mark.parametrize("decode_batch", [1, 2, 7])
    def test_threads_and_batches_change_nothing(self, workers, decode_batch, disc_sam):
        expected = everything(disc_sam(sharpness=8.0, workers=1, decode_batch=1), 5)
        masks = everything(disc_sam(sharpness=8.0, workers=workers, decode_batch=decode_batch), 5)
        assert len(masks) > 10
        assert list(masks) == list(expected)
        assert masks.scores.tolist() == expected.scores.tolist()

    @pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 200)])
    def test_tiny_images_do_not_fail(self, size, disc_sam):
        for layers in (0, 2):
            assert everything(disc_sam(**ONE_A_POINT), 2, size=size, crop_n_layers=layers).size == size

    def test_the_masks_carry_no_logits_because_there_are_many(self, disc_sam):
        assert all(mask.logits is None for mask in everything(disc_sam(**ONE_A_POINT), 2))


class TestFilters:
    def test_only_candidates_over_the_predicted_iou_are_kept_and_no_others_are_computed(self, disc_sam):
        model = disc_sam(scores=(0.99, 0.5, 0.75, 0.25), sharpness=8.0)
        masks = everything(model, 2, pred_iou_thresh=0.5)
        assert masks.scores.tolist() == [0.75] * 4
        assert sorted(model.asked) == [[(0, 2), (1, 2)]] * 2

    def test_the_candidate_for_one_object_is_not_among_them(self, disc_sam):
        model = disc_sam(scores=(0.99, 0.1, 0.1, 0.1), sharpness=8.0)
        masks = everything(model, 2)
        assert (len(masks), masks.size, model.asked) == (0, SIZE, [])

    def test_all_good_candidates_of_a_point_are_kept_where_they_differ_enough(self, disc_sam):
        masks = everything(disc_sam(sharpness=20.0), 1)
        assert masks.scores.tolist() == pytest.approx([0.93, 0.92, 0.91])
        assert centers(masks) == [(64, 48)] * 3

    def test_the_best_come_first(self, disc_sam):
        class Ranked(disc_sam):
            def predict(self, embedding, points, labels):
                _, logits = super().predict(embedding, points, labels)
                return (0, 0, 0.9 + points[0, 0] / 1e4 - points[0, 1] / 1e5, 0), logits

        masks = everything(Ranked(sharpness=8.0), 2)
        assert centers(masks) == [GRID[1], GRID[3], GRID[0], GRID[2]]
        assert masks.scores.tolist() == sorted(masks.scores.tolist(), reverse=True)

    def test_unstable_masks_are_dropped(self, disc_sam):
        class SoftOnTheLeft(disc_sam):
            def predict(self, embedding, points, labels):
                scores, logits = super().predict(embedding, points, labels)
                return scores, logits * (0.05 if points[0, 0] < 128 else 1)

        assert centers(everything(SoftOnTheLeft(**ONE_A_POINT), 2)) == [GRID[1], GRID[3]]
        assert centers(everything(SoftOnTheLeft(**ONE_A_POINT), 2, stability_score_thresh=0)) == GRID
        assert centers(everything(SoftOnTheLeft(**ONE_A_POINT), 2, stability_score_offset=0)) == GRID

    def test_stability_is_the_iou_of_the_masks_cut_over_and_under_zero(self, disc_sam):
        model = disc_sam(scores=(0, 0, 0.93, 0), radii=(30,) * 4, sharpness=1.5)
        session = SamSegmenter(model).open(blank())
        (mask,) = session.segment([Prompt.point(64, 48)])
        rows, columns = session.embedding.geometry.axis_weights()
        full = rows @ mask.logits @ columns.T
        stability = (full > 0.7).sum() / (full > -0.7).sum()
        assert 0.8 < stability < 0.97
        settings = {"stability_score_offset": 0.7, "points_per_side": 1}
        assert len(session.everything(Prompt.everything(stability_score_thresh=float(stability), **settings))) == 1
        assert len(session.everything(Prompt.everything(stability_score_thresh=stability - 1e-6, **settings))) == 1
        assert len(session.everything(Prompt.everything(stability_score_thresh=stability + 1e-6, **settings))) == 0

    def test_of_duplicates_the_best_is_kept(self, disc_sam):
        class Snapping(disc_sam):
            def predict(self, embedding, points, labels):
                _, logits = super().predict(embedding, np.array([[128.0, 96.0], [0, 0]]), labels)
                return (0, 0, 0.9 + points[0, 0] / 1e4 - points[0, 1] / 1e5, 0), logits

        (mask,) = everything(Snapping(sharpness=8.0), 2)
        assert mask.score == pytest.approx(0.9 + 192 / 1e4 - 48 / 1e5)
        assert len(everything(Snapping(sharpness=8.0), 2, box_nms_thresh=1)) == 4

    def test_boxes_that_overlap_less_than_the_threshold_are_no_duplicates(self, disc_sam):
        grid = {"point_grid": [[0.5, 0.5], [0.5 + 5 / 128, 0.5]]}  # Five pixels apart, twenty wide: an IoU of 15/25.
        assert len(everything(disc_sam(**ONE_A_POINT), **grid, box_nms_thresh=0.7)) == 2
        assert len(everything(disc_sam(**ONE_A_POINT), **grid, box_nms_thresh=0.5)) == 1


RAGGED = {"point_grid": [[0.5, 0.5]], "stability_score_thresh": 0.5}


class TestSmallRegions:
    @pytest.fixture
    def ragged(self, disc_sam):
        """Discs with a hole of about a dozen pixels and an island as large."""

        class Ragged(disc_sam):
            def predict(self, embedding, points, labels):
                scores, logits = super().predict(embedding, points, labels)
                column, row = (points[0] // 4).astype(int)
                logits[:, row : row + 2, column : column + 2] = -8
                logits[:, row : row + 2, 1:3] = 8
                return scores, logits

        return Ragged(**ONE_A_POINT, radii=(32,) * 4)

    def test_by_default_holes_and_islands_stay(self, ragged):
        assert [parts(mask) for mask in everything(ragged, **RAGGED)] == [(2, 1)]

    def test_those_smaller_than_the_limit_are_removed(self, ragged):
        (mask,) = everything(ragged, **RAGGED, min_mask_region_area=40)
        assert parts(mask) == (1, 0)
        assert mask.array[48, 64]
        assert mask.score == pytest.approx(0.93)
        assert mask.area == pytest.approx(np.pi * 16**2, rel=0.03)

    def test_those_larger_than_the_limit_stay(self, ragged):
        assert [parts(mask) for mask in everything(ragged, **RAGGED, min_mask_region_area=3)] == [(2, 1)]

    def test_of_masks_that_become_duplicates_the_one_that_needed_no_change_stays(self, disc_sam):
        class SometimesRagged(disc_sam):
            def predict(self, embedding, points, labels):
                _, logits = super().predict(embedding, np.array([[128.0, 96.0], [0, 0]]), labels)
                if points[0, 0] < 128:
                    logits[:, 20:22, 1:3] = 8
                    return (0, 0, 0.97, 0), logits
                return (0, 0, 0.91, 0), logits

        settings = {"point_grid": [[0.25, 0.5], [0.75, 0.5]], "stability_score_thresh": 0.5}
        assert everything(SometimesRagged(sharpness=8.0), **settings).scores.tolist() == pytest.approx([0.97, 0.91])
        cleaned = everything(SometimesRagged(sharpness=8.0), **settings, min_mask_region_area=40)
        assert cleaned.scores.tolist() == pytest.approx([0.91])


class TestCrops:
    SIZE = (200, 200)
    RADIUS = 25.6  # Pixels of the model input: 20 pixels of the image, 10 of a crop of a quarter.
    CORNERS = ((25, 25), (25, 175), (175, 25), (175, 175))
    MIDDLES = ((50, 50), (50, 150), (150, 50), (150, 150))

    def test_each_crop_is_encoded_and_its_masks_lie_where_the_crop_does(self, disc_sam):
        model = disc_sam(**ONE_A_POINT, radii=(self.RADIUS,) * 4)
        masks = everything(model, 2, size=self.SIZE, crop_n_layers=1, crop_overlap_ratio=0, crop_n_points_downscale_factor=2)
        assert model.encoded == [(200, 200, 3)] + [(100, 100, 3)] * 4
        assert sorted(centers(masks)) == sorted(self.MIDDLES * 2)
        small, large = (masks.where(masks.areas < 600), masks.where(masks.areas >= 600))
        assert sorted(centers(small)) == sorted(centers(large)) == list(self.MIDDLES)
        assert small.areas.tolist() == pytest.approx([np.pi * 10**2] * 4, rel=0.05)
        assert large.areas.tolist() == pytest.approx([np.pi * 20**2] * 4, rel=0.05)

    def test_a_mask_cut_by_the_edge_of_its_crop_is_dropped_unless_the_image_ends_there(self, disc_sam):
        model = disc_sam(**ONE_A_POINT, radii=(self.RADIUS,) * 4)
        masks = everything(model, 2, size=self.SIZE, crop_n_layers=1, crop_overlap_ratio=0)
        small = masks.where(masks.areas < 600)
        assert sorted(centers(small)) == list(self.CORNERS)

    def test_crops_overlap_by_their_share_of_the_shorter_side(self, disc_sam):
        model = disc_sam(**ONE_A_POINT)
        everything(model, 1, size=(100, 300), crop_n_layers=2, crop_overlap_ratio=0.4)
        assert model.encoded[1:5] == [(70, 170, 3)] * 4
        assert len(model.encoded) == 1 + 4 + 16

    def test_a_crop_shows_its_own_part_of_the_image(self, disc_sam):
        class Looking(disc_sam):
            def encode(self, images):
                self.seen = [*getattr(self, "seen", []), *(image.copy() for image in images)]
                return super().encode(images)

        image = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
        model = Looking()
        everything(model, 1, image=image, crop_n_layers=1, crop_overlap_ratio=0)
        quarters = [image[:40, :60], image[40:, :60], image[:40, 60:], image[40:, 60:]]
        assert all(np.array_equal(seen, quarter) for seen, quarter in zip(model.seen[1:], quarters, strict=True))

    @pytest.fixture
    def white_square(self, disc_sam):
        """A model that segments white pixels, with a higher score in the whole image than in a crop, and an image with a white square."""

        class White(disc_sam):
            def encode(self, images):
                super().encode(images)
                return [self.look(image) for image in images]

            def look(self, image):
                geometry = self.geometry(image.shape[:2])
                padded = np.zeros((self.input_size, self.input_size), np.float32)
                resized = geometry.resize(image)[..., 0]
                padded[: resized.shape[0], : resized.shape[1]] = resized
                cells = padded.reshape(self.low_res, 4, self.low_res, 4).mean(axis=(1, 3))
                return Embedding({"white": cells / 16 - 8, "side": np.array([image.shape[0]], np.float32)}, geometry)

            def predict(self, embedding, points, labels):
                score = 0.9 if embedding.features["side"][0] == 200 else 0.6
                return (0, 0, score, 0), np.repeat(embedding.features["white"][None], 4, axis=0)

        image = blank((200, 200))
        image[30:70, 30:70] = 255
        return White(), image

    def test_of_duplicates_the_one_from_the_smaller_crop_is_kept_for_any_score(self, white_square):
        model, image = white_square
        settings = {"pred_iou_thresh": 0.5, "stability_score_thresh": 0.8}
        (whole,) = everything(model, 2, image=image, **settings)
        assert whole.score == pytest.approx(0.9)
        (cropped,) = everything(model, 2, image=image, crop_n_layers=1, crop_overlap_ratio=0, **settings)
        assert cropped.score == pytest.approx(0.6)
        assert np.abs(cropped.box - (30, 30, 70, 70)).max() <= 1
        both = everything(model, 2, image=image, crop_n_layers=1, crop_overlap_ratio=0, crop_nms_thresh=1, **settings)
        assert both.scores.tolist() == pytest.approx([0.9, 0.6])
