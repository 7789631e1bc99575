"""Paths of the checkpoint and the vocabulary of a Grounding DINO, from the catalog or from the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...weights.store import ModelWeights

VOCABULARIES = ("vocab.txt", "tokenizer.json")
"""Names of vocabulary files, in order of preference."""


@dataclass(frozen=True)
class GroundingDinoFiles:
    """Paths of a model's files on this host.

    Attributes:
        folder: Folder of the weights.
        checkpoint: Original checkpoint, or None if the folder contains a model that transformers saved.
        vocabulary: ``vocab.txt`` or ``tokenizer.json``.
    """

    folder: Path
    checkpoint: Path | None
    vocabulary: Path


def files_of(weights: ModelWeights) -> GroundingDinoFiles:
    """Return the paths in weights, which are fetched or given by the user."""
    vocabulary = next(path for path in weights.files.values() if path.name in VOCABULARIES)
    config = weights.files.get("config.json")
    if config is not None:
        return GroundingDinoFiles(config.parent, None, vocabulary)
    checkpoint = next(path for path in weights.files.values() if path.name not in VOCABULARIES)
    return GroundingDinoFiles(checkpoint.parent, checkpoint, vocabulary)
