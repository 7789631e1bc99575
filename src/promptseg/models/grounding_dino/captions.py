"""Captions: phrases as the tokens that Grounding DINO reads, packed into as few passes as its limit allows, each with its own span.

A caption is ``[CLS] tokens . tokens . … [SEP]``. Within the text encoder the tokens of a phrase see one another and no other phrase's,
and are counted from 0, because the model takes ``.`` and ``?`` for the ends of phrases. So these two are left out where a phrase has them
itself: ``"St. Bernard"`` is one phrase, of the tokens ``st bernard``. Captions are put together from tokens, never from text, so that a
span is right by construction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import PromptError, WeightsMismatchError
from ...vocabulary import Phrase

MAX_TOKENS = 256
"""Tokens of a caption that the model reads, with ``[CLS]``, ``[SEP]`` and the full stops."""

SPECIAL = {"[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"""Tokens that the model knows by number."""

_CLS, _SEP, _END = (SPECIAL[token] for token in ("[CLS]", "[SEP]", "."))
_SEPARATORS = frozenset({SPECIAL["."], SPECIAL["?"]})


@dataclass(frozen=True)
class Span:
    """The tokens of one way to say a phrase.

    Attributes:
        phrase: Index of the phrase.
        start: Position of its first token in the caption.
        stop: Position after its last.
    """

    phrase: int
    start: int
    stop: int


@dataclass(frozen=True)
class Caption:
    """What the model reads in one pass.

    Attributes:
        tokens: Numbers of the tokens.
        spans: Where the phrases are, in the order of the tokens.
    """

    tokens: tuple[int, ...]
    spans: tuple[Span, ...]


class WordPieces:
    """bert-base-uncased's way from text to tokens: lower case, accents dropped, words cut into pieces that are in the vocabulary.

    Args:
        vocabulary: Number of each piece.
        origin: Where it is from, for the message.

    Raises:
        WeightsMismatchError: It is another model's vocabulary.
    """

    def __init__(self, vocabulary: Mapping[str, int], origin: str = "the vocabulary") -> None:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        for token, number in SPECIAL.items():
            if vocabulary.get(token) != number:
                raise WeightsMismatchError(
                    f"{origin} is not that of bert-base-uncased, which Grounding DINO needs: "
                    f"token {token!r} should have the number {number}, it has {vocabulary.get(token)}"
                )
        # Without the special tokens, which a tokenizer of transformers would also find in what a user writes, such as "[SEP]".
        self._tokenizer = Tokenizer(models.WordPiece(vocab=dict(vocabulary), unk_token="[UNK]"))  # noqa: S106 - Not a password.
        self._tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    @classmethod
    def from_file(cls, path: Path) -> WordPieces:
        """Reads ``vocab.txt``, one piece a line, or ``tokenizer.json``, of which the vocabulary is taken and nothing else.

        Raises:
            WeightsMismatchError: The file is neither, or holds another vocabulary.
        """
        try:
            text = path.read_text("utf-8")
            if path.suffix == ".json":
                vocabulary = {str(piece): int(number) for piece, number in json.loads(text)["model"]["vocab"].items()}
            else:
                vocabulary = {piece: number for number, piece in enumerate(text.split("\n"))}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsMismatchError(f"{path} holds no vocabulary: {error!r}") from error
        return cls(vocabulary, str(path))

    def __call__(self, text: str) -> tuple[int, ...]:
        """Numbers of the tokens of a phrase, without what the model would take for the end of a phrase.

        Raises:
            PromptError: Nothing is left, or the vocabulary does not have all of it.
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


def pack(phrases: Sequence[Phrase], pieces: WordPieces, most_phrases: int | None = None) -> list[Caption]:
    """Packs phrases into captions, in their order.

    Args:
        phrases: The phrases; each alternative gets a span.
        pieces: The tokenizer.
        most_phrases: Most spans of a caption, or None for as many as it can hold.

    Raises:
        PromptError: An alternative is too long for a caption, has no tokens, or is the same to the model as another phrase's.
    """
    captions: list[Caption] = []
    tokens, spans = [_CLS], list[Span]()
    for index, words in _ways(phrases, pieces):
        full = len(tokens) + len(words) + 2 > MAX_TOKENS or len(spans) == most_phrases
        if spans and full:
            captions.append(Caption((*tokens, _SEP), tuple(spans)))
            tokens, spans = [_CLS], []
        spans.append(Span(index, len(tokens), len(tokens) + len(words)))
        tokens += [*words, _END]
    captions.append(Caption((*tokens, _SEP), tuple(spans)))
    return captions


def _ways(phrases: Sequence[Phrase], pieces: WordPieces) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Each phrase's index with the tokens of each way to say it that differs to the model."""
    owners: dict[tuple[int, ...], int] = {}
    longest = MAX_TOKENS - 3
    for index, phrase in enumerate(phrases):
        for alternative in phrase.alternatives:
            words = pieces(alternative)
            if len(words) > longest:
                raise PromptError(
                    f"phrase {_shortened(alternative)!r} has {len(words)} tokens, and the model reads at most {longest} of a phrase"
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
