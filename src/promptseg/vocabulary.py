"""Phrases, and the classes that they name in a detector with a fixed list of classes.

A phrase says what to detect. ``"car|automobile"`` gives alternatives for one thing; its label is the first of them. A detector with a fixed
list of classes accepts a phrase that names one of them: as it is written, in the plural, or by a synonym from a small table. A synonym is
true of every object of its class, so that no label is wrong. A ``"woman"`` is a person, but not every person that a detector finds is a
woman: so this word is refused, and the message names the class ``"person"``.

Several phrases may be written in one text: with commas, as in ``"cat, dog"``, or as a caption of Grounding DINO, as in ``"cat . dog ."``.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .errors import PromptError, shown

_SAME = (
    ("person", "human", "human being"),
    ("airplane", "aeroplane", "plane"),
    ("bicycle", "bike", "push bike"),
    ("car", "automobile", "motor car"),
    ("motorcycle", "motorbike"),
    ("truck", "lorry"),
    ("traffic light", "traffic signal", "stoplight"),
    ("couch", "sofa", "settee"),
    ("potted plant", "pot plant"),
    ("tv", "television", "tv monitor", "television set", "telly"),
    ("laptop", "laptop computer", "notebook computer"),
    ("mouse", "computer mouse"),
    ("remote", "remote control"),
    ("keyboard", "computer keyboard"),
    ("cell phone", "cellular phone", "mobile phone", "mobile telephone", "smartphone"),
    ("refrigerator", "fridge"),
    ("hair drier", "hair dryer", "hairdryer", "blow dryer"),
    ("donut", "doughnut"),
    ("hot dog", "hotdog"),
    ("frisbee", "flying disc"),
    ("backpack", "rucksack", "knapsack"),
    ("handbag", "hand bag", "purse"),
    ("tie", "necktie"),
    ("fire hydrant", "hydrant", "fireplug"),
    ("microwave", "microwave oven"),
    ("skis", "ski", "pair of skis"),
    ("scissors", "pair of scissors"),
)
"""Names of one thing. If one of them is the name of a class, the others name that class, too."""

_WIDER = {
    "cell phone": ("phone", "telephone"),
    "dining table": ("table",),
    "potted plant": ("plant",),
    "sports ball": ("ball",),
    "teddy bear": ("teddy", "soft toy"),
    "wine glass": ("glass",),
}
"""Words that are true of every object of a class, but of other things, too. They name the class unless another class has that name."""

_NARROWER = {
    "person": ("man", "woman", "boy", "girl", "child", "kid", "baby", "adult", "pedestrian", "player", "cyclist", "rider"),
    "car": ("taxi", "cab", "sedan", "suv"),
    "truck": ("pickup",),
    "bus": ("coach", "minibus"),
    "boat": ("ship", "yacht", "sailing boat", "sailboat", "canoe", "ferry"),
    "bird": ("duck", "pigeon", "gull", "eagle", "swan"),
    "dog": ("puppy",),
    "cat": ("kitten",),
    "horse": ("pony", "foal"),
    "sheep": ("lamb",),
    "cow": ("bull", "calf"),
    "chair": ("armchair", "stool"),
    "cup": ("mug",),
}
"""Words that are true of some objects of a class only. They are refused as labels, and the message names the class."""

_IRREGULAR = {
    "person": ("people",),
    "man": ("men",),
    "child": ("children",),
    "mouse": ("mice",),
    "foot": ("feet",),
    "tooth": ("teeth",),
    "goose": ("geese",),
    "calf": ("calves",),
    "knife": ("knives",),
    "shelf": ("shelves",),
    "leaf": ("leaves",),
    "wolf": ("wolves",),
    "bus": ("buses", "busses"),
}

_ARTICLES = ("a ", "an ", "the ")

MAX_PHRASES = 10_000
"""Maximum number of phrases that are given together."""

MAX_PHRASE_LENGTH = 1000
"""Maximum number of characters in a phrase."""

_LISTED = 12
"""Maximum number of names that a message lists."""

_ABBREVIATIONS = frozenset({"dr", "ft", "jr", "mr", "mrs", "ms", "mt", "no", "sr", "st", "vs"})
"""Words whose full stop does not end a phrase."""


@dataclass(frozen=True)
class Phrase:
    """A phrase to detect, split into its alternatives.

    Attributes:
        label: Label of its detections: the first alternative as the user wrote it.
        alternatives: The alternatives without duplicates; at least one.
    """

    label: str
    alternatives: tuple[str, ...]


def check_phrases(phrases: Sequence[str]) -> None:
    """Check that phrases can be read, before a model sees them.

    Raises:
        PromptError: There are more than `MAX_PHRASES`; or one is not text, is blank or is longer than `MAX_PHRASE_LENGTH`.
    """
    if len(phrases) > MAX_PHRASES:
        raise PromptError(f"at most {MAX_PHRASES} phrases are taken, got {len(phrases)}")
    for phrase in phrases:
        if not isinstance(phrase, str) or not phrase.strip():
            raise PromptError(f"a phrase is text that is not blank, got {shown(phrase)}")
        if len(phrase) > MAX_PHRASE_LENGTH:
            raise PromptError(f"a phrase has at most {MAX_PHRASE_LENGTH} characters, got {len(phrase)}: {shown(phrase)}")


def split_phrases(text: object) -> tuple[str, ...]:
    """Return the phrases of a text, in their order: it is split at commas, and at full stops as captions of Grounding DINO are written.

    - ``"cat, dog"``, ``"cat,dog,"``: A comma separates phrases.
    - ``"cat . dog ."``, ``"cat . dog"``: So does a full stop between spaces.
    - ``"cat. dog."``: So does a full stop after a word, if the text also ends with one. ``"St. Bernard"`` is one phrase.
    - ``"a cat."``: A full stop at the end is no part of the phrase.

    The full stop of an abbreviation never separates: ``"U.S. flag."``, ``"St. Bernard . cat ."``. Nor does one within a word:
    ``"3.5 inch disk"``. Empty parts are left out.

    Raises:
        PromptError: `text` is not text, or has no phrase.
    """
    if not isinstance(text, str):
        hint = ": give several as Prompt.text(*phrases)" if isinstance(text, (list, tuple)) else ""
        raise PromptError(f"a phrase is text that is not blank, got {shown(text)}{hint}")
    phrases = [phrase for part in text.split(",") for phrase in _sentences(f" {part} ")]
    if not phrases:
        raise PromptError(f"a phrase is text that is not blank, got {shown(text)}: name what to find, such as 'cat, red car'")
    return tuple(phrases)


def _sentences(part: str) -> Iterator[str]:
    """Yield the phrases between the full stops of a text without commas, which has a space at either end."""
    spaced = [piece.strip() for piece in re.split(r"\s\.(?=\s)", part)]
    for piece in spaced:
        whole = _without_stop(piece)
        if len(spaced) > 1 or whole == piece:  # No caption, or one whose full stops stand alone.
            yield from [whole] if whole else []
            continue
        words: list[str] = []
        for word in piece.split():
            words.append(word)
            if _without_stop(word) != word:
                yield from [phrase] if (phrase := _without_stop(" ".join(words))) else []
                words = []
        if words:  # An abbreviation at the end.
            yield " ".join(words)


def _without_stop(text: str) -> str:
    """Return a text without the full stop at its end, unless that belongs to an abbreviation."""
    if not text.strip(". "):
        return ""
    last = text.rpartition(" ")[2].removesuffix(".")
    abbreviated = "." in last or len(last) == 1 or last.casefold() in _ABBREVIATIONS
    return text if abbreviated else text.removesuffix(".").rstrip()


def parse_phrase(phrase: str) -> Phrase:
    """Split a phrase such as ``"car|automobile"`` into its alternatives.

    The first alternative is the label. Space around an alternative is dropped.

    Raises:
        PromptError: The phrase is not text, is blank or too long, or has a blank alternative.
    """
    check_phrases([phrase])
    alternatives = tuple(alternative.strip() for alternative in phrase.split("|"))
    if not all(alternatives):
        raise PromptError(f"phrase {shown(phrase)} has a blank alternative: write it as 'first|second'")
    return Phrase(alternatives[0], tuple(dict.fromkeys(alternatives)))


def parse_phrases(phrases: Sequence[str]) -> tuple[Phrase, ...]:
    """Parse phrases in their order. Phrases with the same label become one phrase with all their alternatives.

    Raises:
        PromptError: `phrases` is a single string, is empty, or has an element that is not a phrase.
    """
    if isinstance(phrases, str):
        raise PromptError(f"phrases are a list of strings: write {shown(list(split_phrases(phrases)))}")
    if not isinstance(phrases, Iterable):
        raise PromptError(f"phrases are a list of strings, got {shown(phrases)}")
    phrases = tuple(itertools.islice(phrases, MAX_PHRASES + 1))
    check_phrases(phrases)
    found: dict[str, dict[str, None]] = {}
    for phrase in phrases:
        parsed = parse_phrase(phrase)
        found.setdefault(parsed.label, {}).update(dict.fromkeys(parsed.alternatives))
    if not found:
        raise PromptError("no phrases were given: name at least one, or pass None for every class that the detector knows")
    return tuple(Phrase(label, tuple(alternatives)) for label, alternatives in found.items())


class Vocabulary:
    """Classes of a detector, by the phrases that name them.

    Args:
        names: Names of the classes, in the order of the model's outputs. Outputs with equal names are one class to the user.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._classes: dict[str, list[int]] = {}
        for words in (self._own, _plurals, _synonyms, _wider):  # Earlier ways of naming take precedence.
            named: dict[str, list[int]] = {}
            for index, name in enumerate(self.names):
                for key in {_key(word) for word in words(name)}:
                    named.setdefault(key, []).append(index)
            for key, indices in named.items():
                self._classes.setdefault(key, indices)

    def __repr__(self) -> str:
        return f"Vocabulary({', '.join(map(repr, self.names))})"

    def labels(self, phrases: Sequence[str] | None) -> Mapping[int, str]:
        """Return the label of each requested class, by the class's index.

        Args:
            phrases: Phrases to detect, or None for every class under its own name.

        Raises:
            PromptError: A phrase names no class, two phrases name the same class, or `phrases` is not a list of phrases.
        """
        if phrases is None:
            return dict(enumerate(self.names))
        labels: dict[int, str] = {}
        for phrase in parse_phrases(phrases):
            for alternative in phrase.alternatives:
                for index in self._named(alternative, phrase):
                    if labels.setdefault(index, phrase.label) != phrase.label:
                        raise PromptError(
                            f"{labels[index]!r} and {phrase.label!r} both mean class {self.names[index]!r}: "
                            f"ask for one of them, or for both under one label as '{labels[index]}|{phrase.label}'"
                        )
        return labels

    def _named(self, alternative: str, phrase: Phrase) -> Sequence[int]:
        for word in _without_article(alternative):
            if _key(word) in self._classes:
                return self._classes[_key(word)]
        asked = repr(alternative) if len(phrase.alternatives) == 1 else f"{alternative!r} (in {'|'.join(phrase.alternatives)!r})"
        raise PromptError(f"{asked} names none of the {len(self.names)} classes of this detector.{self._hint(alternative)}")

    def _hint(self, alternative: str) -> str:
        wider = [name for name in dict.fromkeys(self.names) if _key(alternative) in {_key(word) for word in _narrower(name)}]
        if wider:
            return f" Ask for the wider class {wider[0]!r}."
        near = list(dict.fromkeys([*self._sharing_a_word(alternative), *self._spelled_alike(alternative)]))[:_LISTED]
        if near:
            return f" Similar classes: {', '.join(map(repr, near))}."
        more = f" and {len(self.names) - _LISTED} more" if len(self.names) > _LISTED else ""
        return f" It knows {', '.join(map(repr, self.names[:_LISTED]))}{more}."

    def _sharing_a_word(self, alternative: str) -> Iterator[str]:
        words = {_key(word) for word in alternative.split()}
        yield from (name for name in self.names if words & {_key(word) for word in name.split()} or _key(name) in words)

    def _spelled_alike(self, alternative: str) -> Iterator[str]:
        for key in difflib.get_close_matches(_key(alternative), list(self._classes), n=_LISTED, cutoff=0.6):
            yield from (self.names[index] for index in self._classes[key])

    @staticmethod
    def _own(name: str) -> Iterator[str]:
        yield name


@lru_cache(maxsize=16)
def vocabulary_of(names: tuple[str, ...]) -> Vocabulary:
    """Return the vocabulary of class names. It is made once for each list that is in use."""
    return Vocabulary(names)


def _key(name: str) -> str:
    """Return a name for comparison, without case, spaces, hyphens and underscores."""
    return "".join(name.casefold().replace("-", " ").replace("_", " ").split())


def _without_article(phrase: str) -> Iterator[str]:
    yield phrase
    for article in _ARTICLES:
        if phrase.casefold().startswith(article):
            yield phrase[len(article) :]


def _plurals(name: str) -> Iterator[str]:
    """Yield the plurals of a name by the rules of English, formed from its last word."""
    head, space, last = name.rpartition(" ")
    last = last.casefold()
    if last in _IRREGULAR:
        endings = _IRREGULAR[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        endings = (f"{last[:-1]}ies",)
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        endings = (f"{last}es",)
    elif last.endswith("o"):
        endings = (f"{last}es", f"{last}s")
    else:
        endings = (f"{last}s",)
    yield from (f"{head}{space}{ending}" for ending in endings)
    if last == "person":
        yield f"{head}{space}persons"


def _synonyms(name: str) -> Iterator[str]:
    yield from _with_plurals(_SAME_BY_KEY.get(_key(name), ()))


def _wider(name: str) -> Iterator[str]:
    yield from _with_plurals(_WIDER_BY_KEY.get(_key(name), ()))


def _narrower(name: str) -> Iterator[str]:
    yield from _with_plurals(_NARROWER_BY_KEY.get(_key(name), ()))


def _with_plurals(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield word
        yield from _plurals(word)


_SAME_BY_KEY = {_key(word): group for group in _SAME for word in group}
_WIDER_BY_KEY = {_key(name): words for name, words in _WIDER.items()}
_NARROWER_BY_KEY = {_key(name): words for name, words in _NARROWER.items()}
