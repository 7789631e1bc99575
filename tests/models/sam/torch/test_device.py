"""The device part of the torch engine, on a device that computes nothing: no tensors meet that lie on two devices, and few waits."""

import numpy as np
import pytest

from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.model import TorchSam, TorchSettings  # noqa: E402
from promptseg.models.sam.torch.sam2 import TorchSam2  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.vit import VitEncoder  # noqa: E402

CUDA, SECOND = torch.device("cuda"), torch.device("cuda", 1)
BATCH = 16


def all_good(zeros):
    """Return values by which every candidate is good: scores of 1, areas that agree, a box that is not empty."""
    if zeros.shape[-1:] == (6,):
        return zeros + np.array([9, 9, 1, 1, 5, 5])
    return zeros + 1


@pytest.fixture(params=["sam", "sam2"])
def load(request, tiny_sam, tiny_sam2):
    make, engine = {"sam": (tiny_sam, TorchSam), "sam2": (tiny_sam2, TorchSam2)}[request.param]
    sam = make()  # On the CPU, with values: constructors compute some.
    if request.param == "sam":
        sam.image_encoder = VitEncoder(sam.image_encoder)

    def load(dtype=torch.float32, device=CUDA):
        return SamSegmenter(engine(sam, Provenance("tiny", "tests", "1"), TorchSettings(device, dtype, decode_batch=BATCH)))

    return load


def test_an_embedding_stays_on_the_device_until_it_is_read(load, fake_cuda, photo):
    with fake_cuda() as cuda:
        session = load(torch.bfloat16).open(photo())
        assert cuda.waits == []
        session.segment([Prompt.point(50, 50)])
        assert not any(len(shape) == 4 for shape, _ in cuda.copied)
        assert session.features().values.shape[0] > 1
        assert {kind for shape, kind in cuda.copied if len(shape) == 4} == {"float32"}


def test_all_is_computed_on_the_gpu_of_a_number(load, fake_cuda, photo):
    with fake_cuda(all_good):  # Which refuses to compute with tensors of two devices.
        session = load(device=SECOND).open(photo())
        masks = session.segment([Prompt.point(50, 50), Prompt.box(5, 5, 60, 70)])
        session.everything(Prompt.everything(4))
        assert {session.embedding.features.on_device(name).device for name in session.embedding.features} == {SECOND}
    assert len(masks) == 2


def test_several_images_are_encoded_without_a_wait(load, fake_cuda, photo):
    with fake_cuda() as cuda:
        load().open_all([photo(seed=seed) for seed in range(3)])
        assert cuda.waits == []


def test_everything_mode_waits_three_times_a_batch_and_never_for_a_mask(load, fake_cuda, photo):
    with fake_cuda(all_good) as cuda:
        session = load(torch.bfloat16).open(photo())
        session.everything(Prompt.everything(8, box_nms_thresh=1))
        batches = 64 // BATCH
        # Scores, rough stability, and measurements. Then run lengths of the masks that are kept, batch by batch.
        assert cuda.waits == [*["copy"] * 3 * batches, *["nonzero", "copy"] * batches]
        cuda.waits.clear()
        session.everything(Prompt.everything(8, pred_iou_thresh=1))
        assert cuda.waits == ["copy"] * batches


@pytest.mark.parametrize("count", [1, 17])
def test_prompts_wait_by_the_batch(load, count, fake_cuda, photo):
    prompts = [Prompt.box(5 + i, 5, 60 + i, 70) for i in range(count)]
    with fake_cuda(all_good) as cuda:
        session = load().open(photo())
        session.segment(prompts)
        stable = [] if session.segmenter.model.decoder_config.stability is None else ["copy"]
        # Scores, for SAM 2 the stability of the mask for one object, run lengths, logits.
        assert cuda.waits == ["copy", *stable, "nonzero", "copy", "copy"] * -(-count // BATCH)


def test_a_mask_as_a_prompt_and_all_candidates_run_on_the_device(load, fake_cuda, photo):
    with fake_cuda(all_good) as cuda:
        session = load(torch.bfloat16).open(photo())
        logits = np.ones((session.embedding.geometry.low_res,) * 2, np.float32)
        assert len(session.segment([Prompt.point(20, 20) + Prompt.mask(logits)], candidates=True)) == 3
        assert cuda.waits == ["copy", "nonzero", "copy", "copy"]


def test_a_wait_within_the_computation_is_seen(load, fake_cuda, photo, monkeypatch):
    with fake_cuda() as cuda:
        model = load().model
        decode = model._decoder.decode

        def hasty(*arguments):
            decoded = decode(*arguments)
            decoded.scores.cpu()
            return decoded

        monkeypatch.setattr(model._decoder, "decode", hasty)
        SamSegmenter(model).open(photo()).segment([Prompt.point(50, 50)])
        assert cuda.waits[0] == cuda.waits[1] == "copy"
