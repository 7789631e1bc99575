"""Writing of Label Studio tasks, with brush strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from ....masks import Mask
from ...core import AnnotatedImage, AnnotatedObject
from ...safe_names import text_name
from ...writer_base import NO_CLASS, Classes, FileWriter, WriteStats, as_json, score_of
from .brush import decode_brush, encode_brush

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

    @property
    def beside(self) -> tuple[Path, ...]:
        """The file of the labeling interface."""
        return (self.out / "label-studio.xml",)

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        results = [self._result(index, each.mask) for index, each in enumerate(objects)]
        scores = [result["score"] for result in results if "score" in result]
        annotation: dict[str, Any] = {"result": results}
        if scores:
            annotation = {"model_version": "promptseg", "score": sum(scores) / len(scores), **annotation}
        number = self.stats.images
        task = {
            "id": number,
            "data": {"image": self._address + quote(text_name(image.name))},
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
        labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in self.classes.names)
        (path,) = self.beside
        with self.new_file(path, text=True) as interface:
            interface.write('<View>\n  <Image name="image" value="$image"/>\n')
            interface.write(f'  <BrushLabels name="label" toName="image">\n{labels}  </BrushLabels>\n</View>\n')
