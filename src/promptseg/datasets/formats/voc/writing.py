"""Writing of VOC folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from ....masks import Mask
from ...core import AnnotatedImage, AnnotatedObject
from ...label_image_writing import VOID, paint, save_palette, voc_colors, with_void
from ...safe_names import text_name
from ...writer_base import NO_CLASS, FolderWriter
from .classes import fitted


class VocWriter(FolderWriter):
    """Writer of the folder ``voc``: ``Annotations``, ``SegmentationObject``, ``SegmentationClass``, ``ImageSets`` and ``labelmap.txt``.

    Of overlapping objects, a pixel belongs to the smallest; the hidden parts of the others are lost. An image holds up to 254 objects.
    """

    holds_ignored = True
    holds_scores = False
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
        names = ["background", *(fitted(name) for name in self.classes.names)][:VOID]
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
