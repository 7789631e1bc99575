"""SAM 2 on the torch engine gives the masks of sam2's own predictor and mask generator, with random weights."""

import copy
import warnings

import numpy as np
import pytest

import promptseg
from promptseg.masks import Mask, Masks
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from torch_sam_models import TINY_SAM2

torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
pytest.importorskip("sam2", reason="sam2's own code is not installed")

from promptseg.models.sam.torch.model import TorchSettings  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.sam2 import TorchSam2  # noqa: E402

TOLERANCE = 1e-4
CPU = torch.device("cpu")
NARROW = tuple(change for change in TINY_SAM2 if "image_size" not in change)
SIZE = (120, 160)
POINT, ALSO, BESIDE, BOX = (40, 50), (52.5, 61.25), (100, 20), (20, 24, 90.5, 80)
PROMPTS = {
    "point": (Prompt.point(*POINT), {"point_coords": [POINT], "point_labels": [1]}),
    "points": (Prompt.point(*POINT) + Prompt.point(*ALSO), {"point_coords": [POINT, ALSO], "point_labels": [1, 1]}),
    "points with background": (
        Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False),
        {"point_coords": [POINT, BESIDE], "point_labels": [1, 0]},
    ),
    "box": (Prompt.box(*BOX), {"box": BOX}),
    "box and point": (Prompt.box(*BOX) + Prompt.point(*POINT), {"box": BOX, "point_coords": [POINT], "point_labels": [1]}),
    "box and background": (
        Prompt.box(*BOX) + Prompt.point(*BESIDE, foreground=False),
        {"box": BOX, "point_coords": [BESIDE], "point_labels": [0]},
    ),
}


def make_predictor(sam2):
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of torch.jit.script, which it uses.
        predictor = SAM2ImagePredictor(sam2)
    grid = sam2.image_size // sam2.backbone_stride
    predictor._bb_feat_sizes = [(4 * grid, 4 * grid), (2 * grid, 2 * grid), (grid, grid)]  # It knows those of 1024 pixels alone.
    return predictor


def make_segmenter(sam2, dtype=torch.float32, **arguments):
    return SamSegmenter(TorchSam2(copy.deepcopy(sam2), Provenance("tiny-sam2", "sam2", "1"), TorchSettings(CPU, dtype)), **arguments)


@pytest.fixture(scope="module")
def upstream(tiny_sam2):
    return tiny_sam2(seed=1)


@pytest.fixture(scope="module")
def predictor(upstream, photo):
    predictor = make_predictor(upstream)
    predictor.set_image(photo(*SIZE))
    return predictor


@pytest.fixture(scope="module")
def segmenter(upstream):
    return make_segmenter(upstream)


@pytest.fixture(scope="module")
def session(segmenter, photo):
    return segmenter.open(photo(*SIZE))


def predict(predictor, multimask, **arguments):
    """Return the masks, scores and low-resolution logits of the original predictor."""
    arguments = {name: np.array(value) for name, value in arguments.items()}
    return predictor.predict(**arguments, multimask_output=multimask)


def iou(one, other):
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def assert_equal(masks, upstream, tolerance=TOLERANCE):
    pixels, scores, logits = upstream
    assert len(masks) == len(pixels)
    assert logits.std() > 0.1  # Or any answer would do.
    assert np.abs(np.array([mask.logits for mask in masks]) - logits).max() < tolerance
    assert np.abs(masks.scores - scores).max() < TOLERANCE
    assert all(iou(mask.array, expected.astype(bool)) >= 0.999 for mask, expected in zip(masks, pixels, strict=True))


def gave_way(predictor, **arguments):
    """Return whether the original predictor selects the best of the three masks instead of the single one."""
    _, _, (single,) = predict(predictor, multimask=False, **arguments)
    _, scores, logits = predict(predictor, multimask=True, **arguments)
    return np.array_equal(single, logits[np.argmax(scores)])


class TestEncoder:
    NAMES = ("embedding", "high_res_0", "high_res_1")

    def features(self, predictor, index=slice(None)):
        return [level[index].numpy() for level in (predictor._features["image_embed"], *predictor._features["high_res_feats"])]

    @pytest.mark.parametrize("size", [(120, 160), (160, 120), (128, 128), (50, 333), (700, 500)], ids=str)
    def test_features_of_three_resolutions_are_upstreams(self, upstream, segmenter, photo, size):
        predictor = make_predictor(upstream)
        predictor.set_image(photo(*size))
        found = segmenter.open(photo(*size)).embedding.features
        assert tuple(found) == self.NAMES
        for name, expected in zip(self.NAMES, self.features(predictor), strict=True):
            assert found[name].dtype == np.float32
            assert found[name].shape == expected.shape
            assert np.abs(found[name] - expected).max() < 2e-5

    def test_images_encoded_together_are_upstreams_batch_and_each_as_alone(self, upstream, segmenter, photo):
        images = [photo(120, 160), photo(90, 40, seed=3), photo(64, 64, seed=4)]
        predictor = make_predictor(upstream)
        predictor.set_image_batch(images)
        model = copy.copy(segmenter.model)
        model._encode_batch = 3
        for index, (together, image) in enumerate(zip(model.encode(images), images, strict=True)):
            alone = segmenter.model.encode([image])[0]
            assert together.geometry == alone.geometry
            for name, expected in zip(self.NAMES, self.features(predictor, slice(index, index + 1)), strict=True):
                assert together.features[name].shape == alone.features[name].shape == expected.shape
                assert np.abs(together.features[name] - alone.features[name]).max() < 2e-5
                assert np.abs(together.features[name] - expected).max() < 2e-5

    @pytest.mark.parametrize("generation", ["2", "2.1"])
    def test_both_generations_answer_as_upstream(self, tiny_sam2, photo, generation):
        sam2 = tiny_sam2(seed=3, generation=generation)
        predictor = make_predictor(sam2)
        predictor.set_image(photo())
        prompt, arguments = PROMPTS["box and point"]
        assert_equal(make_segmenter(sam2).open(photo()).segment([prompt], candidates=True), predict(predictor, True, **arguments))


class TestPredictor:
    @pytest.mark.parametrize("kind", PROMPTS)
    def test_candidates_are_upstreams(self, session, predictor, kind):
        prompt, arguments = PROMPTS[kind]
        assert_equal(session.segment([prompt], candidates=True), predict(predictor, multimask=True, **arguments))

    @pytest.mark.parametrize("kind", [kind for kind in PROMPTS if kind != "point"])
    def test_the_answer_to_a_prompt_for_one_object_is_upstreams(self, session, predictor, kind):
        prompt, arguments = PROMPTS[kind]
        assert_equal(session.segment([prompt]), predict(predictor, multimask=False, **arguments))

    def test_a_single_point_is_answered_by_the_best_of_upstreams_candidates(self, session, predictor):
        prompt, arguments = PROMPTS["point"]
        masks, scores, logits = predict(predictor, multimask=True, **arguments)
        best = [int(np.argmax(scores))]
        assert_equal(session.segment([prompt]), (masks[best], scores[best], logits[best]))

    @pytest.mark.parametrize("multimask", [True, False])
    @pytest.mark.parametrize("kind", [kind for kind in PROMPTS if kind != "point"])
    def test_an_earlier_mask_is_refined_as_upstream_does(self, session, predictor, kind, multimask):
        prompt, arguments = PROMPTS[kind]
        _, scores, logits = predict(predictor, multimask=True, **PROMPTS["point"][1])
        earlier = logits[np.argmax(scores)]
        expected = predict(predictor, multimask, **arguments, mask_input=earlier[None])
        without = predict(predictor, multimask, **arguments)
        assert np.abs(expected[2] - without[2]).max() > 100 * TOLERANCE
        assert_equal(session.segment([prompt + Prompt.mask(earlier)], candidates=multimask), expected)

    def test_an_unstable_mask_gives_way_where_upstreams_does(self, session, predictor):
        both = set()
        for points in np.random.default_rng(0).uniform((0, 0), (159, 119), (20, 2, 2)).astype(np.float32):
            arguments = {"point_coords": points, "point_labels": [1, 0]}
            both.add(gave_way(predictor, **arguments))
            prompt = Prompt.points(points, [True, False])
            assert_equal(session.segment([prompt]), predict(predictor, multimask=False, **arguments))
        assert both == {True, False}

    def test_without_upstreams_rule_the_single_mask_always_answers(self, tiny_sam2, photo):
        sam2 = tiny_sam2(seed=1, spread=0.05)
        predictor = make_predictor(sam2)
        predictor.set_image(photo())
        prompt, arguments = PROMPTS["box"]
        assert gave_way(predictor, **arguments)
        sam2.sam_mask_decoder.dynamic_multimask_via_stability = False
        expected = predict(predictor, multimask=False, **arguments)
        assert not gave_way(predictor, **arguments)
        assert_equal(make_segmenter(sam2).open(photo()).segment([prompt]), expected)
        sam2.sam_mask_decoder.dynamic_multimask_via_stability = True
        assert_equal(make_segmenter(sam2, rule="single").open(photo()).segment([prompt]), expected)

    def test_many_boxes_in_one_call_are_upstreams(self, session, predictor):
        corners = np.random.default_rng(2).uniform((0, 0), (159, 119), (7, 2, 2)).astype(np.float32)
        boxes = np.sort(corners, axis=1).reshape(-1, 4)
        masks, scores, logits = predict(predictor, multimask=False, box=boxes)
        found = session.segment([Prompt.box(*box) for box in boxes.tolist()])
        assert_equal(found, (masks[:, 0], scores[:, 0], logits[:, 0]))

    def test_several_images_are_upstreams_batch(self, upstream, segmenter, photo):
        images = [photo(120, 160), photo(90, 40, seed=3)]
        predictor = make_predictor(upstream)
        predictor.set_image_batch(images)
        points = [np.array([[40, 50], [30, 20]]), np.array([[10, 70], [30, 20]])]
        expected = predictor.predict_batch(points, [np.array([1, 0])] * 2, multimask_output=False)
        for image, xy, *answer in zip(images, points, *expected, strict=True):
            assert_equal(segmenter.open(image).segment([Prompt.points(xy, [True, False])]), answer)

    def test_logits_that_are_given_out_stay_within_upstreams_bounds(self, tiny_sam2, photo):
        sam2 = tiny_sam2(seed=1, spread=0.12)
        predictor = make_predictor(sam2)
        predictor.set_image(photo())
        prompt, arguments = PROMPTS["point"]
        expected = predict(predictor, multimask=True, **arguments)
        assert np.abs(expected[2]).max() == 32
        # Logits reach far beyond the bounds here, and with them float32's rounding.
        assert_equal(make_segmenter(sam2).open(photo()).segment([prompt], candidates=True), expected, tolerance=2e-3)

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.1), (torch.float16, 0.02)], ids=str)
    def test_lower_precision_stays_close(self, upstream, predictor, photo, dtype, tolerance):
        prompt, arguments = PROMPTS["box and point"]
        _, scores, logits = predict(predictor, multimask=True, **arguments)
        found = make_segmenter(upstream, dtype).open(photo()).segment([prompt], candidates=True)
        difference = np.abs(np.array([mask.logits for mask in found]) - logits).max()
        assert 0 < difference < tolerance * np.abs(logits).max()
        assert np.abs(found.scores - scores).max() < tolerance


class TestEverything:
    @pytest.mark.parametrize(
        ("seed", "points_per_side", "nms", "layers"), [(4, 12, 0.98, 0), (1, 8, 0.95, 1)], ids=["whole image", "in crops"]
    )
    def test_it_finds_the_masks_of_upstreams_generator(self, tiny_sam2, photo, seed, points_per_side, nms, layers):
        from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

        settings = {
            "pred_iou_thresh": 0.3,
            "stability_score_thresh": 0.8,
            "box_nms_thresh": nms,
            "crop_nms_thresh": nms,
            "crop_n_layers": layers,
        }
        sam2 = tiny_sam2(seed=seed, spread=0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of torch.jit.script, which it uses.
            generator = SAM2AutomaticMaskGenerator(sam2, points_per_side, points_per_batch=16, **settings)
        generator.predictor = make_predictor(sam2)
        found = generator.generate(photo(*SIZE))
        expected = Masks([Mask.from_array(entry["segmentation"], score=entry["predicted_iou"]) for entry in found])
        masks = make_segmenter(sam2).open(photo(*SIZE)).everything(Prompt.everything(points_per_side, **settings))
        assert len(expected) > 10
        overlap = masks.iou_matrix(expected)
        assert (overlap.max(axis=0) >= 0.98).mean() >= 0.99
        assert (overlap.max(axis=1) >= 0.98).mean() >= 0.99
        assert masks.scores == pytest.approx(expected.scores[overlap.argmax(axis=1)], abs=1e-3)

    def test_the_defaults_are_those_of_upstreams_generator(self, upstream, segmenter):
        from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            generator = SAM2AutomaticMaskGenerator(upstream)
        settings = Prompt.everything()
        assert settings.pred_iou_thresh is None
        assert segmenter.model.decoder_config.pred_iou_thresh == generator.pred_iou_thresh
        for name in ("stability_score_thresh", "stability_score_offset", "box_nms_thresh", "crop_nms_thresh", "crop_overlap_ratio"):
            assert getattr(settings, name) == pytest.approx(getattr(generator, name)), name


class TestFullInputSize:
    """SAM 2.1 tiny with an input of 1024 pixels, narrow and whole, with random weights, loaded from a checkpoint with `promptseg.load`."""

    @pytest.fixture(scope="class", params=["narrow", pytest.param("whole", marks=pytest.mark.full_size)])
    @staticmethod
    def both(request, tiny_sam2, tmp_path_factory, photo):
        from promptseg.backends import sam2 as backend
        from promptseg.models.sam.torch import checkpoints

        made = {"spread": 0.02, "changes": NARROW if request.param == "narrow" else ()}
        sam2 = tiny_sam2(**made)
        path = tmp_path_factory.mktemp("weights") / "sam2.1_hiera_tiny.pt"
        torch.save({"model": sam2.state_dict()}, path)
        image = photo(300, 400)
        predictor = make_predictor(sam2)
        predictor.set_image(image)
        with pytest.MonkeyPatch.context() as patch:
            if request.param == "narrow":
                patch.setattr(backend, "build_image_model", lambda _: tiny_sam2(**made, seed=1))
                patch.setattr(checkpoints, "variant_of", lambda _: "sam2.1_hiera_t")
            segmenter = promptseg.load("sam2.1-hiera-tiny", weights=path, device="cpu", cache=None)
        return segmenter.open(image), predictor

    @pytest.mark.parametrize("multimask", [True, False])
    def test_its_answers_are_upstreams(self, both, multimask):
        session, predictor = both
        for kind in ("points with background", "box", "box and point"):
            prompt, arguments = PROMPTS[kind]
            assert_equal(session.segment([prompt], candidates=multimask), predict(predictor, multimask, **arguments))

    def test_its_answer_to_an_earlier_mask_is_upstreams(self, both):
        session, predictor = both
        prompt, arguments = PROMPTS["box"]
        _, _, earlier = predict(predictor, multimask=False, **PROMPTS["points"][1])
        expected = predict(predictor, multimask=True, **arguments, mask_input=earlier)
        assert_equal(session.segment([prompt + Prompt.mask(earlier[0])], candidates=True), expected)
