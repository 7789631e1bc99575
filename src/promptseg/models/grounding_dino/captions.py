"""Captions: tokenization of phrases and packing into as few captions as the token limit allows.

A caption is ``[CLS] tokens . tokens . … [SEP]``. In the text encoder, the tokens of a phrase attend only to one another, and their
positions count from 0 in each phrase. The model recognizes the end of a phrase by ``.`` and ``?``. These two characters are therefore
removed from phrases: ``"St. Bernard"`` becomes the tokens ``st bernard`` of one phrase. Captions are composed of tokens and not of text, so
that the span of each phrase is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, PromptError, WeightsMismatchError
from ...runtime.structured import read_json, read_text
from ...vocabulary import Phrase

MAX_TOKENS = 256
"""Maximum number of tokens of a caption, including ``[CLS]``, ``[SEP]`` and the full stops."""

SPECIAL = {"[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"""IDs of the tokens with a special meaning for the model."""

_CLS, _SEP, _END = (SPECIAL[token] for token in ("[CLS]", "[SEP]", "."))
_SEPARATORS = frozenset({SPECIAL["."], SPECIAL["?"]})


@dataclass(frozen=True)
class Span:
    """Position of one alternative of a phrase in a caption.

    Attributes:
        phrase: Index of the phrase.
        start: Position of the first token of the alternative.
        stop: Position after the last token of the alternative.
    """

    phrase: int
    start: int
    stop: int


@dataclass(frozen=True)
class Caption:
    """Text input of one forward pass.

    Attributes:
        tokens: Token IDs.
        spans: Spans of the phrases, in the order of the tokens.
    """

    tokens: tuple[int, ...]
    spans: tuple[Span, ...]


class WordPieceTokenizer:
    """Tokenizer of bert-base-uncased: lower case, accents removed, words split into word pieces of the vocabulary.

    Args:
        vocabulary: Token ID of each word piece.
        origin: Source of the vocabulary, named in the message.

    Raises:
        WeightsMismatchError: The vocabulary belongs to another model.
    """

    def __init__(self, vocabulary: Mapping[str, int], origin: str = "the vocabulary") -> None:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        for token, number in SPECIAL.items():
            if vocabulary.get(token) != number:
                raise WeightsMismatchError(
                    f"{origin} is not that of bert-base-uncased, which Grounding DINO needs: "
                    f"expected ID {number} for token {token!r}, got {vocabulary.get(token)}"
                )
        # Not a tokenizer of transformers: it would recognize special tokens such as "[SEP]" in a user's phrase.
        self._tokenizer = Tokenizer(models.WordPiece(vocab=dict(vocabulary), unk_token="[UNK]"))  # noqa: S106 - Not a password.
        self._tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    @classmethod
    def from_file(cls, path: Path) -> WordPieceTokenizer:
        """Read the vocabulary from ``vocab.txt``, one word piece per line, or from ``tokenizer.json``.

        Raises:
            WeightsMismatchError: The file is neither of them, or it contains the vocabulary of another model.
        """
        try:
            if path.suffix == ".json":
                vocabulary = {str(piece): int(number) for piece, number in read_json(path)["model"]["vocab"].items()}
            else:
                vocabulary = {piece: number for number, piece in enumerate(read_text(path).replace("\r\n", "\n").split("\n"))}
        except (InputError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise WeightsMismatchError(f"{path} contains no vocabulary: {error!r}") from error
        return cls(vocabulary, str(path))

    def __call__(self, text: str) -> tuple[int, ...]:
        """Return the token IDs of a phrase, without ``.`` and ``?``.

        Raises:
            PromptError: The phrase has no other tokens, or contains something that is not in the vocabulary.
        """
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        unknown = [
            text[start:stop] for (start, stop), number in zip(encoding.offsets, encoding.ids, strict=True) if number == SPECIAL["[UNK]"]
        ]
        if unknown:
            raise PromptError(f"the model has no tokens for {', '.join(map(repr, unknown))} in phrase {text!r}: its vocabulary is English")
        tokens = tuple(number for number in encoding.ids if number not in _SEPARATORS)
        if not tokens:
            raise PromptError(f"phrase {text!r} has no words: the model takes '.' and '?' for the ends of phrases")
        return tokens


def pack(phrases: Sequence[Phrase], tokenizer: WordPieceTokenizer, max_phrases: int | None = None) -> list[Caption]:
    """Pack phrases into captions, in their order.

    Args:
        phrases: The phrases. Each alternative gets its own span.
        tokenizer: Tokenizer of the model.
        max_phrases: Maximum number of spans per caption. None: as many as fit into `MAX_TOKENS`.

    Raises:
        PromptError: An alternative is too long for a caption, has no tokens, or has the same tokens as an alternative of another phrase.
    """
    captions: list[Caption] = []
    tokens, spans = [_CLS], list[Span]()
    for index, words in _alternatives(phrases, tokenizer):
        full = len(tokens) + len(words) + 2 > MAX_TOKENS or len(spans) == max_phrases
        if spans and full:
            captions.append(Caption((*tokens, _SEP), tuple(spans)))
            tokens, spans = [_CLS], []
        spans.append(Span(index, len(tokens), len(tokens) + len(words)))
        tokens += [*words, _END]
    captions.append(Caption((*tokens, _SEP), tuple(spans)))
    return captions


def _alternatives(phrases: Sequence[Phrase], tokenizer: WordPieceTokenizer) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the index of each phrase with the token IDs of each of its alternatives, without duplicates."""
    owners: dict[tuple[int, ...], int] = {}
    longest = MAX_TOKENS - 3
    for index, phrase in enumerate(phrases):
        for alternative in phrase.alternatives:
            words = tokenizer(alternative)
            if len(words) > longest:
                raise PromptError(
                    f"phrase {_shortened(alternative)!r} has {len(words)} tokens, and the model reads at most {longest} per phrase"
                )
            if words not in owners:
                owners[words] = index
                yield index, words
            elif owners[words] != index:
                first, second = phrases[owners[words]].label, phrase.label
                raise PromptError(
                    f"{first!r} and {second!r} are the same to the model, which sees neither case nor accents nor full stops: "
                    f"ask for one of them, or for both under one label as '{first}|{second}'"
                )


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"
