"""COCO instances: polygons, compressed and uncompressed run lengths, crowds."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from ...errors import InputError
from ...masks import Mask, Size
from ...runtime.structured import read_json
from ..core import (
    AnnotatedImage,
    AnnotatedObject,
    AnnotationError,
    Dataset,
    Entry,
    Finding,
    annotated,
    image_size,
    read_score,
)
from ..descriptor import Format, OutputVariant, Reader
from ..polygons import keyholed, outlines
from ..writer_base import FileWriter, append, as_json, score_of


def read_coco(images: str | os.PathLike[str], file: str | os.PathLike[str]) -> Dataset:
    """Read a dataset from a COCO instances file. Objects are labeled with their categories.

    Crowds (``iscrowd``) become regions to ignore. Annotations without segmentation are skipped with a finding.

    Args:
        images: Folder of the images. Each ``file_name`` of the COCO file is a path within it.
        file: The COCO file.

    Raises:
        InputError: When the file is not a COCO instances file.
    """
    path = Path(file)
    content = read_json(path)
    try:
        labels = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            by_image[annotation["image_id"]].append(annotation)
        listed = sorted(((str(image["file_name"]), image) for image in content["images"]), key=lambda pair: pair[0])
        entries, findings = [], []
        for name, image in listed:
            image_file = Path(images) / name
            own = by_image.pop(image["id"], [])
            if image_file.is_file():
                entries.append(Entry(name, partial(_read, name, image_file, own, labels)))
            else:
                findings.append(Finding(name, "unpaired", f"{path.name} lists the image, but it is not in {images}"))
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a COCO instances file: it needs images, annotations and categories ({error!r})") from error
    findings += [
        Finding(f"{path.name}: image {image_id}", "unpaired", f"it has {len(own)} annotations, but it is not listed among the images")
        for image_id, own in by_image.items()
    ]
    return Dataset(f"{images} with {file}", tuple(entries), tuple(findings))


def _read(name: str, path: Path, annotations: list[dict[str, Any]], labels: dict[Any, str]) -> AnnotatedImage:
    size = image_size(path)
    objects: dict[str, Mask] = {}
    ignored: list[Mask] = []
    findings: list[Finding] = []
    for index, annotation in enumerate(annotations):
        key = str(annotation.get("id", f"at {index}"))
        if key in objects:
            key = f"{key} at {index}"
        category = annotation.get("category_id")
        label = labels.get(category, None if category is None else str(category))
        try:
            mask = _mask(annotation.get("segmentation"), size, label, read_score(annotation.get("score")))
        except InputError as error:
            raise AnnotationError(Finding(f"{name}#{key}", "unreadable", str(error))) from error
        if mask is None:
            findings.append(Finding(f"{name}#{key}", "skipped", "the annotation has no segmentation"))
        elif annotation.get("iscrowd"):
            ignored.append(mask)
        else:
            objects[key] = mask
    return annotated(name, path, list(objects.items()), ignored, findings)


def _mask(segmentation: object, size: Size, label: str | None, score: float | None) -> Mask | None:
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        return Mask.from_coco_rle(segmentation, label=label, score=score)
    if isinstance(segmentation, list):
        return Mask.from_polygons(segmentation, size, label=label, score=score)
    raise InputError(f"a segmentation is a list of polygons or an object with run lengths, got {type(segmentation).__name__}")


class CocoWriter(FileWriter):
    """Writer of ``coco.json``: masks as compressed run lengths, regions to ignore as crowds. Exact."""

    holds_ignored = True

    @property
    def output_path(self) -> Path:
        """The COCO file."""
        return self.out / "coco.json"

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the COCO file, and a temporary file for the annotations, which follow after all images."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.out) as self._annotations:
            self._count = 0
            with super().open():
                yield

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        number, (height, width) = self.stats.images, image.size
        record = {"id": number, "file_name": image.name, "height": height, "width": width}
        self.body.write((",\n" if number > 1 else "\n") + as_json(record))
        for each in objects:
            segmentation = self.segmentation(each.mask)
            written = _mask(segmentation, each.mask.size, None, None)
            self._annotate(number, each.mask, segmentation, crowd=False)
            self.stats.wrote(each.mask, written or Mask.from_polygons([], each.mask.size))
        for mask in image.ignored:
            self._annotate(number, mask, mask.to_coco_rle(), crowd=True)

    def segmentation(self, mask: Mask) -> dict[str, Any] | list[list[float]]:
        """Return the ``segmentation`` of a mask."""
        return mask.to_coco_rle()

    def _annotate(self, image: int, mask: Mask, segmentation: object, crowd: bool) -> None:
        (x0, y0, x1, y1), score = mask.box.tolist(), score_of(mask)
        self._count += 1
        record = {
            "id": self._count,
            "image_id": image,
            "category_id": self.classes.number(mask.label) + 1,
            "segmentation": segmentation,
            "area": mask.area,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "iscrowd": int(crowd),
            **({} if score is None else {"score": score}),
        }
        self._annotations.write((",\n" if self._count > 1 else "\n") + as_json(record))

    def head(self) -> str:
        return '{"images": ['

    def finish(self, file: IO[str]) -> None:
        file.write('\n], "annotations": [')
        append(file, self._annotations)
        categories = [as_json({"id": number, "name": name}) for number, name in enumerate(self.classes.names, 1)]
        file.write('\n], "categories": [' + ",".join(f"\n{category}" for category in categories) + "\n]}\n")


class CocoPolygonWriter(CocoWriter):
    """Writer of ``coco-polygons.json``: outlines along pixel edges, with holes cut open. Exact by the fill rule of the COCO API."""

    @property
    def output_path(self) -> Path:
        """The COCO file."""
        return self.out / "coco-polygons.json"

    def segmentation(self, mask: Mask) -> dict[str, Any] | list[list[float]]:
        return [keyholed(part).ravel().tolist() for part in outlines(mask)]


FORMAT = Format(
    "coco",
    "COCO instances",
    Reader(read_coco, "COCO instances file"),
    (
        OutputVariant("coco", "coco.json, run lengths", CocoWriter),
        OutputVariant("coco-polygons", "coco-polygons.json, outlines along pixel edges", CocoPolygonWriter),
    ),
)
