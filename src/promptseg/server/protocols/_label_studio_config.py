"""Labeling configurations of Label Studio: which images a task has, and as what kind of region masks are given back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from xml.parsers import expat

from ...errors import InputError, PromptError
from ...vocabulary import parse_phrase, split_phrases

Shape = Literal["brush", "bitmask", "polygon", "rectangle"]

SHAPES: tuple[Shape, ...] = ("brush", "bitmask", "polygon", "rectangle")
"""Kinds of region that masks become, the most exact first."""


@dataclass(frozen=True)
class Label:
    """A label of a control.

    Attributes:
        value: Its name, which regions have.
        phrases: Phrases that name what to find for it: its ``predicted_values``, or its name.
    """

    value: str
    phrases: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        """The names, in lower case, by which masks that are found for the label are known."""
        return frozenset({self.value.casefold(), *(parse_phrase(phrase).label.casefold() for phrase in self.phrases)})


@dataclass(frozen=True)
class Control:
    """A tag that makes regions or labels.

    Attributes:
        tag: The tag in lower case, such as ``"brushlabels"``, which is also the type of its results.
        name: Its name.
        images: Names of the images that it belongs to.
        labels: Its labels.
        open: Whether it may have other labels as well, which the task names.
    """

    tag: str
    name: str
    images: tuple[str, ...]
    labels: tuple[Label, ...] = ()
    open: bool = False

    @property
    def labeled(self) -> bool:
        """Whether its regions have labels of their own."""
        return self.tag.endswith("labels")

    def label(self, word: str | None) -> str | None:
        """Return the label that a word names, or None."""
        if word is None:
            return None
        exact = next((label.value for label in self.labels if label.value == word), None)
        found = exact or next((label.value for label in self.labels if word.casefold() in label.words), None)
        return found or (word if self.open else None)


@dataclass(frozen=True)
class Output:
    """The control that gets the masks of an image.

    Attributes:
        shape: The kind of region.
        control: The control.
        labels: The control that has the labels: the same, a ``Labels``, or None for regions without labels.
    """

    shape: Shape
    control: Control
    labels: Control | None


@dataclass(frozen=True)
class Configuration:
    """A labeling configuration.

    Attributes:
        images: The ``value`` of each image by its name, such as ``"$photo"``. It may stand for one address or several.
        controls: The controls.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()

    def output(self, image: str, words: Sequence[str] = (), shape: str | None = None) -> Output | None:
        """Return the control that gets the masks of an image, or None.

        Of several, one that knows the wanted labels comes first, then the more exact kind of region.

        Args:
            image: Name of the image.
            words: Labels that the masks have.
            shape: The kind of region that is wanted; None for any.
        """
        own = [control for control in self.controls if image in control.images]
        shared = next((control for control in own if control.tag == "labels"), None)
        found = [
            Output(each, control, control if control.labeled else shared)
            for each in SHAPES
            for control in own
            if control.tag in (each, f"{each}labels") and shape in (None, each)
        ]

        def unknown(output: Output) -> int:
            return sum(output.labels is None or output.labels.label(word) is None for word in words)

        return min(found, key=unknown, default=None)

    def addresses(self, image: str, data: Mapping[str, Any]) -> list[str]:
        """Return the addresses of an image in a task's data.

        Raises:
            InputError: There is none.
        """
        value = value_of(self.images[image], data)
        listed = value if isinstance(value, list) else [value]
        found = [each for each in listed if isinstance(each, str) and each]
        if not found or len(found) < len(listed):
            raise InputError(f"the task has no address of an image for value={self.images[image][:80]!r}")
        return found


def value_of(value: str, data: Mapping[str, Any]) -> Any:
    """Return what the ``value`` of a tag stands for in a task's data, or None.

    As in Label Studio, it is a field such as ``$photo``, a member of one such as ``$photo.url`` or ``$photos[0].url``, or text with some.
    """
    if value[1:] in data:
        return data[value[1:]]
    parts = {found[0]: _member(found[1], data) for found in _VARIABLE.finditer(value)}
    if value in parts or None in parts.values():
        return parts.get(value)
    return _VARIABLE.sub(lambda found: str(parts[found[0]]), value)


def _member(path: str, data: Mapping[str, Any]) -> Any:
    found: Any = data
    for part in _PARTS.findall(path):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and _INDEX.fullmatch(part):
            found = next(iter(found[int(part) :]), None)
        else:
            return None
    return found


@lru_cache(maxsize=32)
def read_configuration(text: str) -> Configuration:
    """Read a labeling configuration. Entities are refused, and its size is bounded.

    Raises:
        InputError: It is not XML, is too large, or has no image with a control for masks.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"a labeling configuration has at most {MAX_CHARACTERS} characters, got {len(text)}")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise InputError(f"the labeling configuration is not XML: {error}") from error
    found = Configuration(reader.images, tuple(reader.controls()))
    if not any(found.output(image) for image in found.images):
        raise InputError(
            "the labeling configuration has no control for masks of an image: "
            'add <BrushLabels name="label" toName="image">, PolygonLabels or RectangleLabels to its <Image name="image" value="$image"/>'
        )
    return found


class _Reader:
    """Collects the tags that count."""

    def __init__(self) -> None:
        self.images: dict[str, str] = {}
        self._open: list[tuple[str, Mapping[str, str]]] = []
        self._found: list[tuple[str, Mapping[str, str], list[Label]]] = []
        self._count = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag, attributes = name.lower(), {key.lower(): value for key, value in attributes.items()}
        self._count += 1
        self._open.append((tag, attributes))
        if self._count > MAX_TAGS or len(self._open) > MAX_DEPTH:
            raise InputError(f"a labeling configuration has at most {MAX_TAGS} tags, {MAX_DEPTH} in one another")
        if tag == "image":
            source = (attributes.get("value") or attributes.get("valuelist") or "").strip()
            if source and attributes.get("name"):
                self.images[attributes["name"]] = source
        elif tag == "label":
            self._label(attributes)
        elif tag in _CONTROLS and attributes.get("name"):
            self._found.append((tag, attributes, []))

    def end(self, _: str) -> None:
        self._open.pop()

    def refuse(self, *_: object) -> None:
        raise InputError("a labeling configuration has no document type and no entities")

    def controls(self) -> Iterator[Control]:
        for tag, attributes, labels in self._found:
            images = tuple(name for each in attributes.get("toname", "").split(",") if (name := each.strip()) in self.images)
            if images:
                yield Control(tag, attributes["name"], images, tuple(labels), "$" in attributes.get("value", ""))

    def _label(self, attributes: Mapping[str, str]) -> None:
        value = attributes.get("value")
        inside = next((each for each in reversed(self._open) if each[0] in _CONTROLS), None)
        if value and inside is not None and self._found and self._found[-1][1] is inside[1]:
            self._found[-1][2].append(Label(value, tuple(_phrases(attributes.get("predicted_values") or value))))


def _phrases(text: str) -> list[str]:
    """Return the phrases in the name of a label; none if it names nothing that can be looked for."""
    try:
        found = split_phrases(text)
        return [phrase for phrase in found if parse_phrase(phrase)]
    except PromptError:
        return []


_CONTROLS = frozenset({*SHAPES, *(f"{shape}labels" for shape in SHAPES), "labels"})
_VARIABLE = re.compile(r"\$([\w.\[\]]+)", re.ASCII)
_PARTS = re.compile(r"[^.\[\]]+")
_INDEX = re.compile(r"[0-9]{1,9}")

MAX_CHARACTERS = 1 << 20
MAX_TAGS = 10_000
MAX_DEPTH = 100
