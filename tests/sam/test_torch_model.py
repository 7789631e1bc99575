"""`TorchSam`: settings, memory that runs out, threads, and the process left as it was found."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import promptseg
from promptseg.errors import BackendError, ConfigError, OutOfMemoryError, WeightsMismatchError
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.sam.model import Embedding, PointPrompts
from promptseg.sam.session import SamSegmenter

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg import torch_runtime  # noqa: E402 - It needs torch.
from promptseg.sam.torch_model import OPTIONS, Settings, TorchSam  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_sam):
    return TorchSam(tiny_sam(), Provenance("tiny-sam", "sam", "1"), Settings(CPU, decode_batch=8), smaller=("tinier-sam",))


def points(count):
    xy = np.random.default_rng(0).uniform(0, 60, (count, 2, 2)).astype(np.float32)
    return PointPrompts(xy, np.tile([1, -1], (count, 1)))


def all_logits(decoded):
    return np.stack([decoded.logits(i, [0, 1, 2, 3]) for i in range(len(decoded.scores))])


class TestSettings:
    def test_auto_takes_an_accelerator_where_there_is_one(self, monkeypatch):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert Settings.checked("auto", OPTIONS) == Settings(CPU)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch_runtime, "check_dtype", lambda device, dtype: None)
        assert Settings.checked("auto", OPTIONS).device == torch.device("cuda")

    @pytest.mark.parametrize("device", ["cuda", "mps", "tpu"])
    def test_a_device_that_is_not_there_is_refused_with_those_that_are(self, device, monkeypatch):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(ConfigError, match=f"device '{device}' is not to be had.*usable here: auto, cpu$"):
            Settings.checked(device, OPTIONS)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
    def test_a_type_is_taken_by_name_and_as_torchs_own(self, dtype):
        for given in (dtype, getattr(torch, dtype)):
            assert Settings.checked("cpu", {**OPTIONS, "dtype": given}).dtype_name == dtype

    @pytest.mark.parametrize("dtype", ["float64", "int8", "fp16", None])
    def test_another_type_is_refused_with_those_that_there_are(self, dtype):
        with pytest.raises(ConfigError, match="option dtype is one of float32, bfloat16, float16, got"):
            Settings.checked("cpu", {**OPTIONS, "dtype": dtype})

    def test_a_type_that_the_device_lacks_is_refused(self, monkeypatch):
        def conv2d(value, weight):
            raise RuntimeError("\"slow_conv2d_cpu\" not implemented for 'BFloat16'")

        monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)
        with pytest.raises(ConfigError, match="device 'cpu' cannot compute in bfloat16: use dtype='float32'"):
            Settings.checked("cpu", {**OPTIONS, "dtype": "bfloat16"})

    @pytest.mark.parametrize("batch", [0, -1, 2.0, "4", True])
    def test_a_batch_is_a_positive_whole_number(self, batch):
        with pytest.raises(ConfigError, match="option decode_batch is a whole number of at least 1, got"):
            Settings.checked("cpu", {**OPTIONS, "decode_batch": batch})


class TestMemory:
    """torch's error of memory that ran out, raised from within."""

    ERRORS = (
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        MemoryError(),
    )

    def limit(self, monkeypatch, model, most, error=ERRORS[0]):
        """Lets the decoder take at most so many prompts; returns the sizes of the batches that it was given."""
        sizes, decode = [], model._decoder.decode

        def limited(context, points, labels):
            sizes.append(len(points))
            if len(points) > most:
                raise error
            return decode(context, points, labels)

        monkeypatch.setattr(model._decoder, "decode", limited)
        return sizes

    @pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error)[:20])
    def test_a_batch_that_does_not_fit_is_decoded_in_halves_with_the_same_result(self, model, photo, monkeypatch, error):
        embedding = model.encode([photo()])[0]
        expected = model.decode(embedding, points(8))
        sizes = self.limit(monkeypatch, model, 2, error)
        found = model.decode(embedding, points(8))
        assert sizes == [8, 4, 2, 2, 2, 2]
        assert np.abs(found.scores - expected.scores).max() < 1e-5
        assert np.abs(all_logits(found) - all_logits(expected)).max() < 1e-5

    def test_later_batches_are_no_larger_than_what_fitted(self, model, photo, monkeypatch):
        self.limit(monkeypatch, model, 3)
        model.decode(model.encode([photo()])[0], points(8))
        assert model.decode_batch == 2

    def test_a_prompt_that_does_not_fit_alone_says_what_to_try(self, model, photo, monkeypatch):
        embedding = model.encode([photo()])[0]
        self.limit(monkeypatch, model, 0)
        with pytest.raises(OutOfMemoryError, match=r"out of memory on cpu.*tiny-sam has .* MiB of weights in float32") as caught:
            model.decode(embedding, points(2))
        assert "dtype='bfloat16' or a smaller model (tinier-sam)" in str(caught.value)
        assert isinstance(caught.value.__cause__, torch.cuda.OutOfMemoryError)

    def test_the_next_call_after_it_works(self, model, photo, monkeypatch):
        embedding = model.encode([photo()])[0]
        with monkeypatch.context() as patch:
            self.limit(patch, model, 0)
            with pytest.raises(OutOfMemoryError):
                model.decode(embedding, points(2))
        assert model.decode(embedding, points(1)).scores.shape == (1, 4)

    def test_images_that_do_not_fit_together_are_encoded_in_smaller_batches(self, model, photo, monkeypatch):
        images = [photo(seed=seed) for seed in range(5)]
        expected = model.encode(images)
        model._encode_batch, sizes, encoder = 4, [], model._encoder

        def limited(frames):
            sizes.append(len(frames))
            if len(frames) > 2:
                raise self.ERRORS[0]
            return encoder(frames)

        monkeypatch.setattr(model, "_encoder", limited)
        for found, alone in zip(model.encode(images), expected, strict=True):
            assert np.abs(found.features["embedding"] - alone.features["embedding"]).max() < 1e-5
        assert sizes == [4, 2, 2, 1]

    def test_an_image_that_does_not_fit_says_what_to_try(self, model, photo, monkeypatch):
        def full(frames):
            raise self.ERRORS[1]

        monkeypatch.setattr(model, "_encoder", full)
        with pytest.raises(OutOfMemoryError, match=r"an image does not fit beside the model.*: try .*tinier-sam"):
            model.encode([photo()])

    def test_another_failure_is_the_backends(self, model, photo, monkeypatch):
        def broken(frames):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        monkeypatch.setattr(model, "_encoder", broken)
        with pytest.raises(BackendError, match="torch failed: mat1 and mat2") as caught:
            model.encode([photo()])
        assert isinstance(caught.value.__cause__, RuntimeError)


class TestThreads:
    def test_two_threads_with_a_session_each_answer_as_one_twenty_times(self, model, photo):
        segmenter = SamSegmenter(model)
        images = [photo(), photo(seed=5)[:, ::-1]]
        prompts = [Prompt.point(40, 50), Prompt.point(120, 70), Prompt.box(10, 20, 90, 80) + Prompt.point(30, 40)]

        def answer(image):
            masks = segmenter.open(image).segment(prompts, candidates=True)
            return np.array([mask.logits for mask in masks]), masks.scores

        expected = [answer(image) for image in images]
        assert not np.array_equal(expected[0][0], expected[1][0])
        start = threading.Barrier(2)

        def repeat(index):
            start.wait()
            return [answer(images[index]) for _ in range(20)]

        with ThreadPoolExecutor(2) as pool:
            for index, answers in enumerate(pool.map(repeat, range(2))):
                for logits, scores in answers:
                    assert np.array_equal(logits, expected[index][0])
                    assert np.array_equal(scores, expected[index][1])


class TestProcess:
    """What the caller has chosen for torch stays, and does not reach us."""

    def test_nothing_of_torch_is_changed(self, model, photo):
        def state():
            return (
                torch.get_num_threads(),
                torch.get_default_dtype(),
                torch.is_grad_enabled(),
                torch.is_inference_mode_enabled(),
                torch.is_autocast_enabled("cpu"),
                torch.get_rng_state().sum().item(),
            )

        before = state()
        SamSegmenter(model).open(photo()).everything(Prompt.everything(points_per_side=2))
        assert state() == before

    def test_the_callers_autocast_and_default_type_do_not_reach_the_model(self, model, photo):
        def answer():
            return SamSegmenter(model).open(photo()).segment([Prompt.point(40, 50)])[0].logits

        expected = answer()
        with torch.autocast("cpu", torch.bfloat16):
            assert np.array_equal(answer(), expected)
        torch.set_default_dtype(torch.float64)
        try:
            assert np.array_equal(answer(), expected)
        finally:
            torch.set_default_dtype(torch.float32)

    def test_an_embedding_that_is_dropped_takes_its_context_along(self, model, photo):
        embedding = model.encode([photo()])[0]
        model.decode(embedding, points(1))
        assert len(model._contexts) == 1
        del embedding
        assert len(model._contexts) == 0


class TestLoading:
    """Through `promptseg.load`, with checkpoints of upstream's own shapes."""

    @pytest.fixture(scope="class")
    @staticmethod
    def vit_t(tmp_path_factory):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mobile_sam = pytest.importorskip("mobile_sam", reason="package mobilesam-mirror is not installed")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            sam = mobile_sam.sam_model_registry["vit_t"]()
            for name, parameter in sam.named_parameters():
                if "attention_biases" in name:  # They begin as zeros, and are cached before the weights are loaded.
                    torch.nn.init.normal_(parameter)
        path = tmp_path_factory.mktemp("weights") / "mobile_sam.pt"
        torch.save(sam.state_dict(), path)
        return path

    def test_mobile_sam_is_loaded_with_its_attention_biases(self, vit_t):
        state = torch.get_rng_state()
        segmenter = promptseg.load("mobile-sam", weights=vit_t, device="cpu", decode_batch=3)
        assert torch.equal(torch.get_rng_state(), state)
        assert segmenter.model.decode_batch == 3
        assert segmenter.provenance.backend == "mobile_sam"
        cached = [m for m in segmenter.model._encoder.modules() if hasattr(m, "attention_biases")]
        assert cached
        assert all(torch.equal(m.ab, m.attention_biases[:, m.attention_bias_idxs]) for m in cached)

    def test_a_checkpoint_of_mobile_sam_is_refused_as_sam(self, vit_t):
        pytest.importorskip("segment_anything", reason="package segment-anything is not installed")
        with pytest.raises(WeightsMismatchError, match="these are the weights of vit_t, model 'sam-vit-b' needs vit_b"):
            promptseg.load("sam-vit-b", weights=vit_t, device="cpu")

    @pytest.mark.parametrize("name", ["mobile-sam", "sam-vit-b"])
    def test_an_option_that_does_not_exist_is_refused_before_the_weights_are_read(self, name, tmp_path):
        (tmp_path / "weights").write_bytes(b"none")
        with pytest.raises(ConfigError, match="has no option 'threads'"):
            promptseg.load(name, weights=tmp_path / "weights", device="cpu", threads=2)

    def test_sam_vit_b_is_loaded_and_answers(self, tmp_path):
        sam = pytest.importorskip("segment_anything", reason="package segment-anything is not installed")
        with torch.device("meta"):
            state = {name: torch.zeros(t.shape, device="cpu") for name, t in sam.sam_model_registry["vit_b"]().state_dict().items()}
        state["mask_decoder.iou_prediction_head.layers.2.bias"] = torch.tensor([0.1, 0.2, 0.3, 0.4])
        torch.save(state, tmp_path / "vit_b.pth")
        segmenter = promptseg.load("sam-vit-b", weights=tmp_path / "vit_b.pth", device="cpu", cache=None)
        assert segmenter.provenance.version.startswith("segment-anything 1")
        embedding = Embedding({"embedding": np.zeros((1, 256, 64, 64), np.float32)}, segmenter.model.geometry((60, 80)))
        decoded = segmenter.model.decode(embedding, points(1))
        assert np.allclose(decoded.scores, [[0.1, 0.2, 0.3, 0.4]])
        assert decoded.logits(0, [1, 2]).shape == (2, 256, 256)
