"""Engine on the original code of Grounding DINO (package ``groundingdino-py``), adapted to current versions of transformers.

The package itself has three problems. Its wrapper of BERT calls methods that transformers 5 no longer has. It fetches its tokenizer and
BERT from a hub. Its loading hides tensors that do not fit. Here, the text encoder is the BERT of transformers with the attention mask that
the model needs, captions are token IDs, and weights are loaded strictly.
"""

from __future__ import annotations

import threading
import types
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...runtime.checkpoints import check_state
from .architecture import ATTENTION_HEADS, FEATURE_LEVELS, VOCABULARY_SIZE, WIDTH, Architecture
from .checkpoint import check_shared_box_head


class OriginalGrounding(torch.nn.Module):
    """Original model with tensors as inputs and outputs.

    Args:
        model: ``GroundingDINO``, as `build` makes it.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.eval().requires_grad_(False)
        self._lock = threading.Lock()

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (1, Q, 256) and boxes (1, Q, 4) for (1, 3, h, w) pixels and (1, T) token IDs."""
        with self._lock:  # The backbone stores the input size in itself.
            outputs = self.model(pixels, captions=tokens)
        return outputs["pred_logits"], outputs["pred_boxes"]


def from_original(path: Path, state: dict[str, Tensor], architecture: Architecture, model: str) -> OriginalGrounding:
    """Return the original model with the weights of a checkpoint.

    Args:
        path: The checkpoint, named in messages.
        state: Tensors of the checkpoint, from `promptseg.models.grounding_dino.checkpoint.read_original`.
        architecture: Sizes of the model.
        model: Name of the model in messages.

    Raises:
        WeightsMismatchError: Tensors are missing, unexpected or of another shape.
    """
    check_shared_box_head(path, state)
    built = build(architecture)
    check_state(path, state, built.state_dict(), model)
    built.load_state_dict(state, strict=True)
    return OriginalGrounding(built)


def build(architecture: Architecture) -> Any:
    """Return the original ``GroundingDINO`` with random weights. The caller's random state does not change."""
    # The warnings are about old names in timm and about torch.meshgrid. torch shows the latter once in a process.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
        warnings.simplefilter("ignore")
        return _build(architecture)


def _build(architecture: Architecture) -> Any:
    from groundingdino.models.GroundingDINO.backbone.backbone import Joiner
    from groundingdino.models.GroundingDINO.backbone.position_encoding import PositionEmbeddingSineHW
    from groundingdino.models.GroundingDINO.backbone.swin_transformer import SwinTransformer
    from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
    from groundingdino.models.GroundingDINO.transformer import Transformer

    swin = SwinTransformer(
        embed_dim=architecture.embed_dim,
        depths=list(architecture.depths),
        num_heads=list(architecture.heads),
        window_size=architecture.window,
        out_indices=(1, 2, 3),
    )
    backbone = Joiner(swin, PositionEmbeddingSineHW(WIDTH // 2, temperatureH=20, temperatureW=20, normalize=True))
    backbone.num_channels = swin.num_features[1:]
    transformer = Transformer(
        d_model=WIDTH,
        nhead=ATTENTION_HEADS,
        num_queries=architecture.queries,
        num_encoder_layers=architecture.layers,
        num_decoder_layers=architecture.layers,
        dim_feedforward=architecture.feed_forward,
        return_intermediate_dec=True,
        num_feature_levels=FEATURE_LEVELS,
        learnable_tgt_init=True,
        two_stage_type="standard",
        embed_init_tgt=True,
        use_text_enhancer=True,
        use_fusion_layer=True,
        use_text_cross_attention=True,
    )

    # The constructor finds its tokenizer and text encoder by name in the globals of its module. A copy of the constructor gets other
    # globals. Changing the module itself would affect every other user of the package in this process.
    constructor = GroundingDINO.__init__
    text = types.SimpleNamespace(
        get_tokenlizer=lambda _: _Tokens(),
        get_pretrained_language_model=lambda _: _text_encoder(architecture),
    )
    names = {**constructor.__globals__, "get_tokenlizer": text, "BertModelWarper": lambda bert_model: bert_model}
    construct = types.FunctionType(constructor.__code__, names, constructor.__name__, constructor.__defaults__, constructor.__closure__)
    model = GroundingDINO.__new__(GroundingDINO)
    construct(
        model,
        backbone,
        transformer,
        num_queries=architecture.queries,
        iter_update=True,
        query_dim=4,
        num_feature_levels=FEATURE_LEVELS,
        nheads=ATTENTION_HEADS,
        two_stage_type="standard",
        two_stage_bbox_embed_share=False,
        two_stage_class_embed_share=False,
    )
    for layer in model.transformer.decoder.layers:
        layer.forward_ffn = types.MethodType(_feed_forward, layer)
    return model


def _text_encoder(architecture: Architecture) -> Any:
    """Return a BERT of transformers that accepts the attention mask of the original code, (1, T, T), and reshapes it to (1, 1, T, T)."""
    from transformers import BertConfig, BertModel

    class TextEncoder(BertModel):  # type: ignore[misc]  # Without types, the base class is Any.
        def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor, position_ids: Tensor) -> Any:
            return super().forward(
                input_ids=input_ids, token_type_ids=token_type_ids, attention_mask=attention_mask[:, None], position_ids=position_ids
            )

    return TextEncoder(
        BertConfig(
            vocab_size=VOCABULARY_SIZE,
            hidden_size=architecture.text_width,
            num_hidden_layers=architecture.text_layers,
            num_attention_heads=architecture.text_heads,
            intermediate_size=architecture.text_feed_forward,
        )
    )


class _Tokens:
    """Replacement for the original tokenizer. Captions are token IDs already."""

    def __call__(self, captions: Tensor, **_: Any) -> Any:
        from transformers import BatchEncoding

        return BatchEncoding({"input_ids": captions, "token_type_ids": captions * 0, "attention_mask": captions * 0 + 1})

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        from .captions import SPECIAL

        return [SPECIAL[token] for token in tokens]


def _feed_forward(layer: Any, values: Tensor) -> Tensor:
    """Feed-forward network of a decoder layer, without the deprecated form of autocast that makes torch warn at each call."""
    change = layer.linear2(layer.dropout3(layer.activation(layer.linear1(values))))
    summed: Tensor = layer.norm3(values + layer.dropout4(change))
    return summed
