"""The SAM family of transformers on our engine gives the masks of transformers' own code, and those of the authors' checkpoints.

SAM-HQ of transformers 5.24 decodes masks from the image embedding before its transformer, with rows and columns exchanged. The authors
decode them from what the transformer makes of it. So here the model of transformers is mended before it is compared.
"""

import copy

import numpy as np
import pytest

import promptseg
from hf_names import to_authors
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the SAM family of transformers needs torch")
pytest.importorskip("transformers", minversion="5.23", reason="the SAM family of transformers needs transformers")

from promptseg.backends.hf_sam import _ENGINES  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402
from promptseg.models.sam.torch.hiera import HieraEncoder  # noqa: E402
from promptseg.models.sam.torch.model import TorchSam  # noqa: E402
from promptseg.models.sam.torch.sam2 import TorchSam2  # noqa: E402
from promptseg.models.sam.torch.vit import VitEncoder  # noqa: E402

TOLERANCE = 1e-4
VARIANTS = ("sam", "sam_hq", "sam2", "edgetam")
POINT, ALSO, BOX = (40, 50), (100, 20), (20, 24, 90, 80)

PROMPTS = {
    "point": Prompt.point(*POINT),
    "points": Prompt.point(*POINT) + Prompt.point(*ALSO, foreground=False),
    "box": Prompt.box(*BOX),
    "box and point": Prompt.box(*BOX) + Prompt.point(*POINT),
}


def segmenter_of(variant, model, **options):
    name, engine = _ENGINES[variant]
    settings = TorchSettings(torch.device("cpu"))
    return SamSegmenter(engine(name(copy.deepcopy(model)), Provenance("tiny", "hf_sam", "1"), settings, **options))


@pytest.fixture(scope="module")
def model_of(tiny_hf_sam):
    """Models of transformers by variant. That of SAM-HQ is mended."""
    models = {variant: tiny_hf_sam(variant, seed=3) for variant in VARIANTS}
    decoder = models["sam_hq"].mask_decoder
    seen = []
    decoder.transformer.register_forward_hook(lambda _, __, found: seen.append(found[1]))
    decoder.upscale_conv1.register_forward_pre_hook(lambda _, given: seen.pop().transpose(2, 3).reshape(given[0].shape))
    return models


def upstream(model, segmenter, image, prompt, logits=None, **options):
    """Return what transformers' own code gives for the model input and the points that our engine prepares."""
    geometry = segmenter.model.geometry(image.shape[:2])
    pixels = segmenter.model._model_input([image], [geometry])
    given = {}
    if len(prompt.xy):
        given["input_points"] = torch.tensor(geometry.to_input(prompt.xy))[None, None]
        given["input_labels"] = torch.tensor(prompt.foreground.astype(int))[None, None]
    if prompt.xyxy is not None:
        given["input_boxes"] = torch.tensor(geometry.to_input(prompt.xyxy.reshape(2, 2).astype(np.float32)).reshape(1, 1, 4))
    if logits is not None:
        given["input_masks"] = torch.tensor(logits)[None, None]
    with torch.inference_mode():
        return model(pixels, **given, **options)


def check(found, outputs, geometry):
    """Compare masks with those of transformers, which are sorted by score in SAM-HQ, on the part of the logits that the image covers."""
    rows, columns = geometry.low_res_content_size()
    order = np.argsort(-found.scores, kind="stable") if len(found) > 1 else [0]
    theirs = np.argsort(-outputs.iou_scores[0, 0].numpy(), kind="stable")
    assert len(found) == len(theirs)
    for ours, other in zip(order, theirs, strict=True):
        assert found.scores[ours] == pytest.approx(outputs.iou_scores[0, 0, other].item(), abs=TOLERANCE)
        expected = outputs.pred_masks[0, 0, other].numpy()[:rows, :columns]
        np.testing.assert_allclose(found[int(ours)].logits[:rows, :columns], expected, atol=TOLERANCE)
        assert expected.min() < 0 < expected.max()


@pytest.mark.parametrize("candidates", [False, True], ids=["selected", "candidates"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_points_and_boxes_give_the_masks_of_transformers(variant, candidates, model_of, photo):
    segmenter = segmenter_of(variant, model_of[variant])
    session = segmenter.open(photo())
    for name, prompt in PROMPTS.items():
        several = candidates or name == "point"
        found = session.segment([prompt], candidates=candidates)
        outputs = upstream(model_of[variant], segmenter, photo(), prompt, multimask_output=several)
        if several and not candidates:  # The best of those for an ambiguous prompt.
            best = outputs.iou_scores[0, 0].argmax()
            outputs.iou_scores, outputs.pred_masks = outputs.iou_scores[..., best, None], outputs.pred_masks[:, :, best, None]
        check(found, outputs, session.embedding.geometry)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_mask_with_a_box_gives_the_masks_of_transformers(variant, model_of, photo):
    logits = np.random.default_rng(0).normal(0, 4, (16, 16)).astype(np.float32)
    segmenter, prompt = segmenter_of(variant, model_of[variant]), Prompt.box(*BOX)
    found = segmenter.open(photo()).segment([Prompt.mask(logits) + prompt], candidates=True)
    outputs = upstream(model_of[variant], segmenter, photo(), prompt, logits=logits, multimask_output=True)
    check(found, outputs, segmenter.model.geometry(photo().shape[:2]))


def test_the_high_quality_mask_alone_is_that_of_transformers(model_of, photo):
    segmenter = segmenter_of("sam_hq", model_of["sam_hq"], hq_token_only=True)
    outputs = upstream(model_of["sam_hq"], segmenter, photo(), PROMPTS["points"], multimask_output=False, hq_token_only=True)
    check(segmenter.open(photo()).segment([PROMPTS["points"]]), outputs, segmenter.model.geometry(photo().shape[:2]))


def same_masks(ours, theirs, image):
    """Compare two segmenters on every kind of prompt and in everything mode."""
    one, other = ours.open(image), theirs.open(image)
    for name, value in other.embedding.features.items():
        np.testing.assert_allclose(one.embedding.features[name], value, atol=TOLERANCE)
    for candidates in (False, True):
        found, expected = (session.segment(list(PROMPTS.values()), candidates=candidates) for session in (one, other))
        np.testing.assert_allclose(found.scores, expected.scores, atol=TOLERANCE)
        for mask, same in zip(found, expected, strict=True):
            np.testing.assert_allclose(mask.logits, same.logits, atol=TOLERANCE)
            assert np.count_nonzero(mask.array != same.array) <= 1
    settings = {"points_per_side": 4, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    found, expected = (session.everything(Prompt.everything(**settings)) for session in (one, other))
    assert [mask.area for mask in found] == pytest.approx([mask.area for mask in expected], abs=1)
    assert len(found) > 0


def test_a_checkpoint_of_sam_and_its_folder_give_the_same_masks(tiny_sam, sam_config, saved_as_transformers, photo):
    sam = tiny_sam(seed=4)
    sam.mask_decoder.iou_prediction_head.layers[-1].bias += 1  # Predicted IoUs that everything mode keeps.
    folder = saved_as_transformers("SamModel", sam_config, sam.state_dict())
    ours = promptseg.load_segmenter("sam-vit-b", engine="transformers", weights=folder, device="cpu")
    sam.image_encoder = VitEncoder(sam.image_encoder)
    same_masks(ours, SamSegmenter(TorchSam(sam, Provenance("tiny", "sam", "1"), TorchSettings(torch.device("cpu")))), photo())


@pytest.mark.parametrize("kind", ["", "Video"], ids=["images", "tracker"])
def test_a_checkpoint_of_sam2_and_its_folder_give_the_same_masks(kind, tiny_sam2, sam2_config, saved_as_transformers, photo):
    sam2 = tiny_sam2(seed=5)
    state = sam2.state_dict()
    if not kind:
        names = ("memory_", "mask_downsample", "maskmem", "obj_ptr", "no_obj", "no_mem_pos")
        state = {name: tensor for name, tensor in state.items() if not name.startswith(names)}
    config = sam2_config(f"Sam2{kind}Config", **({"image_size": 128} if kind else {}))
    folder = saved_as_transformers(f"Sam2{kind}Model", config, state)
    ours = promptseg.load_segmenter("sam2.1-hiera-tiny", engine="transformers", weights=folder, device="cpu")
    assert isinstance(ours.model._encoder, HieraEncoder)
    same_masks(ours, SamSegmenter(TorchSam2(sam2, Provenance("tiny", "sam2", "1"), TorchSettings(torch.device("cpu")))), photo())


def test_a_folder_of_sam_gives_the_same_masks_as_a_checkpoint(tiny_sam, sam_config, sam_of_transformers, photo):
    """The other way: weights of transformers under the authors' names."""
    sam = tiny_sam(seed=6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model = sam_of_transformers.SamModel(sam_config).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.mask_decoder.iou_prediction_head.proj_out.bias += 1
    sam.load_state_dict(to_authors(model.state_dict(), sam.state_dict()), strict=False)
    sam.image_encoder = VitEncoder(sam.image_encoder)
    theirs = SamSegmenter(TorchSam(sam, Provenance("tiny", "sam", "1"), TorchSettings(torch.device("cpu"))))
    same_masks(segmenter_of("sam", model), theirs, photo())
