"""Training examples: the usable images of a dataset, identified by their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..datasets.core import Dataset, Finding
from ..datasets.summary import content_key, same_content
from ..errors import InputError
from ..evaluation.ignored import counted, only_ignored
from ..masks import Mask, Size
from ..runtime import progress

_LISTED = 10
"""Number of findings that a message lists."""


@dataclass(frozen=True)
class Example:
    """An image with its objects.

    Attributes:
        name: Name of the image in the dataset.
        image: Path of the image file.
        size: ``(height, width)`` of the image in pixels.
        objects: Masks of the objects without ignored pixels, none of them empty.
        ignored: Regions that are neither object nor background.
        content: Key of the pixels, from `promptseg.datasets.summary.content_key`.
        group: Key that it shares with images that are not independent of it, such as frames of one video and copies of itself.
    """

    name: str
    image: Path
    size: Size
    objects: tuple[Mask, ...]
    ignored: tuple[Mask, ...]
    content: str
    group: str


def read_examples(dataset: Dataset) -> tuple[list[Example], list[Finding]]:
    """Return the images of a dataset that have objects, and the findings of reading them.

    Raises:
        InputError: No image has an object.
    """
    findings: list[Finding] = []
    read: list[Example] = []
    with_ignored = 0
    for each in progress.track(dataset.usable(findings), stage="read", total=len(dataset), unit="image"):
        with_ignored += bool(each.ignored)
        image = counted(each, findings)
        if not image.objects:
            continue
        if image.content is not None:
            message = "its annotation file embeds the image; fine-tuning needs image files, as convert --format yolo-seg writes them"
            findings.append(Finding(image.name, "skipped", message))
            continue
        try:
            content = content_key(image.pixels())
        except InputError as error:
            findings.append(Finding(image.name, "unreadable", str(error)))
            continue
        masks = tuple(true.mask for true in image.objects)
        read.append(Example(image.name, image.path, image.size, masks, image.ignored, content, image.group))
    if not read:
        reasons = "".join(f"\n  {finding}" for finding in findings[:_LISTED])
        raise InputError(f"there is no object to learn from in {dataset.source}{only_ignored(dataset, with_ignored)}{reasons}")
    twice = same_content({example.name: example.content for example in read})
    findings += [Finding(names[0], "duplicate", f"the same image is there {len(names)} times: {', '.join(names)}") for names in twice]
    return _grouped(read), findings


def _grouped(examples: Sequence[Example]) -> list[Example]:
    """Return the examples, with one group for all that share a group or a content, named by the first of their contents."""
    parents: dict[str, str] = {}

    def root(key: str) -> str:
        while (parent := parents.setdefault(key, key)) != key:
            key = parent
        return key

    for example in examples:
        one, other = sorted((root(f"content {example.content}"), root(f"group {example.group}")))
        parents[other] = one  # "content …" sorts first: no group's name decides anything.
    return [replace(one, group=root(f"content {one.content}").removeprefix("content ")) for one in examples]
