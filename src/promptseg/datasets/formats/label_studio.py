"""Label Studio: one JSON file of tasks, with masks as brush strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from ...masks import Mask
from ...runtime.files import write_atomically
from ..core import AnnotatedImage, AnnotatedObject
from ..descriptor import FIT, Format, Option, OutputVariant, Reader
from ..writer_base import NO_CLASS, Classes, FileWriter, WriteStats, as_json, score_of
from ..xml_files import xml_text
from .label_studio_brush import decode_brush, encode_brush
from .label_studio_reading import read_label_studio

__all__ = ["FORMAT", "LOCAL_FILES", "LabelStudioWriter", "read_label_studio"]

LOCAL_FILES = "/data/local-files/?d="
"""URL prefix of files in Label Studio's local storage."""


class LabelStudioWriter(FileWriter):
    """Writer of ``label-studio.json``, a list of tasks to import, and ``label-studio.xml``, their labeling interface. Exact.

    Objects with scores are written as predictions, others as annotations.

    Args:
        address: URL prefix of image names. By default that of Label Studio's local storage.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, address: str = LOCAL_FILES) -> None:
        super().__init__(out, classes, stats)
        self._address = address

    @property
    def output_path(self) -> Path:
        """The JSON file."""
        return self.out / "label-studio.json"

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        results = [self._result(index, each.mask) for index, each in enumerate(objects)]
        scores = [result["score"] for result in results if "score" in result]
        annotation: dict[str, Any] = {"result": results}
        if scores:
            annotation = {"model_version": "promptseg", "score": sum(scores) / len(scores), **annotation}
        number = self.stats.images
        task = {
            "id": number,
            "data": {"image": self._address + quote(image.name)},
            "annotations": [] if scores else [annotation],
            "predictions": [annotation] if scores else [],
        }
        self.body.write((",\n" if number > 1 else "\n") + as_json(task))

    def _result(self, index: int, mask: Mask) -> dict[str, Any]:
        (height, width), score = mask.size, score_of(mask)
        self.classes.number(mask.label)
        data = encode_brush(mask)
        self.stats.wrote(mask, decode_brush(data, mask.size))
        return {
            "id": f"{self.stats.images}-{index + 1}",
            "type": "brushlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": data, "brushlabels": [mask.label or NO_CLASS]},
            **({} if score is None else {"score": score}),
        }

    def head(self) -> str:
        return "["

    def finish(self, file: IO[str]) -> None:
        file.write("\n]\n")
        labels = "".join(f"    <Label value={quoteattr(xml_text(name))}/>\n" for name in self.classes.names)
        with write_atomically(self.out / "label-studio.xml", text=True) as interface:
            interface.write('<View>\n  <Image name="image" value="$image"/>\n')
            interface.write(f'  <BrushLabels name="label" toName="image">\n{labels}  </BrushLabels>\n</View>\n')
        self.stats.files += 1


_ADDRESS = Option("URL prefix of image names.", LOCAL_FILES)

FORMAT = Format(
    "label-studio",
    "Label Studio tasks with brush strokes",
    Reader(read_label_studio, "Label Studio JSON export", options={"fit": FIT}),
    (OutputVariant("label-studio", "label-studio.json, label-studio.xml", LabelStudioWriter, {"address": _ADDRESS}),),
)
