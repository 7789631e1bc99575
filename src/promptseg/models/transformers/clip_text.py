"""`ClipTokenizer`: phrases as tokens of CLIP, from the files of a folder, without truncation and without marks inside a phrase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import InputError, PromptError, WeightsMismatchError, WeightsNotFoundError, shown
from ...runtime.structured import read_json, read_text

_MAX_BYTES = 64 << 20
_START, _END = "<|startoftext|>", "<|endoftext|>"


class ClipTokenizer:
    """Tokenizer of CLIP: lower case, then byte pairs.

    Args:
        vocabulary: Token ID of each piece.
        merges: Pairs of pieces that are joined, in this order.
        size: Number of tokens that the model knows.
        origin: Source of the vocabulary, named in messages.

    Raises:
        WeightsMismatchError: The vocabulary belongs to another model.
    """

    def __init__(self, vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], size: int, origin: str = "the vocabulary") -> None:
        from transformers import CLIPTokenizer

        missing = [token for token in (_START, _END) if token not in vocabulary]
        if missing:
            raise WeightsMismatchError(f"{origin} is not a vocabulary of CLIP: it lacks {' and '.join(missing)}")
        self.end = vocabulary[_END]
        # The models read a phrase where its largest ID is, which must be the end.
        if self.end != max(vocabulary.values()) or min(vocabulary.values()) < 0 or self.end >= size:
            raise WeightsMismatchError(
                f"{origin} is not that of the model: its IDs go from {min(vocabulary.values())} to {max(vocabulary.values())}, the end is "
                f"{self.end}; the model has {size} tokens, of which the last is the end"
            )
        self._start = vocabulary[_START]
        try:
            self._tokenizer = CLIPTokenizer(vocab=dict(vocabulary), merges=list(merges)).backend_tokenizer
        except Exception as error:  # The tokenizers package raises Exception itself.
            raise WeightsMismatchError(f"{origin} is not a vocabulary of CLIP: {error}") from error

    @classmethod
    def from_folder(cls, folder: Path, size: int) -> ClipTokenizer:
        """Read the tokenizer from ``vocab.json`` and ``merges.txt``, or from ``tokenizer.json``.

        Args:
            folder: The folder.
            size: Number of tokens that the model knows.

        Raises:
            WeightsNotFoundError: The folder has neither.
            WeightsMismatchError: A file is damaged or belongs to another model.
        """
        pair, whole = (folder / "vocab.json", folder / "merges.txt"), folder / "tokenizer.json"
        if not all(path.is_file() for path in pair) and not whole.is_file():
            raise WeightsNotFoundError(f"{folder} has no tokenizer: expected vocab.json and merges.txt, or tokenizer.json")
        origin = pair[0] if pair[0].is_file() and pair[1].is_file() else whole
        try:
            if origin == whole:
                model = read_json(whole, _MAX_BYTES)["model"]
                vocabulary, lines = model["vocab"], model["merges"]
            else:
                vocabulary = read_json(pair[0], _MAX_BYTES)
                lines = [line for line in read_text(pair[1], _MAX_BYTES).split("\n") if line and not line.startswith("#version")]
            pieces = {str(piece): int(number) for piece, number in vocabulary.items()}
            merges = [_pair(line) for line in lines]
        except (InputError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise WeightsMismatchError(f"{origin} contains no vocabulary of CLIP: {error!r}") from error
        return cls(pieces, merges, size, str(origin))

    def __call__(self, text: str, most: int) -> list[int]:
        """Return the token IDs of a phrase, with those of its start and end.

        Args:
            text: The phrase.
            most: Maximum number of tokens, start and end included.

        Raises:
            PromptError: The phrase has more tokens, has none, or has a mark of the model in it.
        """
        words = list(self._tokenizer.encode(text, add_special_tokens=False).ids)
        if self._start in words or self.end in words:
            raise PromptError(f"the model cannot read phrase {shown(text)}: it has a mark of the model in it, or a sign without a token")
        if not words:
            raise PromptError(f"phrase {shown(text)} has no words for the model")
        if len(words) + 2 > most:
            raise PromptError(f"phrase {shown(text)} has {len(words)} tokens, and the model reads at most {most - 2}: shorten it")
        return [self._start, *words, self.end]


def _pair(line: object) -> tuple[str, str]:
    first, second = line.split(" ") if isinstance(line, str) else tuple(line)  # type: ignore[arg-type]  # What is not a pair raises TypeError.
    return str(first), str(second)
