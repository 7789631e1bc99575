"""`Architecture`: the sizes of the Grounding DINO variants. Both engines build their models from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """Sizes of a Grounding DINO. All variants share the sizes that are not listed here.

    Attributes:
        embed_dim: Channels of the first stage of the Swin Transformer.
        depths: Number of blocks of each stage.
        heads: Number of attention heads of each stage.
        window: Side of the attention windows, in patches.
        layers: Number of layers of the encoder, and of the decoder.
        feed_forward: Width of the feed-forward networks of encoder and decoder.
        queries: Number of boxes that the model predicts for an image.
        text_layers: Number of layers of the text encoder, a BERT.
        text_width: Width of the text encoder.
        text_heads: Number of attention heads of the text encoder.
        text_feed_forward: Width of the feed-forward networks of the text encoder.
        shorter_side: Shorter side of the model input, in pixels.
        longest_side: Maximum of the longer side of the model input, in pixels.
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
"""Width of the encoder and decoder. The original code has this number in several places, so no variant can have another."""

ATTENTION_HEADS = 8
"""Number of attention heads of the encoder and decoder."""

FEATURE_LEVELS = 4
"""Number of feature maps of different resolution: three stages of the backbone, and one of lower resolution."""

VOCABULARY_SIZE = 30522
"""Number of tokens in the vocabulary of bert-base-uncased."""

ARCHITECTURES = {
    "swin-t": Architecture(embed_dim=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7),
    "swin-b": Architecture(embed_dim=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12),
}
"""Architectures of the published models, by the variant in the catalog."""
