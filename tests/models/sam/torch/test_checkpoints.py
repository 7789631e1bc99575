"""Checkpoints are recognized from their tensors, refused if they are of another model, and never run code."""

import os
import pickle
import re
from pathlib import Path

import pytest

from promptseg.errors import WeightsMismatchError

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.checkpoints import decoder_state, load_checkpoint, load_part, read_checkpoint, variant_of  # noqa: E402 - It needs torch.

HQ = ["sam_hq_vit_h", "sam_hq_vit_l", "sam_hq_vit_b", "sam_hq_vit_tiny"]
WIDTHS = {"vit_h": 1280, "vit_l": 1024, "vit_b": 768}
SAM2_SHAPES = {"t": (96, 12), "s": (96, 16), "b+": (112, 24), "l": (144, 48)}
SAM2 = [f"{generation}_hiera_{size}" for generation in ("sam2", "sam2.1") for size in SAM2_SHAPES]


class Marker:
    """An object whose unpickling makes a file, as a hostile checkpoint would."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def state_of(variant):
    """Return the few tensors that identify a variant."""
    if variant in SAM2:
        generation, _, size = variant.split("_")
        width, depth = SAM2_SHAPES[size]
        state = {f"image_encoder.trunk.blocks.{i}.norm1.weight": torch.zeros(2) for i in range(depth)}
        state["image_encoder.trunk.pos_embed"] = torch.zeros(1, width, 7, 7)
        state["sam_mask_decoder.iou_token.weight"] = torch.zeros(1, 256)
        return {**state, "no_obj_embed_spatial": torch.zeros(1, 64)} if generation == "sam2.1" else state
    if variant in HQ:
        encoder = variant.removeprefix("sam_hq_").replace("vit_tiny", "vit_t")
        return {**state_of(encoder), "mask_decoder.hf_token.weight": torch.zeros(1, 256)}
    state = {"mask_decoder.iou_token.weight": torch.zeros(1, 256)}
    if variant == "vit_t":
        return {**state, "image_encoder.patch_embed.seq.0.c.weight": torch.zeros(32, 3, 3, 3)}
    return {**state, "image_encoder.pos_embed": torch.zeros(1, 64, 64, WIDTHS[variant])}


def saved(folder, content, name="weights.pth"):
    torch.save(content, folder / name)
    return folder / name


class Small(torch.nn.Module):
    """Stand-in for a model of variant ``vit_b``, with few parameters."""

    def __init__(self):
        super().__init__()
        self.image_encoder = torch.nn.Module()
        self.image_encoder.pos_embed = torch.nn.Parameter(torch.zeros(1, 2, 2, 768))
        self.mask_decoder = torch.nn.Module()
        self.mask_decoder.iou_token = torch.nn.Embedding(1, 8)
        self.dropout = torch.nn.Dropout(0.5)
        self.modes = []

    def train(self, mode=True):
        super().train(mode)
        self.modes = [*getattr(self, "modes", []), (mode, self.image_encoder.pos_embed.sum().item())]
        return self


def load_small(path):
    return load_checkpoint(path, Small, "vit_b", "sam-vit-b")


def small_state(**changes):
    state = {"image_encoder.pos_embed": torch.ones(1, 2, 2, 768), "mask_decoder.iou_token.weight": torch.ones(1, 8)}
    return {name: tensor for name, tensor in {**state, **changes}.items() if tensor is not None}


@pytest.mark.parametrize("variant", [*WIDTHS, "vit_t", *HQ, *SAM2])
def test_a_variant_is_recognized_from_its_tensors(variant):
    assert variant_of(state_of(variant)) == variant


@pytest.mark.parametrize(
    ("variant", "changed"),
    [
        ("vit_b", "image_encoder.pos_embed"),
        ("vit_b", "mask_decoder.iou_token.weight"),
        ("sam2.1_hiera_t", "image_encoder.trunk.pos_embed"),
        ("sam2.1_hiera_t", "image_encoder.trunk.blocks.3.norm1.weight"),
        ("sam2.1_hiera_t", "sam_mask_decoder.iou_token.weight"),
    ],
)
def test_a_state_without_the_identifying_tensors_has_no_variant(variant, changed):
    assert variant_of({name: tensor for name, tensor in state_of(variant).items() if name != changed}) is None


def test_the_variants_are_those_of_the_packages():
    sam = pytest.importorskip("segment_anything", reason="segment-anything's own code is not installed")
    for variant in WIDTHS:
        with torch.device("meta"):
            assert variant_of(sam.sam_model_registry[variant]().state_dict()) == variant


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        ("vit_b", "vit_h"),
        ("vit_h", "vit_b"),
        ("vit_t", "vit_l"),
        ("vit_l", "vit_t"),
        ("vit_b", "sam_hq_vit_b"),
        ("sam_hq_vit_b", "vit_b"),
        ("sam_hq_vit_tiny", "sam_hq_vit_b"),
        ("sam2_hiera_t", "vit_b"),
        ("vit_b", "sam2_hiera_t"),
        ("sam2_hiera_t", "sam2.1_hiera_t"),
        ("sam2.1_hiera_s", "sam2.1_hiera_t"),
        ("sam2.1_hiera_l", "sam2_hiera_b+"),
    ],
)
def test_another_variant_is_refused_by_name_before_a_model_is_built(found, needed, tmp_path):
    path = saved(tmp_path, state_of(found))
    with pytest.raises(WeightsMismatchError, match=re.escape(f"these are the weights of {found}, model 'sam-{needed}' needs {needed}")):
        load_checkpoint(path, lambda: pytest.fail("a model was built"), needed, f"sam-{needed}")


def test_weights_are_loaded_as_they_are_and_evaluation_begins_after(tmp_path):
    model = load_small(saved(tmp_path, small_state()))
    assert torch.equal(model.image_encoder.pos_embed, torch.ones(1, 2, 2, 768))
    assert not model.training
    assert not model.dropout.training
    assert model.modes[-1] == (False, 4 * 768)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_checkpoint_in_half_precision_is_loaded_in_float32(tmp_path):
    model = load_small(saved(tmp_path, {name: tensor.half() for name, tensor in small_state().items()}))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("wrapper", ["model", "state_dict"])
def test_a_checkpoint_within_a_training_state_is_found(wrapper, tmp_path):
    path = saved(tmp_path, {wrapper: small_state(), "epoch": 3})
    assert set(read_checkpoint(path)) == set(small_state())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra.weight": torch.ones(1)}, r"also has extra\.weight$"),
        ({f"extra.{i}": torch.ones(1) for i in range(9)}, r"also has extra\.0, extra\.1, extra\.2, extra\.3 and 5 more$"),
        (
            {"mask_decoder.iou_token.weight": torch.ones(1, 9)},
            r"has mask_decoder\.iou_token\.weight \(1, 9\) instead of \(1, 8\)$",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(changes, message, tmp_path):
    with pytest.raises(WeightsMismatchError, match=r"does not fit model 'sam-vit-b': it " + message):
        load_small(saved(tmp_path, small_state(**changes)))


def test_tensors_that_are_missing_are_named(tmp_path):
    class Larger(Small):
        def __init__(self):
            super().__init__()
            self.neck = torch.nn.Linear(2, 2)

    with pytest.raises(WeightsMismatchError, match=r"it lacks neck\.weight, neck\.bias$"):
        load_checkpoint(saved(tmp_path, small_state()), Larger, "vit_b", "sam-vit-b")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused_with_its_cause(share, tmp_path):
    path = saved(tmp_path, small_state())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsMismatchError, match=str(path)) as caught:
        load_small(path)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"\x80\x04N.", b"PK\x03\x04" + bytes(100)], ids=repr)
def test_another_file_is_refused_with_its_path(content, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsMismatchError, match=str(path)):
        load_small(path)


@pytest.mark.parametrize(
    "content",
    [torch.zeros(3), [torch.zeros(3)], {"epoch": 3}, {1: torch.zeros(3)}, {"model": {"w": "text"}}],
    ids=["tensor", "list", "number", "unnamed", "text"],
)
def test_tensors_in_another_shape_than_a_checkpoint_are_refused(content, tmp_path):
    with pytest.raises(WeightsMismatchError, match="is not a checkpoint: it should hold tensors by name, it holds a"):
        read_checkpoint(saved(tmp_path, content))


def test_a_checkpoint_of_another_kind_of_model_is_refused_with_its_tensors(tmp_path):
    with pytest.raises(WeightsMismatchError, match=r"is not a checkpoint of SAM, SAM-HQ, SAM 2 or MobileSAM.*backbone\.weight"):
        load_small(saved(tmp_path, {"backbone.weight": torch.zeros(3)}))


class TestHostile:
    """A file made to run code when it is read. The first test shows that the code would run."""

    def test_the_pickle_would_run_where_it_is_trusted(self, tmp_path):
        path = saved(tmp_path, {"weights": Marker(tmp_path / "was here")})
        torch.load(path, weights_only=False)
        assert (tmp_path / "was here").exists()

    @pytest.mark.parametrize("form", ["torch archive", "old torch file", "bare pickle"])
    def test_nothing_in_a_checkpoint_is_executed(self, form, tmp_path):
        path = tmp_path / "weights.pth"
        content = {**small_state(), "weights": Marker(tmp_path / "was here")}
        if form == "bare pickle":
            path.write_bytes(pickle.dumps(content["weights"]))
        else:
            torch.save(content, path, _use_new_zipfile_serialization=form == "torch archive")
        with pytest.raises(WeightsMismatchError, match="is not a checkpoint that can be loaded safely") as caught:
            load_small(path)
        assert isinstance(caught.value.__cause__, pickle.UnpicklingError)
        assert [entry.name for entry in Path(tmp_path).iterdir()] == ["weights.pth"]


class TestSafetensors:
    @pytest.fixture
    def written(self, tmp_path):
        safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")

        def write(state, name="w.safetensors"):
            safetensors.save_file(state, tmp_path / name)
            return tmp_path / name

        return write

    def test_a_checkpoint_may_be_a_safetensors_file(self, written):
        assert torch.equal(load_small(written(small_state())).image_encoder.pos_embed, torch.ones(1, 2, 2, 768))

    def test_a_damaged_one_is_refused_with_its_path(self, written):
        path = written(small_state())
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(WeightsMismatchError, match=r"w\.safetensors is not a safetensors file, or is damaged"):
            read_checkpoint(path)

    def test_a_decoder_takes_the_place_of_the_models_own(self, written, tiny_sam):
        model, other = tiny_sam(seed=0), tiny_sam(seed=1)
        encoder = {name: tensor.clone() for name, tensor in model.state_dict().items() if name.startswith("image_encoder.")}
        load_part(written(decoder_state(other)), model, decoder_state(model), "tiny")
        for name, tensor in model.state_dict().items():
            expected = encoder[name] if name in encoder else other.state_dict().get(name)
            assert torch.equal(tensor, expected), name
        assert not any(parameter.requires_grad for parameter in model.parameters())

    def test_a_decoder_of_another_shape_is_refused(self, written, tiny_sam):
        with pytest.raises(WeightsMismatchError, match=r"does not fit model 'tiny': it has "):
            load_part(written(decoder_state(tiny_sam(width=64, heads=8))), tiny_sam(), decoder_state(tiny_sam()), "tiny")
