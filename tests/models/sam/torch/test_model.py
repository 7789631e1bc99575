"""`TorchSam`: settings, out-of-memory handling, threads, and unchanged settings of the process."""

import os
import pickle
import shutil
import warnings
import weakref

import numpy as np
import pytest

import promptseg
from promptseg.errors import BackendError, ConfigError, OutOfMemoryError, WeightsMismatchError
from promptseg.models.sam.model import Embedding, PointPrompts
from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.registry import backends
from promptseg.registry.fallback import FallbackChain, FallbackSegmenter
from promptseg.results import Provenance
from promptseg.runtime.memory import MemoryRequirement, half_memory

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch import encoding  # noqa: E402
from promptseg.models.sam.torch.model import TorchSam, TorchSettings  # noqa: E402
from promptseg.runtime import torch as torch_runtime  # noqa: E402 - They need torch.

OPTIONS = backends()["sam"].options
CPU = torch.device("cpu")
NEED = MemoryRequirement("tiny-sam", 100, 70 << 20, (MemoryRequirement("tinier-sam", 60), MemoryRequirement("tiniest-sam", 20)))


@pytest.fixture
def model(tiny_sam):
    return TorchSam(tiny_sam(), Provenance("tiny-sam", "sam", "1"), TorchSettings(CPU, decode_batch=8), NEED)


class Hostile:
    """An object whose unpickling makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def points(count):
    xy = np.random.default_rng(0).uniform(0, 60, (count, 2, 2)).astype(np.float32)
    return PointPrompts(xy, np.tile([1, -1], (count, 1)))


def process_state():
    """Return the settings of torch that a caller may have changed."""
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_rng_state().sum().item(),
    )


def test_the_context_of_an_image_counts_while_the_embedding_is_held(model):
    (embedding,) = model.encode([np.zeros((40, 60, 3), np.uint8)])
    assert model.kept_bytes(embedding) == 0
    model.decode(embedding, points(2))
    assert model.kept_bytes(embedding) > embedding.nbytes


def all_logits(decoded):
    return np.stack([decoded.logits([(row, candidate) for candidate in range(4)]) for row in range(len(decoded.scores))])


class TestSettings:
    def test_auto_takes_an_accelerator_where_there_is_one(self, monkeypatch):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert TorchSettings.checked("auto", OPTIONS) == TorchSettings(CPU)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch_runtime, "check_dtype", lambda device, dtype: None)
        assert TorchSettings.checked("auto", OPTIONS).device == torch.device("cuda")

    @pytest.mark.parametrize("device", ["cuda", "mps"])
    def test_a_device_that_is_not_there_is_refused_with_those_that_are(self, device, monkeypatch):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(ConfigError, match=f"device '{device}' is not available.*: use auto or cpu$"):
            TorchSettings.checked(device, OPTIONS)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
    def test_a_type_is_taken_by_name_and_as_torchs_own(self, dtype):
        for given in (dtype, getattr(torch, dtype)):
            assert TorchSettings.checked("cpu", {**OPTIONS, "dtype": given, "allow_slow": True}).dtype_name == dtype

    @pytest.mark.parametrize("dtype", ["float64", "int8", "fp16", None])
    def test_another_type_is_refused_with_those_that_there_are(self, dtype):
        with pytest.raises(ConfigError, match="option dtype is one of float32, bfloat16, float16, got"):
            TorchSettings.checked("cpu", {**OPTIONS, "dtype": dtype})

    def test_a_type_that_the_device_lacks_is_refused(self, monkeypatch):
        def conv2d(value, weight):
            raise RuntimeError("\"slow_conv2d_cpu\" not implemented for 'BFloat16'")

        monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)
        with pytest.raises(ConfigError, match="device 'cpu' cannot compute in bfloat16: use dtype='float32'"):
            TorchSettings.checked("cpu", {**OPTIONS, "dtype": "bfloat16"})

    def test_a_device_that_is_full_is_not_taken_for_one_that_lacks_the_type(self, monkeypatch):
        def zeros(*args, **kwargs):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(torch, "zeros", zeros)
        with pytest.raises(OutOfMemoryError, match="out of memory on cpu: no room even to try whether it computes in float32"):
            TorchSettings.checked("cpu", OPTIONS)

    @pytest.mark.parametrize("batch", [0, -1, 2.0, "4", True])
    def test_a_batch_is_a_positive_whole_number(self, batch):
        with pytest.raises(ConfigError, match="option decode_batch is a whole number from 1 to 4096, got"):
            TorchSettings.checked("cpu", {**OPTIONS, "decode_batch": batch})

    @pytest.mark.parametrize("value", [None, 1, "true", "default"])
    def test_to_compile_is_a_yes_or_a_no(self, value):
        with pytest.raises(ConfigError, match=f"option compile is True or False, got {value!r}"):
            TorchSettings.checked("cpu", {**OPTIONS, "compile": value})

    def test_an_encoder_is_not_compiled_on_a_cpu_where_that_makes_it_slower(self):
        with pytest.raises(ConfigError, match=r"compile=True makes the model slower here: .* 320 s.*, or add allow_slow=True"):
            TorchSettings.checked("cpu", {**OPTIONS, "compile": True})
        assert TorchSettings.checked("cpu", {**OPTIONS, "compile": True, "allow_slow": True}).compile

    def test_an_encoder_is_compiled_on_a_gpu_without_further_ado(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch_runtime, "check_dtype", lambda device, dtype: None)
        assert TorchSettings.checked("cuda", {**OPTIONS, "compile": True, "dtype": "bfloat16"}).compile


class TestMemory:
    """torch's out-of-memory error, raised inside the model."""

    ERRORS = (
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        MemoryError(),
    )

    def limit(self, monkeypatch, model, most, error=ERRORS[0]):
        """Make the decoder fail for more prompts than the limit, and return the list of the batch sizes that it gets."""
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

    def test_later_batches_are_no_larger_than_the_largest_that_fitted(self, model, photo, monkeypatch):
        self.limit(monkeypatch, model, 3)
        model.decode(model.encode([photo()])[0], points(8))
        assert model.decode_batch == 2

    def test_a_prompt_that_does_not_fit_alone_says_what_to_try(self, model, photo, monkeypatch):
        embedding = model.encode([photo()])[0]
        self.limit(monkeypatch, model, 0)
        with pytest.raises(OutOfMemoryError, match=r"out of memory on cpu: a prompt does not fit beside the model; tiny-sam") as caught:
            model.decode(embedding, points(2))
        assert f"{half_memory('cpu')} or a smaller model (tinier-sam, tiniest-sam)" in str(caught.value)
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

        def limited(batch):
            sizes.append(len(batch))
            if len(batch) > 2:
                raise self.ERRORS[0]
            return encoder(batch)

        monkeypatch.setattr(model, "_encoder", limited)
        for found, alone in zip(model.encode(images), expected, strict=True):
            assert np.abs(found.features["embedding"] - alone.features["embedding"]).max() < 1e-5
        assert sizes == [4, 2, 2, 1]

    def test_an_image_that_does_not_fit_says_what_to_try(self, model, photo, monkeypatch):
        def full(batch):
            raise self.ERRORS[1]

        monkeypatch.setattr(model, "_encoder", full)
        with pytest.raises(OutOfMemoryError, match=r"an image does not fit beside the model.*: try .*tinier-sam"):
            model.encode([photo()])

    def free(self, monkeypatch, mib):
        """Pretend that the host has this much available memory."""
        monkeypatch.setattr(encoding, "available_memory", lambda: None if mib is None else mib << 20)

    def test_an_image_that_cannot_fit_is_refused_before_it_is_tried(self, model, photo, monkeypatch):
        monkeypatch.setattr(model, "_encoder", lambda batch: pytest.fail("tried"))
        self.free(monkeypatch, 55)
        with pytest.raises(OutOfMemoryError) as caught:
            model.encode([photo()])
        assert str(caught.value) == (
            "out of memory on cpu: an image does not fit beside the model; tiny-sam needs about 100 MiB in float32; "
            "there is room for 55 MiB: try a smaller model (tiniest-sam)"
        )

    def test_the_next_image_is_encoded_when_there_is_memory_again(self, model, photo, monkeypatch):
        self.free(monkeypatch, 55)
        with pytest.raises(OutOfMemoryError):
            model.encode([photo()])
        self.free(monkeypatch, 100)
        assert len(model.encode([photo()])) == 1

    @pytest.mark.parametrize("mib", [100, None])
    def test_memory_that_suffices_or_is_not_known_is_tried(self, model, photo, monkeypatch, mib):
        self.free(monkeypatch, mib)
        assert len(model.encode([photo()])) == 1

    def test_memory_that_the_model_holds_already_is_not_counted_again(self, model, photo, monkeypatch):
        model._weight_bytes = 60 << 20
        self.free(monkeypatch, 40)
        assert len(model.encode([photo()])) == 1

    def test_half_precision_needs_half(self, tiny_sam, photo, monkeypatch):
        half = TorchSam(tiny_sam(), Provenance("tiny-sam", "sam", "1"), TorchSettings(CPU, torch.bfloat16), NEED)
        self.free(monkeypatch, 55)
        assert len(half.encode([photo()])) == 1

    def test_a_model_whose_need_is_not_known_is_tried(self, tiny_sam, photo, monkeypatch):
        model = TorchSam(tiny_sam(), Provenance("tiny-sam", "sam", "1"), TorchSettings(CPU))
        self.free(monkeypatch, 1)
        assert len(model.encode([photo()])) == 1

    def test_a_model_that_cannot_be_placed_says_what_there_was_room_for(self, tiny_sam, monkeypatch):
        def full(model, sam):
            raise self.ERRORS[0]

        monkeypatch.setattr(TorchSam, "_place", full)
        self.free(monkeypatch, 30)
        with pytest.raises(OutOfMemoryError, match=r"the model does not fit; .* room for 30 MiB: try a smaller model \(tiniest-sam\)$"):
            TorchSam(tiny_sam(), Provenance("tiny-sam", "sam", "1"), TorchSettings(CPU), NEED)

    def test_an_encoder_without_memory_gives_way_to_the_next_model(self, model, tiny_sam, photo, monkeypatch):
        def full(batch):
            raise self.ERRORS[1]

        def small(failed):
            assert large() is None, "the large model is still there"
            return SamSegmenter(TorchSam(tiny_sam(seed=1), Provenance("small", "sam", "1", fallback_from=failed), TorchSettings(CPU)))

        model._encoder = full
        large_models = [SamSegmenter(model)]
        large = weakref.ref(large_models[0])
        segmenter = FallbackSegmenter(FallbackChain({"large": lambda _: large_models.pop(), "small": small}))
        with pytest.warns(RuntimeWarning, match="large does not fit into memory, going on with small: out of memory on cpu: an image"):
            masks = segmenter.open(photo()).segment([Prompt.point(40, 50)])
        assert len(masks) == 1
        assert (segmenter.provenance.model, segmenter.provenance.fallback_from) == ("small", ("large",))

    def test_another_failure_is_the_backends(self, model, photo, monkeypatch):
        def broken(batch):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        monkeypatch.setattr(model, "_encoder", broken)
        with pytest.raises(BackendError, match="torch failed: mat1 and mat2") as caught:
            model.encode([photo()])
        assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The distutils package is deprecated:DeprecationWarning")  # torch's compiler still imports it.
class TestCompile:
    """Compilation of an encoder of one layer, because compilers are slow."""

    PROVENANCE = Provenance("tiny-sam", "sam", "1")

    @pytest.fixture(scope="class")
    @staticmethod
    def compiler(tmp_path_factory):
        if not any(map(shutil.which, ("g++", "clang++", "cl"))):
            pytest.skip("no C++ compiler, which torch compiles with")
        from torch._inductor import config

        # To try the processor's vectors and to precompile torch's headers takes far longer than to compile a layer.
        quick = {"compile_threads": 1, "cpp.vec_isa_ok": False, "cpp_cache_precompile_headers": False}
        with pytest.MonkeyPatch.context() as patch, config.patch(quick):
            patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
            yield

    @pytest.fixture(scope="class")
    @staticmethod
    def make(tiny_sam, compiler):
        """Return a function that makes models, compiled or not, of any input size."""

        def make(compiled, input_size=64):
            sam = tiny_sam(input_size=input_size)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                layers = (torch.nn.Conv2d(3, 32, input_size // 4, input_size // 4), torch.nn.GELU())
            sam.image_encoder = torch.nn.Sequential(*layers).eval().requires_grad_(False)
            sam.image_encoder.img_size = input_size
            return TorchSam(sam, TestCompile.PROVENANCE, TorchSettings(CPU, compile=compiled))

        return make

    def test_the_embedding_is_that_of_the_encoder_uncompiled_and_nothing_of_torch_is_changed(self, make, photo):
        plain, compiled = make(False), make(True)
        before = process_state()
        expected = plain.encode([photo()])[0].features["embedding"]
        found = [compiled.encode([photo()])[0].features["embedding"] for _ in range(2)]
        assert process_state() == before
        assert np.ptp(expected) > 0.1
        assert all(np.abs(each - expected).max() < 1e-4 for each in found)

    def test_without_a_compiler_the_first_image_says_what_to_do(self, make, photo):
        from torch._inductor import config

        with config.patch({"cpp.cxx": ("no-such-compiler",)}):
            make(False, input_size=128).encode([photo()])
            with pytest.raises(BackendError) as caught:
                make(True, input_size=128).encode([photo()])
        message = str(caught.value)
        assert message.startswith("the image encoder could not be compiled")
        assert "no-such-compiler" in message
        assert message.endswith("install it, or load the model without compile=True")
        assert "\n" not in message
        assert caught.value.__cause__ is not None

    def test_where_torch_does_not_compile_at_all_loading_says_what_to_do(self, make, monkeypatch):
        def refuse(encoder):
            raise RuntimeError("torch.compile is not supported on Python 4")

        monkeypatch.setattr(torch, "compile", refuse)
        with pytest.raises(BackendError, match=r"not supported on Python 4\. .* without compile=True$"):
            make(True)

    def test_an_image_that_does_not_fit_is_still_an_out_of_memory_error(self, make, photo, monkeypatch):
        def full(batch):
            raise TestMemory.ERRORS[1]

        monkeypatch.setattr(torch, "compile", lambda encoder: full)
        with pytest.raises(OutOfMemoryError, match="an image does not fit beside the model"):
            make(True).encode([photo()])


class TestProcess:
    """The caller's settings of torch stay unchanged and do not affect the model."""

    def test_nothing_of_torch_is_changed(self, model, photo):
        before = process_state()
        SamSegmenter(model).open(photo()).everything(Prompt.everything(points_per_side=2))
        assert process_state() == before

    def test_the_callers_autocast_and_default_type_do_not_reach_the_model(self, model, photo):
        def segmented():
            return SamSegmenter(model).open(photo()).segment([Prompt.point(40, 50)])[0].logits

        expected = segmented()
        with torch.autocast("cpu", torch.bfloat16):
            assert np.array_equal(segmented(), expected)
        torch.set_default_dtype(torch.float64)
        try:
            assert np.array_equal(segmented(), expected)
        finally:
            torch.set_default_dtype(torch.float32)

    @pytest.mark.parametrize(("count", "one_thread", "threads"), [(1, False, 1), (1, True, 1), (2, True, 1), (2, False, 2)])
    def test_a_single_prompt_is_decoded_on_the_calling_thread_alone(self, count, one_thread, threads, model, photo, monkeypatch):
        embedding, seen = model.encode([photo()])[0], set()
        for name in ("decode", "upscale"):
            original = getattr(model._decoder, name)
            monkeypatch.setattr(model._decoder, name, lambda *args, f=original: seen.add(torch.get_num_threads()) or f(*args))
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            all_logits(model.decode(embedding, points(count), one_thread=one_thread))
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(before)
        assert seen == {threads}

    def test_an_embedding_that_is_dropped_takes_its_context_along(self, model, photo):
        embedding = model.encode([photo()])[0]
        model.decode(embedding, points(1))
        assert len(model._contexts) == 1
        del embedding
        assert len(model._contexts) == 0


class TestLoading:
    """Loading by `promptseg.load`, from checkpoints with upstream's shapes."""

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

    def test_a_model_that_cannot_fit_is_refused_before_its_checkpoint_is_read(self, monkeypatch, tmp_path):
        pytest.importorskip("segment_anything", reason="package segment-anything is not installed")
        (tmp_path / "weights.pth").write_bytes(b"none")
        monkeypatch.setattr(encoding, "available_memory", lambda: 1000 << 20)
        with pytest.raises(OutOfMemoryError, match=r"the model does not fit; sam-vit-h needs about 3,\d{3} MiB in float32") as caught:
            promptseg.load("sam-vit-h", weights=tmp_path / "weights.pth", device="cpu")
        assert "there is room for 1,000 MiB: try a smaller model (" in str(caught.value)
        assert "sam-vit-b" in str(caught.value)
        assert "sam-vit-l" not in str(caught.value)

    @pytest.mark.parametrize("where", ["reading the checkpoint", "building the model"])
    def test_memory_that_runs_out_while_loading_is_not_taken_for_a_damaged_file(self, where, vit_t, monkeypatch):
        def full(*args, **kwargs):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

        with monkeypatch.context() as patch:
            patch.setattr(*((torch, "empty") if where == "reading the checkpoint" else (torch.nn.Module, "load_state_dict")), full)
            with pytest.raises(OutOfMemoryError, match="out of memory on cpu: the model does not fit; mobile-sam needs about"):
                promptseg.load("mobile-sam", weights=vit_t, device="cpu")
        assert promptseg.load("mobile-sam", weights=vit_t, device="cpu").provenance.model == "mobile-sam"

    def test_a_fallback_chain_passes_over_it(self, vit_t, monkeypatch, tmp_path):
        pytest.importorskip("segment_anything", reason="package segment-anything is not installed")
        (tmp_path / "weights.pth").write_bytes(b"none")
        monkeypatch.setattr(encoding, "available_memory", lambda: 1000 << 20)
        chain = {"weights": tmp_path / "weights.pth", "fallback": [f"mobile-sam={vit_t}"]}
        with pytest.warns(RuntimeWarning, match="sam-vit-h does not fit into memory, going on with mobile-sam"):
            segmenter = promptseg.load("sam-vit-h", device="cpu", dtype="bfloat16", allow_slow=True, **chain)
        assert segmenter.provenance.model == "mobile-sam"
        assert segmenter.provenance.dtype == "bfloat16"
        assert segmenter.provenance.fallback_from == ("sam-vit-h",)

    @pytest.mark.parametrize(
        ("wrong", "error", "message"),
        [
            ({"device": "tpu"}, ConfigError, "there is no device 'tpu'"),
            ({"dtype": "int8"}, ConfigError, "option dtype is one of float32, bfloat16, float16, got 'int8'"),
            ({"decode_batch": 0}, ConfigError, "option decode_batch is a whole number from 1 to 4096, got 0"),
            ({"cache": "ram"}, ConfigError, "option cache is .*, got 'ram'"),
            ({"weights": b""}, WeightsMismatchError, r"weights\.pt is not a checkpoint that can be loaded safely"),
            ({"weights": b"half"}, WeightsMismatchError, r"weights\.pt is not a checkpoint that can be loaded safely"),
            ({"weights": b"hostile"}, WeightsMismatchError, r"weights\.pt is not a checkpoint that can be loaded safely"),
        ],
        ids=str,
    )
    def test_after_a_wrong_call_the_right_one_works(self, wrong, error, message, vit_t, tmp_path):
        path = tmp_path / "weights.pt"
        hostile = pickle.dumps(Hostile(tmp_path / "it ran"))
        content = {b"half": vit_t.read_bytes()[: vit_t.stat().st_size // 2], b"hostile": hostile}
        path.write_bytes(content.get(wrong.get("weights"), wrong.get("weights", b"not read")))
        with pytest.raises(error, match=message):
            promptseg.load("mobile-sam", **{"device": "cpu", **wrong, "weights": path})
        assert not (tmp_path / "it ran").exists()
        path.write_bytes(vit_t.read_bytes())
        assert promptseg.load("mobile-sam", weights=path, device="cpu").provenance.model == "mobile-sam"

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

    def test_sam_vit_b_is_loaded_and_segments(self, tmp_path):
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
        assert decoded.logits([(0, 1), (0, 2)]).shape == (2, 256, 256)
