"""`Architecture`: the numbers that tell one Grounding DINO from another, from which either engine builds its model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """The sizes of a Grounding DINO. What is not here is the same for all of them.

    Attributes:
        embed_dim: Channels of the first stage of the Swin Transformer.
        depths: Its blocks, by stage.
        heads: Its attention heads, by stage.
        window: Side of its attention windows, in patches.
        layers: Layers of the encoder, and of the decoder.
        feed_forward: Width of their feed-forward networks.
        queries: Boxes that the model proposes for an image.
        text_layers: Layers of the text encoder, a BERT.
        text_width: Its width.
        text_heads: Its attention heads.
        text_feed_forward: Width of its feed-forward networks.
        shorter_side: Pixels of the shorter side of the frame that it sees.
        longest_side: Most pixels of the longer side.
    """

    embed_dim: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    layers: int = 6
    feed_forward: int = 2048
    queries: int = 900
    text_layers: int = 12
    text_width: int = 768
    text_heads: int = 12
    text_feed_forward: int = 3072
    shorter_side: int = 800
    longest_side: int = 1333


WIDTH = 256
"""Width of the encoder and decoder. The original code has it in several places as a number, so that no model has another."""

ATTENTION_HEADS = 8
"""Attention heads of the encoder and decoder."""

FEATURE_LEVELS = 4
"""Resolutions at which an image is seen: three stages of the backbone, and one below them."""

VOCABULARY_SIZE = 30522
"""Tokens of bert-base-uncased."""

ARCHITECTURES = {
    "swin-t": Architecture(embed_dim=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7),
    "swin-b": Architecture(embed_dim=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12),
}
"""The published models, by the variant of the catalog."""
