"""Reading of LabelMe files: one JSON file for each image, with polygons, rectangles, circles and masks.

Shapes with the same label and ``group_id`` are one object. The score is the member ``score`` of a shape, and attributes are the member
``attributes``, which LabelMe keeps but does not show. Flags that are set and the description are attributes, too.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ....errors import InputError
from ....image_files import files_under
from ....masks import Mask, Masks, Size
from ....runtime.structured import read_json
from ...core import AnnotatedImage, AnnotationError, Dataset, Entry, Finding, read_score
from ...embedded_images import decode_base64
from ...object_collector import ObjectCollector
from ...stated_size import stated_size
from .images import LabelmeImages, agreeing
from .shapes import shape_mask


def read_labelme(annotations: str | os.PathLike[str], images: str | os.PathLike[str] | None = None, *, fit: bool = False) -> Dataset:
    """Read a dataset from LabelMe files.

    Points and lines have no area. They are skipped with a finding. A file is read when its image is reached, or earlier when no single
    image has its name. An image that is not found is read from its file, if that embeds it.

    Args:
        annotations: Folder of the JSON files. Files that are not LabelMe's are left out with a finding.
        images: Folder of the images. By default each image is found by the ``imagePath`` of its file.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        InputError: When a folder does not exist, or there is no JSON file in `annotations`.
    """
    folder = Path(annotations)
    files = files_under(folder, frozenset({".json"}))
    if not files:
        raise InputError(f"there is no JSON file in {folder}")
    if images is not None and not Path(images).is_dir():
        raise InputError(f"{images} is not a folder")
    lookup = LabelmeImages(folder, None if images is None else Path(images))
    entries: list[Entry] = []
    findings: list[Finding] = []
    for file, path in files.items():
        found, embedded = lookup.beside(file), False
        if found is None:
            try:
                record = _read_record(path, file)
            except AnnotationError as error:
                findings.append(error.finding)
                continue
            found = lookup.stated(file, record.image_path)
            if found is None and record.image is None:
                findings.append(Finding(file, "unpaired", f"its image {record.image_path} does not exist"))
                continue
            if found is None:
                found, embedded = lookup.absent(file, record.image_path), True
        if (finding := lookup.claim(found, file)) is not None:
            findings.append(finding)
            continue
        source = _Source(path, file, found.path, relative=images is None, embedded=embedded)
        entries.append(Entry(found.name, partial(_read, found.name, source, fit)))
    findings += lookup.findings()
    ordered = tuple(sorted(entries, key=lambda entry: entry.name))
    return Dataset(f"{images or annotations} with the LabelMe files of {annotations}", ordered, tuple(findings))


class _Source(NamedTuple):
    """Where an image and its annotation are.

    Attributes:
        path: The JSON file.
        file: Its path within its folder, for messages.
        image: The image file.
        relative: Whether the ``imagePath`` is relative to the JSON file.
        embedded: Whether the image is read from the JSON file.
    """

    path: Path
    file: str
    image: Path
    relative: bool
    embedded: bool


class _Record(NamedTuple):
    """Content of a LabelMe file.

    Attributes:
        image_path: Path of the image.
        shapes: The shapes, in any form.
        size: ``(height, width)`` of the image as the file states it, or None.
        image: The embedded image in base64, or None.
    """

    image_path: str
    shapes: list[object]
    size: Size | None
    image: object


def _read_record(path: Path, file: str) -> _Record:
    """Read a LabelMe file.

    Raises:
        AnnotationError: When it cannot be read, or is not LabelMe's.
    """
    try:
        content = read_json(path)
    except InputError as error:
        raise AnnotationError(Finding(file, "unreadable", str(error))) from error
    members: dict[str, Any] = content if isinstance(content, dict) else {}
    image_path, shapes = members.get("imagePath"), members.get("shapes")
    if not isinstance(image_path, str) or not image_path or not isinstance(shapes, list):
        raise AnnotationError(Finding(file, "skipped", f"{path} is not a LabelMe file: it needs imagePath and the list shapes"))
    size = stated_size(members.get("imageHeight"), members.get("imageWidth"))
    return _Record(image_path, shapes, size, members.get("imageData"))


def _read(name: str, source: _Source, fit: bool) -> AnnotatedImage:
    try:
        record = _read_record(source.path, source.file)
        if source.embedded:
            path, note = source.image, f"the image is read from {source.file}, which embeds it: {record.image_path} does not exist"
        else:
            path, note = agreeing(source.image, record.image_path, source.path, relative=source.relative)
    except AnnotationError as error:
        raise AnnotationError(Finding(name, error.finding.kind, f"{source.file}: {error.finding.message}")) from error
    content = decode_base64(record.image) if source.embedded else None
    collector = ObjectCollector(name, path, record.size, fit, [Finding(name, "converted", note)] if note else [], content)
    parts: dict[tuple[str | None, object], tuple[str, list[Mask], list[dict[str, Any]]]] = {}
    for index, shape in enumerate(record.shapes):
        with collector.reading(index, f"shape {index} of {source.file}"):
            if not isinstance(shape, dict):
                raise InputError(f"a shape is an object with label and points, got {type(shape).__name__}")
            label, group = _label(shape.get("label")), shape.get("group_id")
            mask = shape_mask(shape, collector.size)
            if mask is None:
                collector.note(index, "skipped", f"a {shape.get('shape_type')} has no area")
                continue
            own = (label, f"alone {index}" if group is None else (group,))
            _, masks, shapes = parts.setdefault(own, (str(index), [], []))
            masks.append(mask)
            shapes.append(shape)
    for (label, _), (key, masks, shapes) in parts.items():
        with collector.reading(key, f"shape {key} of {source.file}"):
            mask = Mask(collector.size, Masks(masks).union().counts, read_score(shapes[0].get("score")), label)
            collector.add(key, mask, attributes=_attributes(shapes))
    return collector.collected()


def _attributes(shapes: list[dict[str, Any]]) -> object:
    """Return the attributes of an object: the member ``attributes`` of its shapes, their flags that are set, and their descriptions.

    Those of the first shape take precedence.
    """
    found: dict[str, object] = {}
    for shape in reversed(shapes):
        flags, description, attributes = (shape.get(name) for name in ("flags", "description", "attributes"))
        if description:
            found["description"] = description
        found |= {name: True for name, value in flags.items() if value is True} if isinstance(flags, dict) else {}
        if attributes and not isinstance(attributes, dict):
            return attributes  # It counts as one that cannot be read.
        found |= attributes or {}
    return found


def _label(label: object) -> str | None:
    """Return the label of a shape. Numbers are written as text.

    Raises:
        InputError: When it is not a name.
    """
    if label is None or isinstance(label, str):
        return label or None
    if isinstance(label, (int, float)):
        return str(label)
    raise InputError(f"a label is a name, got {type(label).__name__}")
