"""Superpixels: selection by prompts, scores, and refusals."""

import numpy as np
import pytest

import promptseg
from promptseg.backends import superpixel
from promptseg.errors import ConfigError, PromptError, WeightsNotFoundError
from promptseg.masks import Mask
from promptseg.prompts import Prompt

pytest.importorskip("skimage", reason="superpixels need scikit-image")

SIZE = (120, 200)
LEFT = np.zeros(SIZE, bool)
LEFT[:, :130] = True


@pytest.fixture
def two_colors():
    """An image of two uniform colors; the left one covers `LEFT`."""
    image = np.full((*SIZE, 3), (20, 60, 210), np.uint8)
    image[LEFT] = (200, 40, 30)
    return image


def segment(image, *prompts, **options):
    return promptseg.load("superpixel", **options).open(image).segment(list(prompts))


def test_the_superpixel_under_a_point_stays_on_its_side_of_an_edge(two_colors):
    left, right = segment(two_colors, Prompt.point(128, 60), Prompt.point(131, 60))
    assert left.array[60, 128]
    assert right.array[60, 131]
    assert not (left.array & ~LEFT).any()
    assert not (right.array & LEFT).any()


def test_foreground_points_gather_their_superpixels(two_colors):
    y, x = np.mgrid[2 : SIZE[0] : 4, 2:130:4]
    everywhere_left = Prompt.points(np.stack([x.ravel(), y.ravel()], axis=1))
    assert segment(two_colors, everywhere_left)[0].iou(Mask.from_array(LEFT)) > 0.99


def test_a_box_gathers_the_superpixels_of_which_more_than_half_lies_inside_it(two_colors):
    superpixels = segment_everything(two_colors)
    box = np.zeros(SIZE, bool)
    box[15:100, 33:177] = True
    expected = np.zeros(SIZE, bool)
    for superpixel_mask in superpixels:
        if (superpixel_mask.array & box).sum() > superpixel_mask.area / 2:
            expected |= superpixel_mask.array
    (mask,) = segment(two_colors, Prompt.box(33, 15, 177, 100))
    assert np.array_equal(mask.array, expected)
    assert mask.iou(Mask.from_array(box)) > 0.8


def test_a_box_around_a_color_finds_it(two_colors):
    assert segment(two_colors, Prompt.box(0, 0, 130, 120))[0] == Mask.from_array(LEFT)


def test_a_box_smaller_than_any_superpixel_gives_an_empty_mask_with_score_zero(two_colors):
    (mask,) = segment(two_colors, Prompt.box(50, 50, 51, 51))
    assert (mask.area, mask.score) == (0, 0.0)


def test_a_background_point_takes_its_superpixel_from_a_box(two_colors):
    whole, less, superpixel_mask = segment(
        two_colors,
        Prompt.box(0, 0, 130, 120),
        Prompt.box(0, 0, 130, 120) + Prompt.point(60, 60, foreground=False),
        Prompt.point(60, 60),
    )
    assert np.array_equal(less.array, whole.array & ~superpixel_mask.array)


def test_a_foreground_point_adds_its_superpixel_to_a_box(two_colors):
    box, more, superpixel_mask = segment(
        two_colors, Prompt.box(0, 0, 130, 120), Prompt.box(0, 0, 130, 120) + Prompt.point(190, 60), Prompt.point(190, 60)
    )
    assert np.array_equal(more.array, box.array | superpixel_mask.array)


def test_a_background_point_wins_over_a_foreground_point_on_the_same_superpixel(two_colors):
    assert segment(two_colors, Prompt.points([(60, 60), (60, 60)], [True, False]))[0].area == 0


def test_background_points_alone_give_an_empty_mask(two_colors):
    assert segment(two_colors, Prompt.point(60, 60, foreground=False))[0].area == 0


def test_every_pixel_belongs_to_one_superpixel(photo):
    everything = segment_everything(photo(97, 143))
    assert everything.areas.sum() == 97 * 143
    assert everything.union().area == 97 * 143


def test_more_segments_give_more_superpixels(photo):
    assert len(segment_everything(photo(), n_segments=20)) < len(segment_everything(photo(), n_segments=200))


def test_compactness_makes_superpixels_squarer(photo):
    def roughness(compactness):
        masks = segment_everything(photo(), n_segments=40, compactness=compactness)
        boxes = masks.boxes
        return np.mean(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / masks.areas)

    assert roughness(100.0) < roughness(1.0)


def test_a_flat_superpixel_on_another_color_scores_near_one():
    image = np.full((80, 80, 3), 20, np.uint8)
    image[20:60, 20:60] = (250, 240, 30)
    assert segment(image, Prompt.box(20, 20, 60, 60))[0].score > 0.95


def test_part_of_a_flat_ground_scores_near_zero():
    flat = np.random.default_rng(0).integers(100, 103, (80, 80, 3), dtype=np.uint8)
    assert segment(flat, Prompt.point(40, 40))[0].score < 0.2


def test_the_whole_image_has_no_surroundings_and_scores_zero(photo):
    (mask,) = segment(photo(), Prompt.box(0, 0, 160, 120))
    assert (mask.area, mask.score) == (120 * 160, 0.0)


def test_a_mask_of_two_colors_scores_less_than_either(two_colors):
    image = np.pad(two_colors, ((30, 30), (30, 30), (0, 0)), constant_values=230)
    left, right, both = segment(image, Prompt.box(30, 30, 160, 150), Prompt.box(160, 30, 230, 150), Prompt.box(30, 30, 230, 150))
    assert both.score < min(left.score, right.score)


@pytest.mark.parametrize(("height", "width"), [(300, 500), (301, 499), (64, 1000), (1000, 3)])
def test_a_large_image_is_cut_on_a_copy_and_answered_at_its_own_size(monkeypatch, height, width):
    monkeypatch.setattr(superpixel, "MAX_SIDE", 100)
    image = np.full((height, width, 3), (20, 60, 210), np.uint8)
    image[: height // 2] = (200, 40, 30)
    session = promptseg.load("superpixel", n_segments=60).open(image)
    assert max(session.superpixels.labels.shape) == 100
    everything = session.everything()
    assert everything.areas.sum() == height * width
    assert everything.union().area == height * width
    upper = np.zeros((height, width), bool)
    upper[: height // 2] = True
    (mask,) = session.segment([Prompt.box(0, 0, width, height // 2)])
    assert mask.iou(Mask.from_array(upper)) > 0.95


def test_the_share_of_a_superpixel_in_a_box_is_counted_in_pixels_of_the_image(monkeypatch):
    monkeypatch.setattr(superpixel, "MAX_SIDE", 40)
    image = np.random.default_rng(3).integers(0, 256, (130, 170, 3), dtype=np.uint8)
    session = promptseg.load("superpixel", n_segments=30).open(image)
    box = np.zeros((130, 170), bool)
    box[21:88, 35:121] = True
    expected = np.zeros((130, 170), bool)
    for superpixel_mask in session.everything():
        if (superpixel_mask.array & box).sum() > superpixel_mask.area / 2:
            expected |= superpixel_mask.array
    assert np.array_equal(session.segment([Prompt.box(35, 21, 121, 88)])[0].array, expected)


def test_a_mask_prompt_is_refused_with_what_is_taken(two_colors):
    with pytest.raises(PromptError, match=r"prompt 1 is Prompt\.mask.*point, box or everything"):
        segment(two_colors, Prompt.point(1, 1), Prompt.mask(LEFT))


@pytest.mark.parametrize("value", [0, -3, 2.5, "many", True, None])
def test_an_impossible_number_of_segments_is_refused_with_its_value(value):
    with pytest.raises(ConfigError, match=f"n_segments.*{value!r}"):
        promptseg.load("superpixel", n_segments=value)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "round", True])
def test_an_impossible_compactness_is_refused_with_its_value(value):
    with pytest.raises(ConfigError, match=f"compactness.*{value!r}"):
        promptseg.load("superpixel", compactness=value)


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"'n_segment'.*Did you mean 'n_segments'"):
        promptseg.load("superpixel", n_segment=5)


def test_a_gpu_is_refused():
    with pytest.raises(ConfigError, match="'cuda'"):
        promptseg.load("superpixel", device="cuda")


def test_weights_are_refused_with_their_path(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights")
    with pytest.raises(ConfigError, match=r"no weights.*weights\.pt"):
        promptseg.load("superpixel", weights=path)


def test_a_folder_of_weights_is_refused(tmp_path):
    with pytest.raises(WeightsNotFoundError):
        promptseg.load("superpixel", weights=tmp_path)


def test_the_provenance_says_that_there_are_no_weights():
    provenance = promptseg.load("superpixel").provenance
    assert (provenance.model, provenance.backend, dict(provenance.weights)) == ("superpixel", "superpixel", {})
    assert provenance.version.startswith("scikit-image ")


def segment_everything(image, **options):
    return promptseg.load("superpixel", **options).open(image).everything()
