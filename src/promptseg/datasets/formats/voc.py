"""Pascal VOC: for each image an XML file with boxes, a label image of the objects and a label image of the classes.

Objects are numbered from 1 in the order of the XML file. Box corners are pixel numbers from 1, and both corners are inside the box.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from ..._boxes import filled_box
from ...errors import InputError
from ...image_files import files_under
from ...image_formats import open_image
from ...masks import Mask, Size
from ..core import AnnotatedImage, AnnotatedObject, Category, Dataset, Entry, Finding
from ..descriptor import BOXES, FIT, Format, OutputVariant, Place, Reader
from ..image_lookup import ImageLookup
from ..label_image_writing import VOID, paint, save_palette, voc_colors, with_void
from ..object_collector import ObjectCollector
from ..safe_names import text_name
from ..writer_base import NO_CLASS, FolderWriter
from ..xml_files import parse_xml


def read_voc(
    root: str | os.PathLike[str], images: str | os.PathLike[str] | None = None, *, boxes: bool = False, fit: bool = False
) -> Dataset:
    """Read a dataset from a VOC folder with ``Annotations`` and ``SegmentationObject``.

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
    lookup = ImageLookup(folder / "JPEGImages" if images is None else images)
    files = files_under(folder / "Annotations", frozenset({".xml"}))
    if not files:
        raise InputError(f"there is no XML file in {folder / 'Annotations'}")
    entries, findings = [], []
    for file, path in files.items():
        try:
            stated = parse_xml(path).findtext("filename") or ""
        except InputError as error:
            findings.append(Finding(file, "unreadable", str(error)))
            continue
        name = _image_name(lookup, stated, file)
        if name is None:
            findings.append(Finding(file, "unpaired", f"its image {stated} is not in {lookup.folder}"))
        else:
            label_image = (folder / "SegmentationObject" / file).with_suffix(".png")
            entries.append(Entry(name, partial(_read, name, lookup.folder / name, path, label_image, boxes, fit)))
    findings += lookup.findings()
    ordered = tuple(sorted(entries, key=lambda entry: entry.name))
    return Dataset(f"VOC folder {root}", ordered, tuple(findings), _categories(folder / "labelmap.txt"))


def _image_name(lookup: ImageLookup, stated: str, file: str) -> str | None:
    """Return the image of an XML file: its name in the same subfolder as the XML file, or the stated path."""
    beside = PurePosixPath(file).parent / PurePosixPath(stated.replace("\\", "/")).name
    if stated and lookup.has(beside.as_posix()):
        return lookup.find(beside.as_posix())
    return lookup.find(stated) or lookup.find(PurePosixPath(file).with_suffix("").as_posix())


def _categories(labelmap: Path) -> tuple[Category, ...]:
    """Return the classes of ``labelmap.txt`` without the background and void, or nothing when there is none that can be read."""
    try:
        lines = labelmap.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError):
        return ()
    names = [line.partition(":")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple(Category(name) for name in dict.fromkeys(names) if name and name not in ("background", "ignored"))


def _read(name: str, image_file: Path, file: Path, label_image: Path, boxes: bool, fit: bool) -> AnnotatedImage:
    root = parse_xml(file)
    numbers = _numbers(label_image) if label_image.is_file() else None
    collector = ObjectCollector(name, image_file, _stated_size(root) if numbers is None else numbers.shape, fit)
    for number, each in enumerate(root.findall("object"), 1):
        with collector.reading(number, f"object {number} of {file}"):
            label = each.findtext("name")
            if numbers is not None and (numbers == number).any():
                collector.add(number, Mask.from_array(numbers == number, label=label))
            elif boxes:
                x0, y0, x1, y1 = (float(each.findtext(f"bndbox/{corner}") or "") for corner in ("xmin", "ymin", "xmax", "ymax"))
                collector.add(number, filled_box([x0 - 1, y0 - 1, x1, y1], collector.size, label))
            else:
                collector.note(number, "skipped", "the object has a box and no mask: read it with boxes=True (--boxes)")
    if numbers is not None:
        if (numbers == VOID).any():
            collector.ignore(Mask.from_array(numbers == VOID))
        unknown = sorted(set(np.unique(numbers).tolist()) - {0, VOID, *range(len(root.findall("object")) + 1)})
        if unknown:
            collector.note(f"number {unknown[0]}", "skipped", f"{label_image} has {len(unknown)} numbers without an object in {file.name}")
    return collector.collected()


def _stated_size(root: ET.Element) -> Size | None:
    """Return the size that an XML file states, or None. Some tools write 0."""
    texts = [(root.findtext(f"size/{side}") or "").strip() for side in ("height", "width")]
    if not all(text.isdecimal() and 0 < len(text) < 10 and int(text) for text in texts):
        return None
    return int(texts[0]), int(texts[1])


def _numbers(label_image: Path) -> NDArray[np.integer[Any]]:
    """Return the (H, W) object numbers of a mask image, which may be stored as the colors of VOC."""
    with open_image(label_image, f"mask {label_image}") as image:
        numbers = np.asarray(image)
    if numbers.ndim == 3 and numbers.shape[2] >= 3:
        numbers = _of_colors(numbers[..., :3], label_image)
    if numbers.ndim != 2 or numbers.dtype.kind not in "iub":
        raise InputError(f"mask {label_image} has no object numbers: it has shape {numbers.shape} and {numbers.dtype} samples")
    return numbers.astype(np.uint8) if numbers.dtype == bool else numbers


def _of_colors(colors: NDArray[Any], label_image: Path) -> NDArray[np.uint8]:
    """Return the object numbers of the colors of VOC."""
    codes = colors.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    palette = voc_colors().astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    order = np.argsort(palette)
    places = np.searchsorted(palette[order], codes).clip(max=len(order) - 1)
    numbers: NDArray[np.uint8] = order[places].astype(np.uint8)
    if (palette[numbers] != codes).any():
        wrong = colors[palette[numbers] != codes][0].tolist()
        raise InputError(f"mask {label_image} is in color, and {tuple(wrong)} is no color of VOC: expected object numbers")
    return numbers


class VocWriter(FolderWriter):
    """Writer of the folder ``voc``: ``Annotations``, ``SegmentationObject``, ``SegmentationClass``, ``ImageSets`` and ``labelmap.txt``.

    Of overlapping objects, a pixel belongs to the smallest; the hidden parts of the others are lost. An image holds up to 254 objects.
    """

    holds_ignored = True
    _void = False

    @property
    def output_path(self) -> Path:
        """The VOC folder."""
        return self.out / "voc"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        kept = objects[: VOID - 1]
        numbers, seen = paint(kept, image.size)
        if hidden := len(kept) - len(seen):
            self.stats.lost["other objects hide them"] += hidden
        if more := len(objects) - len(kept):
            self.stats.lost[f"a label image holds {VOID - 1} objects"] += more
        stem = self.path_for(image.name, ".xml", ".png")
        for given, written in seen:
            self.stats.wrote(given.mask, written)
        self.file(f"Annotations/{stem}.xml").write_text(_xml(image, seen), "utf-8")
        self._save("SegmentationObject", stem, with_void(numbers, image.ignored))
        classes = [self.classes.number(given.label) + 1 for given, _ in seen]
        if classes and max(classes) >= VOID:
            self.stats.notes[f"SegmentationClass holds {VOID - 1} classes: pixels of further classes are void there"] += 1
        lookup = np.array([0, *(min(number, VOID) for number in classes)], np.uint16)
        self._save("SegmentationClass", stem, with_void(lookup[numbers], image.ignored))
        sets = self.folder / "ImageSets" / "Segmentation" / "all.txt"
        sets.parent.mkdir(parents=True, exist_ok=True)
        with sets.open("a", encoding="utf-8") as file:
            file.write(stem + "\n")

    def _save(self, part: str, stem: str, label_image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        self._void = self._void or bool((label_image == VOID).any())
        save_palette(label_image, self.file(f"{part}/{stem}.png"))

    def finish(self) -> None:
        colors = voc_colors().tolist()
        # labelmap.txt cannot hold a colon in a name. The names in Annotations are unchanged.
        names = ["background", *(" ".join(name.replace(":", "_").split()) for name in self.classes.names)][:VOID]
        named = [*enumerate(names), *([(VOID, "ignored")] if self._void else [])]
        lines = [f"{name}:{','.join(map(str, colors[number]))}::\n" for number, name in named]
        (self.folder / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "".join(lines), "utf-8")
        self.stats.files += 2


def _xml(image: AnnotatedImage, seen: Sequence[tuple[AnnotatedObject, Mask]]) -> str:
    height, width = image.size
    root = ET.Element("annotation")
    for tag, text in (("folder", ""), ("filename", text_name(image.name))):
        ET.SubElement(root, tag).text = text
    size = ET.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        ET.SubElement(size, tag).text = str(value)
    ET.SubElement(root, "segmented").text = "1"
    for given, _ in seen:
        x0, y0, x1, y1 = (int(value) for value in given.mask.box.tolist())
        each = ET.SubElement(root, "object")
        fields = (("name", given.label or NO_CLASS), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0"))
        for tag, text in fields:
            ET.SubElement(each, tag).text = text
        box = ET.SubElement(each, "bndbox")
        for tag, value in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
            ET.SubElement(box, tag).text = str(value)
    ET.indent(root)
    # ElementTree leaves carriage returns as they are, which an XML reader takes as line feeds.
    return ET.tostring(root, "unicode").replace("\r", "&#13;") + "\n"


def _open(images: Place | None, root: Place, *, boxes: bool = False, fit: bool = False) -> Dataset:
    return read_voc(root, images, boxes=boxes, fit=fit)


FORMAT = Format(
    "voc",
    "Pascal VOC",
    Reader(_open, "folder with Annotations and SegmentationObject", images="optional", options={"boxes": BOXES, "fit": FIT}),
    (OutputVariant("voc", "voc/: Annotations/, SegmentationObject/, SegmentationClass/, ImageSets/, labelmap.txt", VocWriter),),
)
