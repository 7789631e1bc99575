"""Reading of Label Studio exports: one JSON file of tasks, in the form JSON or JSON_MIN."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ....errors import InputError
from ....masks import Mask
from ....runtime.structured import read_json
from ...core import AnnotatedImage, AnnotationError, Dataset, Entry, Finding
from ...embedded_images import decode_base64
from ...image_lookup import ImageLookup
from ...object_collector import ObjectCollector
from .regions import region_mask, regions_of
from .tasks import Annotation, Result, Task, images_of, names_of, read_task


def read_label_studio(images: str | os.PathLike[str], file: str | os.PathLike[str], *, fit: bool = False) -> Dataset:
    """Read a dataset from a Label Studio export: polygons, rectangles, ellipses, closed vectors, brush strokes and bitmasks.

    Of several annotations of an image one is read: the ground truth, or else the newest. Predictions are read where nobody annotated.
    Key points, open lines and regions of other media are skipped with a finding.

    Args:
        images: Folder of the images. The image of a task is found there by its address, without what Label Studio puts before the name.
        file: The JSON file, in the form JSON or JSON_MIN.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        InputError: When the file is not a list of tasks.
    """
    path, findings = Path(file), list[Finding]()
    lookup = _Lookup(images)
    tasks = _tasks(path, lookup, findings)
    found: dict[str, list[_Candidate]] = {}
    for task in tasks:
        if not task.fields:
            findings.append(Finding(task.place, "skipped", "its data has no address of an image"))
        elif not task.annotations:
            findings.append(Finding(task.place, "unpaired", f"it is left out: {task.absence}"))
        else:
            for name, candidate in _candidates(task, lookup, findings):
                found.setdefault(name, []).append(candidate)
    entries = []
    for name in sorted(found):
        others = found[name]
        # Of equals, the last.
        _, chosen = max(enumerate(others), key=lambda each: (each[1].annotation.rank, each[0]))
        if len(others) > 1:
            which = "the ground truth" if chosen.annotation.truth else "the newest"
            findings.append(Finding(name, "skipped", f"it has {len(others)} annotations: {which} is read, of {chosen.task.place}"))
        entries.append(Entry(name, partial(_read, name, lookup.folder / name, chosen, fit)))
    findings += lookup.findings()
    return Dataset(f"{images} with {file}", tuple(entries), tuple(findings))


class _Candidate(NamedTuple):
    """An annotation of an image.

    Attributes:
        task: The task.
        annotation: The annotation.
        address: Address of the image.
        results: The results of the annotation about the image.
    """

    task: Task
    annotation: Annotation
    address: str
    results: tuple[Result, ...]


class _Lookup(ImageLookup):
    """Images by their addresses."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        self._addresses: dict[str, str] = {}

    def image(self, address: str, place: str) -> str:
        """Return the name of the image of an address.

        Raises:
            AnnotationError: When there is no such image, or several addresses mean it.
        """
        names = names_of(address)
        found = next((name for stated in names if (name := self.find(stated)) is not None), None)
        if found is None:
            missing = [self.missing(stated, place) for stated in names]
            unclear = next((each for each in missing if each.kind == "ambiguous"), None)
            message = unclear.message if unclear else f"{self.folder} has no image {address[:_LONGEST]}"
            raise AnnotationError(Finding(place, "ambiguous" if unclear else "unpaired", message))
        if (other := self._addresses.setdefault(found, address)) != address:
            message = f"it is not clear which image is {found}: {other[:_LONGEST]} or {address[:_LONGEST]}"
            raise AnnotationError(Finding(place, "ambiguous", message))
        return found


def _tasks(path: Path, lookup: ImageLookup, findings: list[Finding]) -> list[Task]:
    content = read_json(path)
    listed = [content] if isinstance(content, dict) and isinstance(content.get("data"), dict) else content
    if not isinstance(listed, list):
        raise InputError(f"{path} is not a list of Label Studio tasks, as its export JSON or JSON_MIN")
    tasks, problem = [], None
    for index, each in enumerate(listed):
        try:
            tasks.append(read_task(each, index, path.name, lambda address: lookup.find(names_of(address)[0]) is not None))
        except InputError as error:
            problem = error
            findings.append(Finding(f"{path.name}: task at {index}", "dropped", str(error)))
    if problem is not None and not tasks:
        raise InputError(f"{path} is not a list of Label Studio tasks, as its export JSON or JSON_MIN: {problem}") from problem
    return tasks


def _candidates(task: Task, lookup: _Lookup, findings: list[Finding]) -> list[tuple[str, _Candidate]]:
    """Return the annotations of a task by the names of the images."""
    candidates, said = [], set[str]()
    for annotation in task.annotations:
        try:
            pairs = list(images_of(task, annotation))
        except InputError as error:
            findings.append(Finding(task.place, "ambiguous", str(error)))
            break
        for index, (address, results) in enumerate(pairs):
            try:
                name = _embedded_name(task, index, address) if address.startswith("data:") else lookup.image(address, task.place)
            except AnnotationError as error:
                if address not in said:
                    findings.append(error.finding)
                said.add(address)
                continue
            candidates.append((name, _Candidate(task, annotation, address, results)))
    return candidates


def _embedded_name(task: Task, index: int, address: str) -> str:
    found = re.match(r"data:image/([a-z]{1,8})", address)
    number = re.sub(r"\D+", "-", task.place.rpartition(" ")[2])
    return f"task-{number}{f'-{index}' if index else ''}.{found.group(1) if found else 'png'}"


def _read(name: str, path: Path, candidate: _Candidate, fit: bool) -> AnnotatedImage:
    task, annotation, results = candidate.task, candidate.annotation, candidate.results
    regions = regions_of(results)
    stated = next((region.size for region in regions if region.size is not None), None)
    content = decode_base64(candidate.address) if candidate.address.startswith("data:") else None
    collector = ObjectCollector(name, path, stated, fit, content=content)
    if content is not None:
        collector.findings.append(Finding(name, "converted", f"the image is read from {task.place}, which embeds it"))
    if annotation.damaged:
        message = f"{annotation.damaged} of the results of {task.place} are no objects, and are left out"
        collector.findings.append(Finding(name, "dropped", message))
    for region in regions:
        with collector.reading(region.key, f"region {region.key} of {task.place}"):
            if region.size not in (None, collector.size):
                raise InputError(f"it states the image's size as {region.size}, others as {collector.size} (height, width)")
            mask = region_mask(region, collector.size)
            if isinstance(mask, str):
                collector.note(region.key, "skipped", mask)
                continue
            label = region.labels[0] if region.labels else None
            if len(region.labels) > 1:
                collector.note(region.key, "converted", f"it has the labels {', '.join(region.labels)}: the first is taken")
            collector.add(region.key, Mask(mask.size, mask.counts, region.score, label))
    alone = len(task.fields) == 1 and all(len(addresses) == 1 for addresses in task.fields.values())
    return collector.collected(number=task.number if alone else None)


_LONGEST = 200
"""Maximum number of characters of an address in a message."""
