"""Pascal VOC: for each image an XML file with boxes, a label image of the objects and a label image of the classes.

Objects are numbered from 1 in the order of the XML file. Box corners are pixel numbers from 1, and both corners are inside the box.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from PIL import Image

from ..._boxes import filled_box
from ...errors import InputError
from ...masks import Mask
from ..core import AnnotatedImage, AnnotatedObject, Dataset, Entry, Finding, annotated, files_under, image_size
from ..descriptor import BOXES, Format, OutputVariant, Place, Reader
from ..label_image_writing import VOID, paint, save_palette, voc_colors, with_void
from ..safe_names import text_name
from ..writer_base import NO_CLASS, FolderWriter
from ..xml_files import parse_xml


def read_voc(root: str | os.PathLike[str], images: str | os.PathLike[str] | None = None, *, boxes: bool = False) -> Dataset:
    """Read a dataset from a VOC folder with ``Annotations`` and ``SegmentationObject``.

    An object without pixels in ``SegmentationObject`` is skipped with a finding. Void pixels (255) become a region to ignore.

    Args:
        root: The VOC folder.
        images: Folder of the images. By default ``JPEGImages`` in the VOC folder.
        boxes: Read objects without pixels as their filled boxes, instead of skipping them.

    Raises:
        InputError: When there is no folder ``Annotations`` with XML files.
    """
    images_folder = Path(root) / "JPEGImages" if images is None else Path(images)
    files = files_under(Path(root) / "Annotations", frozenset({".xml"}))
    if not files:
        raise InputError(f"there is no XML file in {Path(root) / 'Annotations'}")
    entries, findings = [], []
    for file, path in files.items():
        try:
            content = parse_xml(path)
        except InputError as error:
            findings.append(Finding(file, "unreadable", str(error)))
            continue
        name = _image_name(images_folder, content.findtext("filename") or "", file)
        if name is None:
            findings.append(Finding(file, "unpaired", f"its image {content.findtext('filename')} is not in {images_folder}"))
        else:
            label_image = (Path(root) / "SegmentationObject" / file).with_suffix(".png")
            entries.append(Entry(name, partial(_read, name, images_folder / name, path, label_image, boxes)))
    return Dataset(f"VOC folder {root}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _image_name(images: Path, stated: str, file: str) -> str | None:
    """Return the image of an XML file: the stated path, or its name in the same subfolder as the XML file."""
    beside = (Path(file).parent / Path(stated).name).as_posix()
    return next((name for name in (stated, beside) if name and (images / name).is_file()), None)


def _read(name: str, image_file: Path, file: Path, label_image: Path, boxes: bool) -> AnnotatedImage:
    size = image_size(image_file)
    numbers = None
    if label_image.is_file():
        try:
            with Image.open(label_image) as image:
                numbers = np.asarray(image)
        except Exception as error:  # Pillow's readers have no common base.
            raise InputError(f"cannot read mask {label_image}: {error}") from error
        if numbers.ndim != 2:
            raise InputError(f"mask {label_image} is in color: expected object numbers")
    objects, findings = [], []
    for number, each in enumerate(parse_xml(file).findall("object"), 1):
        label = each.findtext("name")
        if numbers is not None and (numbers == number).any():
            objects.append((str(number), Mask.from_array(numbers == number, label=label)))
        elif boxes:
            try:
                x0, y0, x1, y1 = (float(each.findtext(f"bndbox/{corner}") or "") for corner in ("xmin", "ymin", "xmax", "ymax"))
            except ValueError as error:
                raise InputError(f"object {number} of {file} has no box of four numbers") from error
            objects.append((str(number), filled_box([x0 - 1, y0 - 1, x1, y1], size, label)))
        else:
            findings.append(Finding(f"{name}#{number}", "skipped", "the object has a box and no mask"))
    void = [] if numbers is None or not (numbers == VOID).any() else [Mask.from_array(numbers == VOID)]
    return annotated(name, image_file, objects, void, findings)


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


def _open(images: Place | None, root: Place, *, boxes: bool = False) -> Dataset:
    return read_voc(root, images, boxes=boxes)


FORMAT = Format(
    "voc",
    "Pascal VOC",
    Reader(_open, "folder with Annotations and SegmentationObject", images="optional", options={"boxes": BOXES}),
    (OutputVariant("voc", "voc/: Annotations/, SegmentationObject/, SegmentationClass/, ImageSets/, labelmap.txt", VocWriter),),
)
