"""Reading of VOC folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ...._boxes import filled_box
from ....errors import InputError
from ....image_files import files_under
from ....masks import Mask
from ...core import AnnotatedImage, Dataset, Entry, Finding
from ...image_lookup import ImageLookup
from ...label_image_writing import VOID
from ...object_collector import ObjectCollector
from ...stated_size import stated_size
from ...xml_files import parse_xml
from .classes import ClassMap, read_class_map, read_numbers
from .pairing import Pairing, corners, pair


def read_voc(
    root: str | os.PathLike[str], images: str | os.PathLike[str] | None = None, *, boxes: bool = False, fit: bool = False
) -> Dataset:
    """Read a dataset from a VOC folder with ``Annotations`` and ``SegmentationObject``.

    Objects are numbered by the order of the XML file. Where ``SegmentationClass`` gives the numbers of an image other classes, its classes
    and the boxes tell which object a number is. A number without an object in the XML file is an object of its class there.

    An object without pixels in ``SegmentationObject`` is skipped with a finding. Void pixels (255) become a region to ignore. The mask
    images may hold numbers, or the colors of VOC, as color images have them.

    Args:
        root: The VOC folder.
        images: Folder of the images. By default ``JPEGImages`` in the VOC folder.
        boxes: Read objects without pixels as their filled boxes, instead of skipping them.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        InputError: When there is no folder ``Annotations`` with XML files.
    """
    folder = Path(root)
    if not (folder / "Annotations").is_dir():
        raise InputError(f"{root} is not a VOC folder: expected a folder with the folders Annotations and SegmentationObject")
    lookup = ImageLookup(folder / "JPEGImages" if images is None else images)
    files = files_under(folder / "Annotations", frozenset({".xml"}))
    if not files:
        raise InputError(f"there is no XML file in {folder / 'Annotations'}")
    class_map = read_class_map(folder / "labelmap.txt")
    entries, findings = [], []
    names: dict[str, None] = {}
    for file, path in files.items():
        try:
            root_element = parse_xml(path)
        except InputError as error:
            findings.append(Finding(file, "unreadable", str(error)))
            continue
        stated = root_element.findtext("filename") or ""
        names.update(dict.fromkeys(each.findtext("name") or "" for each in root_element.findall("object")))
        name = _image_name(lookup, stated, file)
        if name is None:
            findings.append(Finding(file, "unpaired", f"its image {stated} is not in {lookup.folder}"))
        else:
            parts = (folder / "SegmentationObject", folder / "SegmentationClass")
            label_image, class_image = ((part / file).with_suffix(".png") for part in parts)
            source = _Source(lookup.folder / name, path, label_image, class_image, class_map)
            entries.append(Entry(name, partial(_read, name, source, boxes, fit)))
    findings += lookup.findings()
    ordered = tuple(sorted(entries, key=lambda entry: entry.name))
    return Dataset(f"VOC folder {root}", ordered, tuple(findings), class_map.categories(names))


def _image_name(lookup: ImageLookup, stated: str, file: str) -> str | None:
    """Return the image of an XML file: its name in the same subfolder as the XML file, or the stated path."""
    beside = PurePosixPath(file).parent / PurePosixPath(stated.replace("\\", "/")).name
    if stated and os.path.isfile(lookup.folder / beside):  # noqa: PTH113 - Unlike Path, it takes any text for a path.
        return lookup.find(beside.as_posix())
    return lookup.find(stated) or lookup.find(PurePosixPath(file).with_suffix("").as_posix())


@dataclass(frozen=True)
class _Source:
    """Files of an image: the image, its XML file, the label images of its objects and classes; and the classes of the dataset."""

    image: Path
    file: Path
    label_image: Path
    class_image: Path
    class_map: ClassMap


def _read(name: str, source: _Source, boxes: bool, fit: bool) -> AnnotatedImage:
    root, file, label_image = parse_xml(source.file), source.file, source.label_image
    numbers = read_numbers(label_image) if label_image.is_file() else None
    collector = ObjectCollector(
        name,
        source.image,
        stated_size(root.findtext("size/height"), root.findtext("size/width")) if numbers is None else numbers.shape,
        fit,
    )
    objects = root.findall("object")
    pairing = Pairing({})
    if numbers is not None:
        classes = source.class_map.classes_of(numbers, source.class_image) if source.class_image.is_file() else {}
        pairing = pair(objects, numbers, classes)
        if pairing.by_class:
            message = f"the numbers of {label_image} are not in the order of {file.name}: they are paired by SegmentationClass and boxes"
            collector.findings.append(Finding(name, "converted", message))
    for number, each in enumerate(objects, 1):
        with collector.reading(number, f"object {number} of {file}"):
            label = each.findtext("name")
            if number in pairing.conflicts:
                stated = f"{file.name} says {label!r}, and SegmentationClass {pairing.conflicts[number]!r}"
                raise InputError(f"{stated} for number {number}, and no box tells which is meant")
            if numbers is not None and number in pairing.numbers:
                collector.add(number, Mask.from_array(numbers == pairing.numbers[number], label=label))
            elif boxes:
                x0, y0, x1, y1 = corners(each)
                collector.add(number, filled_box([x0, y0, x1, y1], collector.size, label))
            else:
                collector.note(number, "skipped", "the object has a box and no mask: read it with boxes=True (--boxes)")
    if numbers is not None:
        for number, label in pairing.added.items():
            collector.add(f"number {number}", Mask.from_array(numbers == number, label=label))
            message = f"{label_image} has the number {number} without an object in {file.name}: its class is that of SegmentationClass"
            collector.note(f"number {number}", "converted", message)
        if (numbers == VOID).any():
            collector.ignore(Mask.from_array(numbers == VOID))
        if pairing.unknown:
            message = f"{label_image} has {len(pairing.unknown)} numbers without an object in {file.name}"
            collector.note(f"number {pairing.unknown[0]}", "skipped", message)
    return collector.collected()
