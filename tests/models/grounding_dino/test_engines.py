"""Both engines with one state dict: equal logits and boxes, strict loading, no side effects."""

import socket
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from promptseg.errors import BackendError, MissingDependencyError, OutOfMemoryError, WeightsMismatchError, WeightsNotFoundError
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the engines need torch")

from promptseg.models.grounding_dino.torch_model import TorchGrounding  # noqa: E402 - It needs torch.

RED_CAR_AND_CAR = (101, 2417, 2482, 1012, 2482, 1012, 102)
PROVENANCE = Provenance("tiny", "tests", "test 1", {}, "Apache-2.0")


@pytest.fixture
def pair(engines, tiny, tmp_path):
    """Both engines with one state dict, as `GroundingModel`."""

    def make(state):
        built = [engine.from_original(tmp_path, state, tiny, "tiny") for engine in (engines.original, engines.transformers)]
        return [TorchGrounding(module, PROVENANCE, torch.device("cpu")) for module in built]

    return make


def random_input(height=67, width=107, seed=0):
    return np.random.default_rng(seed).normal(size=(3, height, width)).astype(np.float32)


def assert_equal_outputs(pair, pixels, tokens):
    (logits, boxes), (other_logits, other_boxes) = (model(pixels, tokens) for model in pair)
    assert logits.shape == (30, len(tokens))
    assert boxes.shape == (30, 4)
    np.testing.assert_allclose(other_logits, logits, atol=1e-4, rtol=0)
    np.testing.assert_allclose(other_boxes, boxes, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(3))
def test_both_engines_give_equal_logits_and_boxes(seed, pair, random_state):
    assert_equal_outputs(pair(random_state(seed)), random_input(seed=seed), RED_CAR_AND_CAR)


@pytest.mark.parametrize("size", [(64, 64), (33, 160), (101, 75)], ids=str)
def test_they_are_equal_on_inputs_of_any_size(size, pair, random_state):
    assert_equal_outputs(pair(random_state()), random_input(*size), RED_CAR_AND_CAR)


def test_they_are_equal_on_the_longest_caption(pair, random_state):
    tokens = (101, *(token for i in range(127) for token in (2000 + i, 1012)), 102)
    assert len(tokens) == 256
    assert_equal_outputs(pair(random_state()), random_input(), tokens)


@pytest.fixture
def edge_state(random_state):
    """Tensors of a model whose initial boxes are as wide as the model input and at its borders, and move away from them."""
    state = random_state()
    for name, tensor in state.items():
        if "bbox_embed" in name and name.endswith("layers.2.bias"):
            tensor += torch.tensor([-9.0, 9.0, 9.0, -9.0]) * (1 if "enc_out" in name else -0.3)
    return state


def test_they_are_equal_for_boxes_at_the_edges(pair, edge_state):
    assert_equal_outputs(pair(edge_state), random_input(), RED_CAR_AND_CAR)


def test_transformers_alone_would_put_boxes_at_the_edges_elsewhere(pair, edge_state):
    original, other = pair(edge_state)
    _, boxes = original(random_input(), RED_CAR_AND_CAR)
    with torch.inference_mode():
        theirs = other._module.model(pixel_values=torch.tensor(random_input())[None], input_ids=torch.tensor([RED_CAR_AND_CAR]))
    assert np.abs(theirs.pred_boxes[0].numpy() - boxes).max() > 0.01


def test_a_phrase_first_or_last_has_the_same_logits(pair, random_state):
    red_car, dog = (2417, 2482, 1012), (3899, 1012)
    for model in pair(random_state()):
        first, boxes = model(random_input(), (101, *red_car, *dog, 102))
        last, other_boxes = model(random_input(), (101, *dog, *red_car, 102))
        np.testing.assert_allclose(last[:, 3:5], first[:, 1:3], atol=1e-4)
        np.testing.assert_allclose(last[:, 1], first[:, 4], atol=1e-4)
        np.testing.assert_allclose(other_boxes, boxes, atol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bits_are_near_thirty_two(dtype, pair, random_state):
    for full in pair(random_state()):
        half = TorchGrounding(full._module, PROVENANCE, torch.device("cpu"), getattr(torch, dtype))
        (logits, _), (expected, _) = (model(random_input(), RED_CAR_AND_CAR) for model in (half, full))
        assert logits.dtype == np.float32
        # Sorted, because boxes that are all but equal in rank change places.
        difference = np.median(np.abs(np.sort(logits, axis=0) - np.sort(expected, axis=0)))
        assert 0 < difference < 0.2


def test_threads_with_inputs_of_different_sizes_do_not_disturb_one_another(pair, random_state):
    inputs = [random_input(64, 64 + 32 * i, seed=i) for i in range(4)]
    for model in pair(random_state()):
        expected = [model(pixels, RED_CAR_AND_CAR) for pixels in inputs]
        with ThreadPoolExecutor(4) as pool:
            for found, alone in zip(pool.map(lambda pixels: model(pixels, RED_CAR_AND_CAR), inputs * 3), expected * 3, strict=True):  # noqa: B023
                assert all(map(np.array_equal, found, alone))


class TestLoading:
    @pytest.fixture(params=["original", "transformers"])
    @staticmethod
    def load(request, engines, tiny, tmp_path):
        engine = getattr(engines, request.param)
        return lambda state: engine.from_original(tmp_path / "weights.pth", state, tiny, "grounding-dino-swin-t")

    def test_a_missing_tensor_is_refused_by_name(self, load, random_state):
        state = random_state()
        del state["feat_map.bias"]
        with pytest.raises(WeightsMismatchError, match=r"weights\.pth does not fit.*lacks (feat_map|model\.text_projection)\.bias"):
            load(state)

    def test_a_tensor_too_many_is_refused_by_name(self, load, random_state):
        with pytest.raises(WeightsMismatchError, match=r"also has extra\.weight"):
            load({**random_state(), "extra.weight": torch.zeros(3)})

    def test_a_tensor_of_another_shape_is_refused_by_name(self, load, random_state):
        with pytest.raises(WeightsMismatchError, match=r"has .*(feat_map|model\.text_projection)\.bias"):
            load({**random_state(), "feat_map.bias": torch.zeros(3)})

    def test_it_evaluates_and_learns_nothing(self, load, random_state):
        module = load(random_state())
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())

    def test_it_reaches_for_no_network_and_says_nothing(self, load, random_state, monkeypatch, capfd):
        def refuse(*args, **kwargs):
            raise AssertionError("a network was reached for")

        state = random_state()
        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(state)(torch.zeros(1, 3, 64, 64), torch.tensor([RED_CAR_AND_CAR]))
        assert capfd.readouterr() == ("", "")

    def test_the_process_is_left_as_it_was(self, load, random_state):
        from groundingdino.models.GroundingDINO import groundingdino
        from transformers.utils import logging

        def settings():
            return (
                torch.get_default_dtype(),
                torch.get_rng_state().tolist(),
                torch.is_grad_enabled(),
                logging.is_progress_bar_enabled(),
                logging.get_verbosity(),
                groundingdino.BertModelWarper,
                groundingdino.get_tokenlizer,
                groundingdino.GroundingDINO.__init__,
            )

        state, before = random_state(), settings()
        load(state)
        assert settings() == before


def test_a_folder_that_transformers_saved_answers_as_the_checkpoint_does(engines, pair, random_state, tiny, tmp_path):
    _, expected = pair(random_state())
    expected._module.model.save_pretrained(tmp_path)
    found = TorchGrounding(engines.transformers.from_folder(tmp_path, "swin-t", "tiny"), PROVENANCE, torch.device("cpu"))
    for one, other in zip(found(random_input(), RED_CAR_AND_CAR), expected(random_input(), RED_CAR_AND_CAR), strict=True):
        assert np.array_equal(one, other)


class TestFolder:
    @pytest.fixture
    @staticmethod
    def load(engines, tmp_path):
        return lambda variant="swin-t": engines.transformers.from_folder(tmp_path, variant, f"grounding-dino-{variant}")

    def test_another_variant_is_refused_by_name(self, load, engines, random_state, tiny, tmp_path):
        engines.transformers.from_original(tmp_path, random_state(), tiny, "tiny").model.save_pretrained(tmp_path)
        with pytest.raises(WeightsMismatchError, match="these are the weights of swin-t, model 'grounding-dino-swin-b' needs swin-b"):
            load("swin-b")

    @pytest.mark.parametrize(
        "config", ["{", "[]", '{"model_type": "bert"}', '{"model_type": "grounding-dino", "backbone_config": {"model_type": "resnet"}}']
    )
    def test_another_configuration_is_refused_with_its_path(self, config, load, tmp_path):
        (tmp_path / "config.json").write_text(config)
        with pytest.raises(WeightsMismatchError, match=r"config\.json"):
            load()

    def test_tensors_that_are_damaged_are_refused_with_the_folder(self, load, engines, tiny, tmp_path):
        engines.transformers.configuration(tiny).save_pretrained(tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"no tensors")
        with pytest.raises(WeightsMismatchError, match=str(tmp_path)):
            load()

    def test_a_pickle_in_its_place_is_not_opened(self, load, engines, tiny, tmp_path):
        engines.transformers.configuration(tiny).save_pretrained(tmp_path)
        torch.save({}, tmp_path / "pytorch_model.bin")
        with pytest.raises(WeightsNotFoundError, match=r"pytorch_model\.bin is a pickle, which is not read"):
            load()


@pytest.mark.parametrize(
    ("installed", "is_refused"), [("4.57.6", True), ("5.22.2", True), ("5.23.0", False), ("5.100.0.dev0", False), ("6.0", False)]
)
def test_a_version_that_gives_wrong_scores_is_refused(installed, is_refused, engines, monkeypatch):
    monkeypatch.setattr(engines.transformers, "version", lambda package: installed)
    if is_refused:
        with pytest.raises(MissingDependencyError, match=rf"needs transformers 5\.23 or later, installed is {installed}.*pip install"):
            engines.transformers.check_version()
    else:
        engines.transformers.check_version()


class Failing(torch.nn.Module):
    """Module that raises a given error."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, pixels, tokens):
        raise self.error


def test_running_out_of_memory_is_said_with_what_to_try():
    model = TorchGrounding(Failing(RuntimeError("DefaultCPUAllocator: can't allocate memory")), PROVENANCE, torch.device("cpu"))
    with pytest.raises(OutOfMemoryError, match=r"out of memory on cpu: no room for an image.*: try dtype='bfloat16'(, allow_slow=True)?"):
        model(random_input(), RED_CAR_AND_CAR)


class Overflowing(torch.nn.Module):
    """Module whose outputs exceed the range of its type."""

    def forward(self, pixels, tokens):
        return torch.full((1, 30, 256), torch.nan), torch.zeros(1, 30, 4)


def test_numbers_that_are_none_are_an_error_and_no_empty_result():
    model = TorchGrounding(Overflowing(), PROVENANCE, torch.device("cpu"), torch.float16)
    with pytest.raises(BackendError, match=r"tiny returned NaN or infinity in torch\.float16: use dtype='float32'"):
        model(random_input(), RED_CAR_AND_CAR)


def test_a_failure_of_the_library_is_said_with_its_version_and_cause():
    model = TorchGrounding(Failing(RuntimeError("mat1 and mat2")), PROVENANCE, torch.device("cpu"))
    with pytest.raises(BackendError, match="test 1 failed: mat1 and mat2") as caught:
        model(random_input(), RED_CAR_AND_CAR)
    assert isinstance(caught.value.__cause__, RuntimeError)
