"""Phrases as tokens of SAM 3's text encoder, and the embeddings of the phrases that were asked last."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ....errors import WeightsMismatchError, WeightsNotFoundError, shown
from ....runtime.forking import Lock

TOKENS = 32
"""Number of tokens that the text encoder reads, start and end included. The rest of a longer phrase is cut off."""

KEPT = 1024
"""Number of phrases whose embeddings are kept. Each takes 32 KB in float32."""

VISUAL = "visual"
"""Phrase for a concept that has examples alone. The model was trained with this word."""

_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
_MAX_BYTES = 64 << 20

_Value = TypeVar("_Value")

_log = logging.getLogger(__name__)


class Tokenizer:
    """Tokenizer of CLIP with the settings of SAM 3: padded and cut to `TOKENS` tokens.

    Args:
        tokenizer: ``CLIPTokenizer`` of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._lock = Lock()  # Each call sets padding in the tokenizer, and it refuses that while another thread uses it.

    @classmethod
    def from_folder(cls, folder: Path, size: int) -> Tokenizer:
        """Read the tokenizer of a model from its folder.

        Args:
            folder: Folder with ``tokenizer.json``, or with ``vocab.json`` and ``merges.txt``.
            size: Number of tokens that the model knows.

        Raises:
            WeightsNotFoundError: The folder has no tokenizer.
            WeightsMismatchError: The tokenizer is damaged or belongs to another model.
        """
        from transformers import CLIPTokenizer

        names = next((names for names in _FILES if all((folder / name).is_file() for name in names)), None)
        if names is None:
            raise WeightsNotFoundError(f"{folder} has no tokenizer: expected tokenizer.json, or vocab.json and merges.txt")
        if large := [name for name in names if (folder / name).stat().st_size > _MAX_BYTES]:
            raise WeightsMismatchError(f"{folder / large[0]} is not a tokenizer of SAM 3: it is larger than {_MAX_BYTES >> 20} MiB")
        try:
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
            tokens, pad, largest = tokenizer("a").input_ids, tokenizer.pad_token_id, max(tokenizer.get_vocab().values())
        except Exception as error:  # The tokenizers package raises Exception itself.
            reason = str(error).partition("\n")[0][:300]
            raise WeightsMismatchError(f"{folder / names[0]} cannot be read as a tokenizer of CLIP: {reason}") from error
        if len(tokens) != 3 or not isinstance(pad, int) or max(pad, largest) >= size:  # Start, the word and end.
            raise WeightsMismatchError(
                f"{folder / names[0]} is not the tokenizer of this model: its largest ID is {largest}, the model has {size} tokens"
            )
        return cls(tokenizer)

    def __call__(self, phrase: str) -> NDArray[np.int64]:
        """Return the token IDs of a phrase, and 1 where they are not padding: (2, `TOKENS`) int64."""
        with self._lock:
            length = len(self._tokenizer(phrase).input_ids)
            found = self._tokenizer(phrase, padding="max_length", truncation=True, max_length=TOKENS)
        if length > TOKENS:
            _log.warning("SAM 3 reads %d tokens; the end of the phrase %s, which has %d, is not read", TOKENS, shown(phrase), length)
        return np.array([found.input_ids, found.attention_mask], np.int64)


class LatestPhrases(Generic[_Value]):
    """Values by phrase, of which the most recently used are kept. Threads may share it.

    Args:
        make: Function that returns the value of a phrase.
        most: Maximum number of values.
    """

    def __init__(self, make: Callable[[str], _Value], most: int = KEPT) -> None:
        self._make = make
        self._most = most
        self._values: OrderedDict[str, _Value] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, phrase: str) -> _Value:
        with self._lock:
            if phrase in self._values:
                self._values.move_to_end(phrase)
                return self._values[phrase]
        value = self._make(phrase)
        with self._lock:
            value = self._values.setdefault(phrase, value)
            self._values.move_to_end(phrase)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
