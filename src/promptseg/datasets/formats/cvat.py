"""CVAT for images 1.1: one XML file with masks, polygons or boxes.

A mask is stored as its bounding box and the run lengths inside it, row by row, beginning with the background. This is exact.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from ..._boxes import filled_box
from ...errors import InputError
from ...masks import Mask, Masks, Size
from ..core import AnnotatedImage, AnnotatedObject, Category, Dataset, Entry, read_score
from ..descriptor import BOXES, FIT, Format, OutputVariant, Reader
from ..image_lookup import ImageLookup
from ..object_collector import ObjectCollector
from ..safe_names import text_name
from ..shapes import ellipse, rotated_rectangle
from ..stated_size import stated_size
from ..writer_base import NO_CLASS, FileWriter, score_of
from ..xml_files import parse_xml


def read_cvat(images: str | os.PathLike[str], file: str | os.PathLike[str], *, boxes: bool = False, fit: bool = False) -> Dataset:
    """Read a dataset from a CVAT XML file with masks, polygons and ellipses.

    Shapes with the same label and group are one object, with the attributes of all of them. A shape that is occluded has the attribute
    ``occluded``. Points, lines, cuboids and skeletons are skipped with a finding.

    Args:
        images: Folder of the images. Each name in the file is found in it by `promptseg.datasets.image_lookup`.
        file: The XML file, in the format "CVAT for images".
        boxes: Read boxes, rotated ones too, as filled boxes, instead of skipping them.
        fit: Fit annotations that were made on the image at another size, or before its EXIF orientation was applied.

    Raises:
        InputError: When the file is not in the format "CVAT for images".
    """
    path = Path(file)
    root = parse_xml(path)
    if root.tag != "annotations" or root.find("track") is not None:
        raise InputError(f"{path} is not in the format CVAT for images: expected <annotations> with <image>")
    names = dict.fromkeys(each.text.strip() for each in root.iterfind("./meta//labels/label/name") if each.text)
    lookup, entries, findings = ImageLookup(images), [], []
    for element in root.iter("image"):
        stated = element.get("name", "")
        name = lookup.find(stated)
        if name is None:
            findings.append(lookup.missing(stated, path.name))
        else:
            entries.append(Entry(name, partial(_read, name, lookup.folder / name, element, path.name, boxes, fit)))
    findings += lookup.findings()
    ordered = tuple(sorted(entries, key=lambda entry: entry.name))
    return Dataset(f"{images} with {file}", ordered, tuple(findings), tuple(map(Category, names)))


def _read(name: str, image_file: Path, element: ET.Element, file: str, boxes: bool, fit: bool) -> AnnotatedImage:
    collector = ObjectCollector(name, image_file, stated_size(element.get("height"), element.get("width")), fit)
    parts: dict[tuple[str | None, str], tuple[str, list[Mask], list[_Attributes]]] = {}
    for index, shape in enumerate(element, 1):
        label, group = shape.get("label"), shape.get("group_id")
        with collector.reading(index, f"{shape.tag} {index} of image {element.get('name')} in {file}"):
            mask = _mask(shape, collector.size, boxes)
            if mask is None:
                hint = ": read it with boxes=True (--boxes)" if shape.tag == "box" else ""
                collector.note(index, "skipped", f"a {shape.tag} is not a mask{hint}")
                continue
            own = (label, f"alone {index}" if group in (None, "0") else str(group))
            _, masks, found = parts.setdefault(own, (str(index), [], []))
            masks.append(mask)
            found.append(_attributes(shape))
    for (label, _), (key, masks, found) in parts.items():
        attributes = {name: value for each in reversed(found) for name, value in each.values.items()}  # The first part takes precedence.
        counts = masks[0].counts if len(masks) == 1 else Masks(masks).union().counts
        with collector.reading(key, f"object {key} of image {element.get('name')} in {file}"):
            mask = Mask(collector.size, counts, found[0].score, label, from_box=masks[0].from_box)
            collector.add(key, mask, attributes=attributes)
    number = element.get("id", "")
    return collector.collected(number=int(number) if _is_number(number) else None)


class _Attributes(NamedTuple):
    """What a shape tells beside its mask.

    Attributes:
        score: Its score, or None.
        values: Its other attributes.
    """

    score: float | None
    values: dict[str, str]


def _attributes(shape: ET.Element) -> _Attributes:
    """Return the score and the attributes of a shape. A score that is not a number is an attribute like others."""
    values = {name: each.text or "" for each in shape.iterfind("attribute") if (name := each.get("name"))}
    if shape.get("occluded") == "1":
        values.setdefault("occluded", "true")
    score = read_score(values.get("score"))
    if score is not None or not values.get("score"):
        values.pop("score", None)
    return _Attributes(score, values)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < _LONGEST_NUMBER


def _mask(shape: ET.Element, size: Size, boxes: bool) -> Mask | None:
    if shape.tag == "mask":
        left, top, width, height = (int(shape.get(field, "")) for field in ("left", "top", "width", "height"))
        return decode_rle(shape.get("rle", ""), (left, top, width, height), size)
    if shape.tag == "polygon":
        return Mask.from_polygons([[float(value) for point in shape.get("points", "").split(";") for value in point.split(",")]], size)
    turned = float(shape.get("rotation") or 0)
    if shape.tag == "ellipse":
        center_x, center_y, radius_x, radius_y = (float(shape.get(field, "")) for field in ("cx", "cy", "rx", "ry"))
        return ellipse((center_x, center_y), (radius_x, radius_y), size, turned)
    if shape.tag == "box" and boxes:
        x0, y0, x1, y1 = (float(shape.get(field, "")) for field in ("xtl", "ytl", "xbr", "ybr"))
        if turned % 360 == 0:
            return filled_box([x0, y0, x1, y1], size)
        return replace(Mask.from_polygons([rotated_rectangle((x0, y0, x1, y1), turned)], size), from_box=True)
    return None


_LONGEST_NUMBER = 10
"""Digits of a number beyond which it is not believed."""


def encode_rle(mask: Mask) -> tuple[str, tuple[int, int, int, int]]:
    """Return the CVAT run lengths of a mask and their box ``(left, top, width, height)``."""
    crop, (left, top) = mask.crop()
    flat = crop.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=False))
    runs = np.diff(starts, prepend=0, append=flat.size)
    return ", ".join(map(str, runs.tolist())), (left, top, crop.shape[1], crop.shape[0])


def decode_rle(text: str, box: tuple[int, int, int, int], size: Size) -> Mask:
    """Return the mask of CVAT run lengths.

    Args:
        text: The run lengths, separated by commas.
        box: ``(left, top, width, height)``.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: When the run lengths do not fill the box, or the box is not inside the image.
    """
    left, top, width, height = box
    # Compared with the image before an array of that size is made.
    if min(left, top, width, height) < 0 or left + width > size[1] or top + height > size[0]:
        raise InputError(
            f"the box of the run lengths, {width} x {height} at x={left}, y={top}, is not inside the image of {size[1]} x {size[0]}"
        )
    try:
        runs = [int(run) for run in text.split(",")]
    except ValueError as error:
        raise InputError(f"run lengths are integers separated by commas, got {text[:40]!r}") from error
    if min(runs) < 0 or sum(runs) != width * height:
        raise InputError(f"the run lengths do not cover their box of {width} x {height} pixels")
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    return Mask.from_crop(np.repeat(values, runs).reshape(height, width), (left, top), size)


class CvatWriter(FileWriter):
    """Writer of ``cvat.xml``. Exact. The score is an attribute of the label, beside the attributes of its objects."""

    holds_attributes = True
    other_attributes = frozenset({"score"})

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the XML file."""
        self._attributes: dict[str, dict[str, None]] = {}  # Names, in the order of their appearance, by class.
        with super().open():
            yield

    @property
    def output_path(self) -> Path:
        """The XML file."""
        return self.out / "cvat.xml"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        height, width = image.size
        number = self.stats.images - 1
        self.body.write(f'  <image id="{number}" name={quoteattr(text_name(image.name))} width="{width}" height="{height}">\n')
        for order, each in enumerate(objects):
            self.classes.number(each.label)
            rle, (left, top, columns, rows) = encode_rle(each.mask)
            self.stats.wrote(each.mask, decode_rle(rle, (left, top, columns, rows), each.mask.size))
            score, label = score_of(each.mask), quoteattr(each.label or NO_CLASS)
            source = "file" if score is None else "auto"
            self._attributes.setdefault(each.label or NO_CLASS, {}).update(dict.fromkeys(each.attributes))
            self.body.write(
                f'    <mask label={label} source="{source}" occluded="{_is_occluded(each):d}" rle="{rle}"'
                f' left="{left}" top="{top}" width="{columns}" height="{rows}" z_order="{order}">\n'
            )
            if score is not None:
                self.body.write(f'      <attribute name="score">{score!r}</attribute>\n')
            for name, value in each.attributes.items():
                self.body.write(f"      <attribute name={quoteattr(name)}>{escape(value, _LINE_ENDS)}</attribute>\n")
            self.body.write("    </mask>\n")
        self.body.write("  </image>\n")

    def head(self) -> str:
        labels = "".join(
            f"        <label>\n          <name>{escape(name, _LINE_ENDS)}</name>\n          <type>mask</type>\n"
            f"          <attributes>\n{''.join(map(_specification, ('score', *self._attributes.get(name, ()))))}          </attributes>\n"
            "        </label>\n"
            for name in self.classes.names
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n'
            f"      <name>promptseg</name>\n      <size>{self.stats.images}</size>\n      <mode>annotation</mode>\n"
            f"      <labels>\n{labels}      </labels>\n    </task>\n  </meta>\n"
        )

    def finish(self, file: IO[str]) -> None:
        file.write("</annotations>\n")


def _is_occluded(each: AnnotatedObject) -> bool:
    """Return whether an attribute says what CVAT has a flag of each shape for."""
    return each.attributes.get("occluded", "").strip().lower() in ("yes", "true", "1")


def _specification(name: str) -> str:
    """Return the specification of an attribute of a label."""
    return (
        f"            <attribute>\n              <name>{escape(name, _LINE_ENDS)}</name>\n              <mutable>False</mutable>\n"
        "              <input_type>text</input_type>\n              <default_value></default_value>\n              <values></values>\n"
        "            </attribute>\n"
    )


_LINE_ENDS = {"\r": "&#13;"}
"""Characters that an XML reader changes unless they are escaped."""


FORMAT = Format(
    "cvat",
    "CVAT for images 1.1",
    Reader(read_cvat, "XML file of CVAT for images", options={"boxes": BOXES, "fit": FIT}),
    (OutputVariant("cvat", "cvat.xml", CvatWriter),),
)
