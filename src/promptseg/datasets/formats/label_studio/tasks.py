"""Tasks of Label Studio exports: the images of each task, and the annotation that is read.

The export does not have the labeling interface, so the field of ``data`` that is the image is found by its value and by the names in the
results.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ....errors import InputError
from ....images import IMAGE_SUFFIXES

Result = Mapping[str, Any]
"""A result of an annotation, such as a rectangle."""


@dataclass(frozen=True)
class Annotation:
    """An annotation or prediction of a task.

    Attributes:
        results: Its results.
        damaged: Number of elements that are no results.
        predicted: Whether a model made it.
        truth: Whether it is marked as the ground truth.
        time: Time of its last change, as text that sorts by time.
    """

    results: tuple[Result, ...]
    damaged: int = 0
    predicted: bool = False
    truth: bool = False
    time: str = ""

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """Its rank when an image has several: what people made, then the ground truth, then the newest."""
        return (not self.predicted, self.truth, self.time)


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        place: The task for messages, such as ``"a.json: task 7"``.
        number: The owner's number of the task, or None.
        fields: Addresses of images in its data, by the name of the field. A field may have several.
        annotations: Annotations and predictions that may be read.
        absence: Why there are none of them.
    """

    place: str
    number: int | None
    fields: Mapping[str, Sequence[str]]
    annotations: tuple[Annotation, ...]
    absence: str = ""


def read_task(content: object, index: int, file: str, is_known: Callable[[str], bool]) -> Task:
    """Return a task of an export, in the form JSON or JSON_MIN.

    Args:
        content: The element of the file.
        index: Its index in the file.
        file: Name of the file, for messages.
        is_known: Function that returns whether an address without the suffix of an image is that of one.

    Raises:
        InputError: When it is not a task.
    """
    if not isinstance(content, Mapping):
        raise InputError(f"a task is an object with data and annotations, got {type(content).__name__}")
    number = content.get("id")
    number = number if isinstance(number, int) and not isinstance(number, bool) and abs(number) < _MOST_NUMBERS else None
    place = f"{file}: task {index if number is None else number}"
    data = content.get("data")
    if isinstance(data, Mapping):
        annotations, absence = _annotations(content)
    elif "data" not in content and (_MINIMAL_SIGNS & content.keys() or any(map(_are_regions, content.values()))):
        data, annotations, absence = _minimal(content)
    else:
        raise InputError("a task needs data, an object with the address of the image")
    texts = {str(key): texts for key, value in data.items() if (texts := _texts(value))}
    images = {key: values for key, values in texts.items() if any(map(is_image, values))}
    images = images or {key: values for key, values in texts.items() if any(map(is_known, values))}
    return Task(place, number, images, annotations, absence)


def images_of(task: Task, annotation: Annotation) -> Iterator[tuple[str, tuple[Result, ...]]]:
    """Yield the addresses of the images of a task, with the results of an annotation about each.

    Raises:
        InputError: When it is not clear which field is the image.
    """
    names = {name for result in annotation.results if isinstance(name := result.get("to_name"), str)}
    sources = {_source(result) for result in annotation.results}
    fields = list(task.fields)
    if len(fields) > 1:
        choices = ([each for each in fields if each in wanted] for wanted in (sources, names, {"image"}))
        fields = next((choice for choice in choices if choice), fields)
        if len(fields) > 1 and not names.issuperset(fields) and not sources.issuperset(fields):
            raise InputError(f"it is not clear which of {', '.join(fields)[:_LONGEST]} is the image that was annotated")
    for each in fields:
        about = [result for result in annotation.results if len(fields) == 1 or each in (result.get("to_name"), _source(result))]
        addresses = task.fields[each]
        for index, address in enumerate(addresses):
            yield address, tuple(result for result in about if len(addresses) == 1 or _item(result) == index)


def is_image(address: str) -> bool:
    """Return whether an address is that of an image, by its suffix."""
    return address.startswith("data:image/") or PurePosixPath(address_path(address)).suffix.lower() in IMAGE_SUFFIXES


def address_path(address: str) -> str:
    """Return the path in an address, with the escapes of URLs resolved.

    Addresses are paths, URLs, and Label Studio's own: uploads, files of local storage, and files of cloud storage behind an address that
    has theirs in base64.
    """
    if address.startswith("data:"):
        return ""
    if re.match(r"[A-Za-z]:[\\/]", address) or "\\" in address:
        return address
    try:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
    except ValueError:  # Brackets that hold no IPv6 address, or too many fields.
        return address
    if "fileuri" in query:
        try:
            return address_path(base64.b64decode(query["fileuri"][0] + "==").decode("utf-8"))
        except ValueError:  # It is not base64, or not text.
            return query["fileuri"][0]
    for member in ("d", "filepath"):
        if member in query:
            return query[member][0]
    # In a name without a scheme, "?" and "#" may belong to it.
    whole = not parts.scheme and PurePosixPath(address).suffix.lower() in IMAGE_SUFFIXES
    return unquote(address if whole else parts.path)


def names_of(address: str) -> list[str]:
    """Return the names by which the image of an address may be known, the first one first.

    Label Studio puts eight characters before the name of an uploaded file, and keeps it in a folder for each project.
    """
    path = re.sub(r"^/?(data/)?upload/(\d+/)?", "", address_path(address)).lstrip("/")
    folder, slash, name = path.rpartition("/")
    own = re.sub(r"^[0-9a-f]{8}-(?=.)", "", name)
    return [path] if own == name else [path, folder + slash + own]


def _annotations(content: Mapping[str, Any]) -> tuple[tuple[Annotation, ...], str]:
    """Return the annotations of a task, or its predictions when there are none, and why there is nothing."""
    listed = content.get("annotations") or content.get("completions")
    own = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    made = [each for each in own if not each.get("was_cancelled") and not each.get("skipped")]
    predictions = content.get("predictions")
    predicted = [each for each in predictions if isinstance(each, Mapping)] if isinstance(predictions, list) else []
    found = tuple(_annotation(each, predicted=False) for each in made) or tuple(_annotation(each, predicted=True) for each in predicted)
    if found:
        return found, ""
    if own:
        return (), "its annotators skipped it"
    return (), "it has only drafts, which were not submitted" if content.get("drafts") else "nobody annotated it yet"


def _annotation(content: Mapping[str, Any], *, predicted: bool) -> Annotation:
    results = content.get("result")
    time = _time(content)
    listed = results if isinstance(results, list) else [] if results is None else [results]
    own = tuple(each for each in listed if isinstance(each, Mapping))
    return Annotation(own, len(listed) - len(own), predicted, bool(content.get("ground_truth")), time)


def _minimal(content: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[Annotation, ...], str]:
    """Return the data and the annotation of a task of the form JSON_MIN, which has the values of the results in the place of the data."""
    results: list[Result] = []
    data = {}
    for name, values in content.items():
        if isinstance(values, list) and values and all(isinstance(value, Mapping) for value in values):
            results += [{**{size: value.get(size) for size in _SIZES}, "from_name": name, "value": value} for value in values]
        elif name not in _MINIMAL:
            data[name] = values
    return data, (Annotation(tuple(results), time=_time(content)),), ""


def _time(content: Mapping[str, Any]) -> str:
    """Return the time of the last change, as text. Old exports have numbers."""
    times = (content.get(member) for member in ("updated_at", "created_at"))
    return next((str(time) for time in times if time and isinstance(time, (str, int, float))), "")


def _are_regions(values: object) -> bool:
    return isinstance(values, list) and any(isinstance(value, Mapping) and "original_width" in value for value in values)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return list(value) if isinstance(value, list) and value and all(isinstance(each, str) and each for each in value) else []


def _source(result: Result) -> str:
    source = result.get("source")
    return source.removeprefix("$") if isinstance(source, str) else ""


def _item(result: Result) -> int:
    """Return the index of the image of a result in a task of several images."""
    value = result.get("value")
    index = result.get("item_index", value.get("item_index") if isinstance(value, Mapping) else None)
    return index if isinstance(index, int) else 0


_MINIMAL = frozenset({"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"})
"""Members of a task of the form JSON_MIN that are neither data nor results."""

_MINIMAL_SIGNS = frozenset({"annotation_id", "annotator"})
"""Members by which a task of the form JSON_MIN is known."""

_SIZES = ("original_width", "original_height")

_MOST_NUMBERS = 2**63
"""Number beyond which the owner's number of a task is not kept: formats have 64 bits for it."""

_LONGEST = 200
"""Maximum number of characters of names in a message."""
