"""Original checkpoints: recognition, refusals by name, and renaming for transformers without losing a tensor."""

import re

import pytest

from promptseg.errors import WeightsMismatchError

torch = pytest.importorskip("torch", reason="checkpoints need torch")

from promptseg.models.grounding_dino.checkpoint import check_shared_box_head, for_transformers, read_original  # noqa: E402 - It needs torch.

PATCHES, WORDS = "backbone.0.patch_embed.proj.weight", "bert.embeddings.word_embeddings.weight"


def saved(folder, embed_dim=96, **tensors):
    path = folder / "weights.pth"
    torch.save({"model": {PATCHES: torch.zeros(embed_dim, 3, 4, 4), WORDS: torch.zeros(3, 4), **tensors}}, path)
    return path


def test_names_lose_what_training_in_parallel_put_before_them_and_left_overs_go(tmp_path):
    path = saved(tmp_path, **{"module.feat_map.bias": torch.ones(2), "module.label_enc.weight": torch.ones(2)})
    assert set(read_original(path, "swin-t", "grounding-dino-swin-t")) == {PATCHES, WORDS, "feat_map.bias"}


def test_half_precision_is_read_as_float32(tmp_path):
    state = read_original(saved(tmp_path, **{"feat_map.bias": torch.ones(2, dtype=torch.float16)}), "swin-t", "m")
    assert state["feat_map.bias"].dtype == torch.float32


@pytest.mark.parametrize(
    ("embed_dim", "found", "needed"), [(128, "swin-b", "swin-t"), (96, "swin-t", "swin-b"), (192, "a Swin of 192 channels", "swin-b")]
)
def test_another_variant_is_refused_by_name(embed_dim, found, needed, tmp_path):
    with pytest.raises(WeightsMismatchError, match=f"these are the weights of {found}, model 'grounding-dino-{needed}' needs {needed}"):
        read_original(saved(tmp_path, embed_dim), needed, f"grounding-dino-{needed}")


def test_another_kind_of_model_is_refused_with_what_it_has(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"model.0.conv.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsMismatchError, match=r"not a checkpoint of Grounding DINO.*has model\.0\.conv\.weight"):
        read_original(path, "swin-t", "grounding-dino-swin-t")


def test_box_heads_that_differ_from_layer_to_layer_are_refused(tmp_path):
    shared = {
        f"{where}.{layer}.layers.0.bias": torch.ones(4) for where in ("bbox_embed", "transformer.decoder.bbox_embed") for layer in (0, 1)
    }
    check_shared_box_head(tmp_path, shared)
    for name in ("bbox_embed.1.layers.0.bias", "transformer.decoder.bbox_embed.0.layers.0.bias"):
        with pytest.raises(WeightsMismatchError, match=re.escape(name)):
            check_shared_box_head(tmp_path, {**shared, name: torch.zeros(4)})


class TestNames:
    @pytest.fixture(scope="class")
    @staticmethod
    def pair(random_state):
        state = random_state()
        return state, for_transformers(state)

    def test_they_are_those_that_transformers_saves(self, pair, engines, tiny, tmp_path):
        safetensors = pytest.importorskip("safetensors")
        from transformers import GroundingDinoForObjectDetection

        with torch.random.fork_rng(devices=[]):
            GroundingDinoForObjectDetection(engines.transformers.configuration(tiny)).save_pretrained(tmp_path)
        with safetensors.safe_open(tmp_path / "model.safetensors", "pt") as file:
            theirs = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - It is not a mapping.
        unused = {name for name in theirs if name.startswith("model.backbone.conv_encoder.model.swin.layernorm.")}
        assert len(unused) == 2
        # Of attention windows, each version of transformers makes the index itself or loads it.
        ours = {name: tuple(tensor.shape) for name, tensor in pair[1].items() if name in theirs or "relative_position_index" not in name}
        assert ours == {name: shape for name, shape in theirs.items() if name not in unused}

    def test_no_value_is_lost_but_those_that_nothing_uses(self, pair):
        original, renamed = pair
        left_out = [name for name in original if re.search(r"bert\.pooler|bbox_embed\.[1-9]|decoder\.bbox_embed", name)]
        kept = sum(tensor.sum(dtype=torch.float64) for name, tensor in original.items() if name not in left_out)
        assert sum(tensor.sum(dtype=torch.float64) for tensor in renamed.values()) == pytest.approx(kept.item(), abs=1e-6)
        assert sum(tensor.numel() for tensor in renamed.values()) == sum(t.numel() for n, t in original.items() if n not in left_out)


def test_combined_weights_are_cut_into_query_key_and_value():
    state = {"transformer.decoder.layers.0.self_attn.in_proj_weight": torch.arange(6).view(6, 1)}
    name = "model.decoder.layers.0.self_attn"
    assert {key: tensor.flatten().tolist() for key, tensor in for_transformers(state).items()} == {
        f"{name}.query.weight": [0, 1],
        f"{name}.key.weight": [2, 3],
        f"{name}.value.weight": [4, 5],
    }
