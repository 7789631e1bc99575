"""Image encoders in int8: what they give, where they are kept, and what is refused."""

import logging
import shutil

import numpy as np
import onnx
import pytest

import promptseg
from promptseg.errors import BackendError, ConfigError
from promptseg.models.sam.cache import image_key
from promptseg.models.sam.onnx import int8
from promptseg.prompts import Prompt
from promptseg.runtime import onnx_quantize
from promptseg.runtime.home import cache_dir
from promptseg.runtime.prepared import check_prepared
from promptseg.weights.store import file_sha256

PAIRS = ("sam_pair", "sam2_pair", "efficient_sam_pair")
PROMPT = [Prompt.box(15, 20, 70, 95)]


@pytest.fixture(params=PAIRS)
def pair(request):
    """A folder with a pair of float32 in each layout."""
    return request.getfixturevalue(request.param)


def encoder_of(folder):
    return max(folder.iterdir(), key=lambda path: len(onnx.load(str(path)).graph.input) == 1)


def load(folder, **options):
    return promptseg.load("onnx-sam", weights=folder, **{"quantize": "int8", "cache": None, **options})


def kept():
    return list(cache_dir().glob(f"prepared/*/{int8.FILE}"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


class TestEveryLayout:
    @pytest.fixture(autouse=True)
    def _quantized_once(self, isolated_home, home, monkeypatch):
        """Quantize an encoder once for all tests: they share the folder where it is kept."""
        monkeypatch.setenv("PROMPTSEG_HOME", str(home))

    def test_features_are_near_those_of_float32_and_no_others(self, pair, photo):
        exact, near = (load(pair, quantize=quantize).open(photo()).embedding.features for quantize in (None, "int8"))
        assert set(exact) == set(near)
        assert not all(np.array_equal(exact[name], near[name]) for name in exact)
        for name in exact:
            assert np.abs(near[name] - exact[name]).mean() < 0.1 * np.abs(exact[name]).mean()

    def test_the_provenance_says_it_and_embeddings_are_not_mixed_up(self, pair, photo):
        full, small = load(pair, quantize=None).provenance, load(pair).provenance
        assert (full.dtype, small.dtype) == ("float32", "int8")
        assert full.weights == small.weights
        assert image_key(photo(), full) != image_key(photo(), small)

    def test_it_is_quantized_once_in_the_cache_folder_and_nowhere_else(self, pair, monkeypatch):
        before = {path: path.read_bytes() for path in pair.iterdir()}
        first = load(pair)
        assert {path: path.read_bytes() for path in pair.iterdir()} == before
        assert set(check_prepared(file_sha256(encoder_of(pair))).values()) == {"ok"}
        monkeypatch.setattr(onnx_quantize, "quantized", lambda path: pytest.fail("quantized again"))
        assert load(pair).provenance == first.provenance


class TestTheCache:
    def test_a_damaged_encoder_is_made_again(self, sam_pair, photo):
        expected = load(sam_pair).open(photo()).segment(PROMPT)
        (path,) = kept()
        whole = path.read_bytes()
        path.write_bytes(whole[:-100])
        assert list(load(sam_pair).open(photo()).segment(PROMPT)) == list(expected)
        assert path.read_bytes() == whole

    def test_without_a_writable_cache_it_works_too(self, sam_pair, photo, monkeypatch, tmp_path):
        expected = load(sam_pair).open(photo()).segment(PROMPT)
        (tmp_path / "a file").touch()
        monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path / "a file"))
        assert list(load(sam_pair).open(photo()).segment(PROMPT)) == list(expected)

    def test_other_weights_in_a_file_beside_it_give_another_encoder(self, sam_pair, tmp_path):
        shutil.copy(sam_pair / "decoder.onnx", tmp_path)
        model = onnx.load(str(sam_pair / "encoder.onnx"))
        onnx.save(model, str(tmp_path / "encoder.onnx"), save_as_external_data=True, location="weights.data", size_threshold=0)
        load(tmp_path)
        assert len(kept()) == 1
        content = (tmp_path / "weights.data").read_bytes()
        (tmp_path / "weights.data").write_bytes(content[:4] + bytes(4) + content[8:])
        load(tmp_path)
        assert len(kept()) == 2


class TestRefusals:
    @pytest.mark.parametrize("value", ["int4", "INT8", "", 8, True, ["int8"]], ids=repr)
    def test_another_value_is_refused_with_those_that_there_are(self, value, sam_pair):
        with pytest.raises(ConfigError, match=r"option quantize is 'int8' or None, got"):
            load(sam_pair, quantize=value)

    def test_an_encoder_that_is_quantized_already_is_refused(self, sam_int8_pair):
        with pytest.raises(ConfigError, match="is quantized already: load it without quantize"):
            load(sam_int8_pair)
        assert load(sam_int8_pair, quantize=None).provenance.dtype == "int8"

    def test_a_gpu_is_refused(self):
        with pytest.raises(ConfigError, match="quantize='int8' is for the CPU, and the device is 'cuda'"):
            int8.checked_quantize("int8", "cuda")
        assert int8.checked_quantize(None, "cuda") is None

    def test_an_encoder_that_onnx_runtime_cannot_quantize_is_named(self, sam_pair, monkeypatch):
        def fail(*args, **kwargs):
            raise RuntimeError("unknown operator")

        monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", fail)
        with pytest.raises(BackendError, match=r"could not quantize encoder\.onnx: unknown operator"):
            load(sam_pair)
        assert not kept()


@pytest.mark.parametrize(("vnni", "told"), [(False, True), (True, False), (None, False)])
def test_the_log_says_where_it_gains_little(vnni, told, sam_pair, monkeypatch, caplog):
    monkeypatch.setattr(int8, "has_arithmetic", lambda dtype: vnni)
    with caplog.at_level(logging.INFO, "promptseg"):
        load(sam_pair)
    assert ("this processor has no VNNI" in caplog.text) is told
