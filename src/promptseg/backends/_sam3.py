"""What the backends of SAM 3 share: the classes of transformers, and the folders that they read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import WeightsMismatchError, shown
from ..models.transformers.loading import CONFIG
from ..models.transformers.sam3.phrases import TOKENS, Tokenizer
from . import _transformers

VIDEO = "Sam3VideoModel"
"""Class that the published folder names. It holds the concept model and the tracker; each is read out of it."""

_MAX_SIDE = 4096
"""Maximum side of the model input. That of the published models is 1008."""


def class_of(name: str) -> Any:
    """Return a class of transformers for SAM 3 by its name.

    Raises:
        MissingDependencyError: The installed version of transformers is too old, or lacks the class.
    """
    return _transformers.class_of(name, "SAM 3")


def check_side(folder: Path, backbone: Any, decoded: int | None = None) -> None:
    """Check the size of the model input, which no tensor shows.

    Args:
        folder: Folder of the model.
        backbone: Configuration of the backbone.
        decoded: Side of the model input that the decoder was made for; None for a model without a decoder of points.

    Raises:
        WeightsMismatchError: The size is none of this model.
    """
    side, patch = backbone.image_size, backbone.patch_size
    if not isinstance(side, int) or not isinstance(patch, int) or not 0 < patch <= side <= _MAX_SIDE or side % patch:
        raise WeightsMismatchError(
            f"{folder / CONFIG} says an image size of {shown(side)} in patches of {shown(patch)}: "
            f"expected a multiple of the patch size of at most {_MAX_SIDE}"
        )
    if decoded not in (None, side):
        raise WeightsMismatchError(f"{folder / CONFIG} says an image size of {side} for the encoder and of {decoded} for the decoder")


def tokenizer_of(folder: Path, text: Any) -> Tokenizer:
    """Return the tokenizer of a concept model.

    Args:
        folder: Folder of the model.
        text: Configuration of the text encoder.

    Raises:
        WeightsNotFoundError: The folder has no tokenizer.
        WeightsMismatchError: The tokenizer is damaged or belongs to another model, or the encoder reads fewer tokens than SAM 3's.
    """
    if text.max_position_embeddings < TOKENS:
        raise WeightsMismatchError(
            f"{folder / CONFIG} says that the text encoder reads {text.max_position_embeddings} tokens, expected {TOKENS}"
        )
    return Tokenizer.from_folder(folder, int(text.vocab_size))
