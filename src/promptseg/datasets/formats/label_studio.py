"""Label Studio: one JSON file of tasks, with masks as brush strokes, which are bit-packed run lengths.

The packing is that of ``rle-pack``. The header has 32 bits for the number of values, 5 bits for the bits of a value minus 1, and four times
4 bits for the four possible widths of a length minus 1. Each block has 1 bit that is set when one value is repeated, 2 bits for the index
of the width, the length minus 1, and the value or values. A pixel has four values (RGBA); a mask pixel has an alpha above 0.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...masks import Mask, Size
from ..core import (
    AnnotatedImage,
    AnnotatedObject,
    AnnotationError,
    Dataset,
    Entry,
    Finding,
    annotated,
    image_size,
    read_json,
    read_score,
)
from ..descriptor import Format, Option, OutputVariant, Reader
from ..safe_names import text_name
from ..writer_base import NO_CLASS, Classes, FileWriter, WriteStats, as_json, score_of

LOCAL_FILES = "/data/local-files/?d="
"""URL prefix of files in Label Studio's local storage."""

_WIDTHS = (3, 4, 8, 16)
"""Widths of run lengths in bits, the same that Label Studio writes."""


def read_label_studio(images: str | os.PathLike[str], file: str | os.PathLike[str]) -> Dataset:
    """Read a dataset from the brush strokes of a Label Studio JSON export.

    The annotations of a task are read, or its predictions when it has no annotations. Several annotations of a task are merged. Regions of
    other types are skipped with a finding.

    Args:
        images: Folder of the images. The image of a task is found there by the last parts of its URL.
        file: The JSON file.

    Raises:
        InputError: When the file is not a list of tasks.
    """
    path = Path(file)
    tasks = read_json(path)
    entries, findings = [], []
    try:
        for index, task in enumerate(tasks):
            address = next(str(value) for value in task["data"].values() if isinstance(value, str))
            annotations = [each for each in task.get("annotations") or () if not each.get("was_cancelled")] or task.get("predictions") or []
            results = [result for annotation in annotations for result in annotation["result"]]
            name = _image_name(address, Path(images))
            if name is None:
                findings.append(Finding(f"{path.name}: task {task.get('id', index)}", "unpaired", f"{images} has no image {address}"))
            else:
                entries.append(Entry(name, partial(_read, name, Path(images) / name, results)))
    except (AttributeError, KeyError, TypeError, StopIteration) as error:
        raise InputError(f"{path} is not a list of Label Studio tasks: each task needs data and results ({error!r})") from error
    return Dataset(f"{images} with {file}", tuple(sorted(entries, key=lambda entry: entry.name)), tuple(findings))


def _image_name(address: str, images: Path) -> str | None:
    """Return the longest end of a URL's path that is a file in the folder of images."""
    parts = urlsplit(address)
    path = PurePosixPath(parse_qs(parts.query).get("d", [unquote(parts.path)])[0])
    steps = [step for step in path.parts if step not in ("/", "..")]
    ends = ("/".join(steps[start:]) for start in range(len(steps)))
    # Label Studio prefixes the names of uploaded files with eight characters.
    uploaded = re.sub(r"^[0-9a-f]{8}-", "", path.name)
    return next((end for end in (*ends, uploaded) if (images / end).is_file()), None)


def _read(name: str, image_file: Path, results: list[dict[str, Any]]) -> AnnotatedImage:
    size = image_size(image_file)
    objects: dict[str, Mask] = {}
    findings = []
    for index, result in enumerate(results):
        key = str(result.get("id", index))
        key = f"{key} at {index}" if key in objects else key
        value = result.get("value", {})
        if "rle" not in value:
            findings.append(Finding(f"{name}#{key}", "skipped", f"a region of type {result.get('type')!r} is not a brush stroke"))
            continue
        labels = value.get("brushlabels") or value.get("labels") or [None]
        try:
            stated = (int(result.get("original_height", size[0])), int(result.get("original_width", size[1])))
            mask = decode_brush(value["rle"], stated)
        except (InputError, TypeError, ValueError) as error:
            raise AnnotationError(Finding(f"{name}#{key}", "unreadable", f"its brush stroke cannot be read: {error}")) from error
        objects[key] = Mask(mask.size, mask.counts, read_score(result.get("score")), labels[0])
    return annotated(name, image_file, list(objects.items()), findings=findings)


def encode_brush(mask: Mask) -> list[int]:
    """Return a mask as the bytes of a Label Studio brush stroke: one repeated value for each run of pixels in row-major order."""
    pixels = mask.array.ravel()
    starts = np.flatnonzero(np.diff(pixels, prepend=~pixels[:1]))
    lengths = np.diff(starts, append=pixels.size) * 4
    bits = [f"{pixels.size * 4:032b}{7:05b}", *(f"{width - 1:04b}" for width in _WIDTHS)]
    for length, inside in zip(lengths.tolist(), pixels[starts].tolist(), strict=True):
        value = "1" * 8 if inside else "0" * 8
        while length:
            piece = min(length, 1 << _WIDTHS[-1])
            kind = next(kind for kind, width in enumerate(_WIDTHS) if piece <= 1 << width)
            bits.append(f"1{kind:02b}{piece - 1:0{_WIDTHS[kind]}b}{value}")
            length -= piece
    text = "".join(bits)
    return list(np.packbits(np.frombuffer(text.encode("ascii"), np.uint8) - ord("0")).tobytes())


def decode_brush(data: Sequence[int], size: Size) -> Mask:
    """Return the mask of a Label Studio brush stroke: the pixels with an alpha above 0.

    Args:
        data: The bytes.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: When the bytes are not of that size, or end too early.
    """
    try:
        bits = (np.unpackbits(np.asarray(data, np.uint8)) + ord("0")).tobytes().decode("ascii")
        values = _unpack(bits)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"the {len(data)} bytes are not run lengths of Label Studio: {error}") from error
    height, width = size
    if values.size != height * width * 4:
        raise InputError(f"the run lengths have {values.size} values, an image of {height} x {width} has {height * width * 4}")
    return Mask.from_array(values.reshape(height, width, 4)[..., 3] > 0)


def _unpack(bits: str) -> NDArray[np.uint8]:
    count, value_bits = int(bits[:32], 2), int(bits[32:37], 2) + 1
    widths = [int(bits[at : at + 4], 2) + 1 for at in range(37, 53, 4)]
    values, lengths, total, at = [], [], 0, 53
    while total < count:
        width = widths[int(bits[at + 1 : at + 3], 2)]
        length = int(bits[at + 3 : at + 3 + width], 2) + 1
        repeated = bits[at] == "1"
        at += 3 + width
        each = 1 if repeated else length
        values += [int(bits[at + value_bits * index : at + value_bits * (index + 1)], 2) for index in range(each)]
        lengths += [length] if repeated else [1] * length
        at += value_bits * each
        total += length
    return np.repeat(np.minimum(values, 255).astype(np.uint8), lengths)


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


_ADDRESS = Option("URL prefix of image names.", LOCAL_FILES)

FORMAT = Format(
    "label-studio",
    "Label Studio tasks with brush strokes",
    Reader(read_label_studio, "Label Studio JSON export"),
    (OutputVariant("label-studio", "label-studio.json, label-studio.xml", LabelStudioWriter, {"address": _ADDRESS}),),
)
