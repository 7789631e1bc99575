"""Where the parts of a Grounding DINO are: in the catalog's files, or in what a user gives in place of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...weights.store import ModelWeights

VOCABULARIES = ("vocab.txt", "tokenizer.json")
"""Files that hold the vocabulary; the first that is there is read."""


@dataclass(frozen=True)
class Layout:
    """The parts of a model on this machine.

    Attributes:
        folder: The folder of the weights.
        checkpoint: The original checkpoint in it, or None where transformers saved the model there.
        vocabulary: ``vocab.txt`` or ``tokenizer.json``.
    """

    folder: Path
    checkpoint: Path | None
    vocabulary: Path


def layout_of(weights: ModelWeights) -> Layout:
    """The layout of weights that were fetched, or given by the user."""
    vocabulary = next(path for path in weights.files.values() if path.name in VOCABULARIES)
    config = weights.files.get("config.json")
    if config is not None:
        return Layout(config.parent, None, vocabulary)
    checkpoint = next(path for path in weights.files.values() if path.name not in VOCABULARIES)
    return Layout(checkpoint.parent, checkpoint, vocabulary)
