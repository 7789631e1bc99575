"""SAM-HQ by its authors' checkpoints gives the masks of their own code, and those of a folder of transformers with the same weights."""

import numpy as np
import pytest

import promptseg
from promptseg.masks import Mask, Masks
from promptseg.prompts import Prompt

torch = pytest.importorskip("torch", reason="SAM-HQ's own code needs torch")

from promptseg.backends import sam_hq  # noqa: E402 - They need torch.
from promptseg.models.sam.torch import checkpoints  # noqa: E402

TOLERANCE = 1e-4
POINT, ALSO, BOX = (40, 50), (100, 20), (20, 24, 90, 80)
POINTS = {"point_coords": np.array([POINT, ALSO]), "point_labels": np.array([1, 0])}
GIVEN = {
    "point": (Prompt.point(*POINT), {"point_coords": np.array([POINT]), "point_labels": np.array([1])}, True),
    "points": (Prompt.point(*POINT) + Prompt.point(*ALSO, foreground=False), POINTS, False),
    "box": (Prompt.box(*BOX), {"box": np.array(BOX)}, False),
    "box and points": (
        Prompt.box(*BOX) + Prompt.point(*POINT) + Prompt.point(*ALSO, foreground=False),
        {"box": np.array(BOX), **POINTS},
        False,
    ),
}
"""Prompts, the same for upstream's predictor, and whether the prompt is ambiguous."""


@pytest.fixture(scope="module")
def model(tiny_sam_hq):
    return tiny_sam_hq(seed=4)


@pytest.fixture(scope="module")
def load_checkpoint(tiny_sam_hq, tmp_path_factory):
    """A function that loads the weights of a tiny model by the name of a published one: ``load_checkpoint(variant, model, **options)``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sam_hq, "_build", lambda variant: tiny_sam_hq(seed=5, light=variant == "vit_tiny"))
        patch.setattr(checkpoints, "VARIANTS", {32: "vit_b"})

        def load(variant, model, **options):
            path = tmp_path_factory.mktemp("weights") / f"sam_hq_{variant}.pth"
            torch.save(model.state_dict(), path)
            return promptseg.load_segmenter(f"sam-hq-{variant.replace('_', '-')}={path}", device="cpu", **options)

        yield load


def predictor_of(model, image):
    """Return upstream's predictor with an image."""
    from segment_anything_hq import SamPredictor

    predictor = SamPredictor(model)
    predictor.set_image(image)
    return predictor


@pytest.fixture(scope="module")
def predictor(model, photo):
    return predictor_of(model, photo())


@pytest.fixture(scope="module")
def session(load_checkpoint, model, photo):
    return load_checkpoint("vit_b", model).open(photo())


@pytest.fixture(scope="module")
def alone(load_checkpoint, model, photo):
    """A session whose masks are those of the high-quality token alone."""
    return load_checkpoint("vit_b", model, hq_token_only=True).open(photo())


def check(mask, expected, geometry):
    """Compare a mask with the one that upstream's predictor gives, on the part of the logits that the image covers."""
    (array,), (score,), (logits,) = expected
    rows, columns = geometry.low_res_content_size()
    assert mask.score == pytest.approx(float(score), abs=TOLERANCE)
    np.testing.assert_allclose(mask.logits[:rows, :columns], logits[:rows, :columns], atol=TOLERANCE)
    assert np.count_nonzero(mask.array != array) <= 1
    assert 0 < np.count_nonzero(array) < array.size


def check_features(session, predictor):
    decoder = predictor.model.mask_decoder
    with torch.inference_mode():
        tokens = predictor.interm_features[0].permute(0, 3, 1, 2)
        features = decoder.embedding_encoder(predictor.features) + decoder.compress_vit_feat(tokens)
    for name, expected in (("embedding", predictor.features), ("hq", features)):
        np.testing.assert_allclose(session.embedding.features[name], expected.numpy(), atol=TOLERANCE)


def test_features_are_upstreams(session, predictor):
    check_features(session, predictor)


def test_the_light_model_has_upstreams_features_and_masks(load_checkpoint, tiny_sam_hq, photo):
    model = tiny_sam_hq(seed=4, light=True)
    session, predictor = load_checkpoint("vit_tiny", model).open(photo()), predictor_of(model, photo())
    check_features(session, predictor)
    for given in ("point", "box and points"):
        prompt, arguments, ambiguous = GIVEN[given]
        (found,) = session.segment([prompt])
        check(found, predictor.predict(**arguments, multimask_output=ambiguous), session.embedding.geometry)


@pytest.mark.parametrize("given", GIVEN)
def test_points_and_boxes_give_upstreams_mask(given, session, predictor):
    prompt, arguments, ambiguous = GIVEN[given]
    (found,) = session.segment([prompt])
    check(found, predictor.predict(**arguments, multimask_output=ambiguous), session.embedding.geometry)


@pytest.mark.parametrize("given", GIVEN)
def test_the_best_candidate_is_what_upstream_calls_several_masks(given, session, predictor):
    prompt, arguments, _ = GIVEN[given]
    found = session.segment([prompt], candidates=True)
    assert len(found) == 3
    best = found[int(np.argmax(found.scores))]
    check(best, predictor.predict(**arguments, multimask_output=True), session.embedding.geometry)


@pytest.mark.parametrize("given", ["points", "box"])
def test_a_mask_that_is_refined_is_upstreams(given, session, predictor):
    prompt, arguments, _ = GIVEN[given]
    logits = predictor.predict(**arguments, multimask_output=False)[2]
    (found,) = session.segment([Prompt.mask(logits[0]) + prompt])
    check(found, predictor.predict(**arguments, mask_input=logits, multimask_output=False), session.embedding.geometry)


@pytest.mark.parametrize("given", GIVEN)
def test_the_high_quality_mask_alone_is_upstreams(given, alone, predictor):
    prompt, arguments, ambiguous = GIVEN[given]
    (found,) = alone.segment([prompt])
    check(found, predictor.predict(**arguments, multimask_output=ambiguous, hq_token_only=True), alone.embedding.geometry)


def test_everything_finds_upstreams_masks_and_no_others(session, model, photo):
    from segment_anything_hq import SamAutomaticMaskGenerator

    settings = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    generator = SamAutomaticMaskGenerator(model, points_per_side=4, **settings)
    theirs = generator.generate(photo())
    expected = Masks([Mask.from_array(entry["segmentation"], score=entry["predicted_iou"]) for entry in theirs])
    found = session.everything(Prompt.everything(4, **settings))
    assert len(found) == len(expected) > 0
    overlap = found.iou_matrix(expected)
    assert overlap.max(axis=0).min() > 0.99
    assert overlap.max(axis=1).min() > 0.99
    assert sorted(found.scores) == pytest.approx(sorted(expected.scores), abs=TOLERANCE)


def test_a_checkpoint_and_a_folder_with_the_same_weights_give_the_same_masks(
    load_checkpoint, tiny_sam_hq, sam_hq_config, saved_as_transformers, photo
):
    model = tiny_sam_hq(seed=6)
    folder = saved_as_transformers("SamHQModel", sam_hq_config, model.state_dict())
    one = load_checkpoint("vit_b", model).open(photo())
    other = promptseg.load_segmenter("sam-hq-vit-b", weights=folder, device="cpu").open(photo())
    assert (one.segmenter.provenance.backend, other.segmenter.provenance.backend) == ("sam_hq", "hf_sam")
    for name, expected in other.embedding.features.items():
        np.testing.assert_allclose(one.embedding.features[name], expected, atol=TOLERANCE)
    prompts = [prompt for prompt, *_ in GIVEN.values()]
    for candidates in (False, True):
        found, expected = (each.segment(prompts, candidates=candidates) for each in (one, other))
        np.testing.assert_allclose(found.scores, expected.scores, atol=TOLERANCE)
        for mask, same in zip(found, expected, strict=True):
            np.testing.assert_allclose(mask.logits, same.logits, atol=TOLERANCE)
            assert np.count_nonzero(mask.array != same.array) <= 1
