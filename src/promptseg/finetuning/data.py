"""What is learned from: the images of a dataset that can be used, known by their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..datasets.core import Dataset, Finding
from ..datasets.summary import content_key, same_content
from ..errors import InputError
from ..masks import Mask, Size
from ..runtime import progress

_TOLD = 10
"""How many findings a message has."""


@dataclass(frozen=True)
class Example:
    """A photo and the objects on it.

    Attributes:
        name: Its name in the dataset.
        image: The photo.
        size: ``(height, width)`` of the photo in pixels.
        objects: Their masks, none of them empty.
        ignored: Regions that are neither object nor background.
        content: What `promptseg.datasets.summary.content_key` says of it.
        group: What it shares with photos that are not independent of it, such as frames of one video and copies of itself.
    """

    name: str
    image: Path
    size: Size
    objects: tuple[Mask, ...]
    ignored: tuple[Mask, ...]
    content: str
    group: str


def read_examples(dataset: Dataset) -> tuple[list[Example], list[Finding]]:
    """The images of a dataset that have objects, and what was found on reading them.

    Raises:
        InputError: There is none.
    """
    findings: list[Finding] = []
    read: list[Example] = []
    for image in progress.track(dataset.usable(findings), total=len(dataset), unit="image"):
        if not image.objects:
            continue
        try:
            content = content_key(image.pixels())
        except InputError as error:
            findings.append(Finding(image.name, "unreadable", str(error)))
            continue
        masks = tuple(true.mask for true in image.objects)
        read.append(Example(image.name, image.path, image.size, masks, image.ignored, content, image.group))
    if not read:
        told = "".join(f"\n  {finding}" for finding in findings[:_TOLD])
        raise InputError(f"there is no object to learn from in {dataset.source}{told}")
    twice = same_content({example.name: example.content for example in read})
    findings += [Finding(names[0], "duplicate", f"the same image is there {len(names)} times: {', '.join(names)}") for names in twice]
    return _grouped(read), findings


def _grouped(examples: Sequence[Example]) -> list[Example]:
    """The examples, with one group for all that share a group or a content, named by the first of their contents."""
    parents: dict[str, str] = {}

    def root(key: str) -> str:
        while (parent := parents.setdefault(key, key)) != key:
            key = parent
        return key

    for example in examples:
        one, other = sorted((root(f"content {example.content}"), root(f"group {example.group}")))
        parents[other] = one  # "content …" sorts first: no group's name decides anything.
    return [replace(one, group=root(f"content {one.content}").removeprefix("content ")) for one in examples]
