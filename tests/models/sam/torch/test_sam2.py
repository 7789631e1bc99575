"""`TorchSam2`: its configuration from the model, the parts of the model that it keeps, and its threads."""

import copy
import gc
import weakref

import numpy as np
import pytest

from promptseg.errors import OutOfMemoryError
from promptseg.models.sam.cache import EmbeddingCache
from promptseg.models.sam.geometry import StretchToSquare
from promptseg.models.sam.mask_batch import Stability
from promptseg.models.sam.model import DecoderConfig
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.runtime.memory import MemoryRequirement

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.model import TorchSettings  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.sam2 import TorchSam2  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sam2(tiny_sam2):
    return tiny_sam2()


def make(sam2, need=None):
    return TorchSam2(copy.deepcopy(sam2), Provenance("tiny-sam2", "sam2", "1", {"tiny.pt": 64 * "0"}), TorchSettings(CPU), need)


@pytest.fixture(scope="module")
def model(sam2):
    return make(sam2)


def test_its_decoder_config_is_that_of_sam2(model):
    assert model.decoder_config == DecoderConfig(
        multimask_indices=(1, 2, 3),
        single_mask_index=0,
        stability=Stability(0.05, 0.98),
        pads_boxes=True,
        pred_iou_thresh=0.8,
        logit_limit=32.0,
    )


@pytest.mark.parametrize(("applies", "expected"), [(True, Stability(0.1, 0.9)), (False, None)])
def test_when_a_mask_is_stable_is_read_from_the_model(sam2, applies, expected):
    changed = copy.deepcopy(sam2)
    changed.sam_mask_decoder.dynamic_multimask_via_stability = applies
    changed.sam_mask_decoder.dynamic_multimask_stability_delta = 0.1
    changed.sam_mask_decoder.dynamic_multimask_stability_thresh = 0.9
    assert make(changed).decoder_config.stability == expected


def test_an_image_is_stretched_to_the_input_size_of_the_model(model):
    assert model.geometry((30, 50)) == StretchToSquare((30, 50), input_size=128, low_res=32)


def test_modules_that_only_video_needs_are_dropped(sam2):
    whole = copy.deepcopy(sam2)
    parts = [weakref.ref(part) for part in (whole.memory_attention, whole.memory_encoder, whole.obj_ptr_proj)]
    weights = sum(
        parameter.numel()
        for part in (whole.image_encoder, whole.sam_prompt_encoder, whole.sam_mask_decoder)
        for parameter in part.parameters()
    )
    model = TorchSam2(whole, Provenance("tiny-sam2", "sam2", "1"), TorchSettings(CPU))
    del whole
    gc.collect()
    assert [part() for part in parts] == [None, None, None]
    assert model._weight_bytes == 4 * (weights + 256)  # The further 256 numbers are the embedding for no memory.


def test_features_are_kept_on_disk_and_give_the_same_masks(model, photo, tmp_path):
    prompts = [Prompt.point(40, 50), Prompt.box(20, 24, 90, 80)]
    fresh = SamSegmenter(model, EmbeddingCache(folder=tmp_path)).open(photo())
    kept = SamSegmenter(model, EmbeddingCache(folder=tmp_path)).open(photo())
    assert "encode" in fresh.timings
    assert "cache" in kept.timings
    assert set(kept.embedding.features) == {"embedding", "high_res_0", "high_res_1"}
    for mask, expected in zip(kept.segment(prompts), fresh.segment(prompts), strict=True):
        assert np.array_equal(mask.logits, expected.logits)
        assert mask.score == expected.score


def test_the_mask_of_one_prompt_does_not_reach_the_next(model, photo):
    session = SamSegmenter(model).open(photo())
    box = Prompt.box(20, 24, 90, 80)
    before = session.segment([box])[0]
    refined = session.segment([box + Prompt.mask(before)])[0]
    after = session.segment([box])[0]
    assert not np.array_equal(refined.logits, before.logits)
    assert np.array_equal(after.logits, before.logits)


def test_an_image_that_does_not_fit_says_what_to_try(sam2, photo, monkeypatch):
    model = make(sam2, MemoryRequirement("tiny-sam2", lighter=(MemoryRequirement("tinier-sam2"),)))

    def full(batch):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")

    monkeypatch.setattr(model, "_encoder", full)
    with pytest.raises(OutOfMemoryError, match=r"an image does not fit beside the model.*: try .*tinier-sam2"):
        model.encode([photo()])
