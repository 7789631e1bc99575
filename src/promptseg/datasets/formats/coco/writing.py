"""Writing of COCO instances files, with run lengths or polygons."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ...._checks import is_whole_number
from ....masks import Mask
from ...core import AnnotatedImage, AnnotatedObject
from ...polygons import keyholed, outlines
from ...safe_names import text_name
from ...simplification import simplified
from ...writer_base import Classes, FileWriter, WriteStats, as_json, score_of
from .reading import segmentation_mask


class CocoWriter(FileWriter):
    """Writer of ``coco.json``: masks as compressed run lengths, regions to ignore as crowds. Exact.

    The ids of images and annotations are their owner's where these are unique whole numbers. Others get the numbers after the highest.
    """

    holds_ignored = True
    holds_attributes = True

    @property
    def output_path(self) -> Path:
        """The COCO file."""
        return self.out / "coco.json"

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Create the COCO file, and a temporary file for the annotations, which follow after all images."""
        self._image_ids, self._annotation_ids = _Ids(), _Ids()
        with tempfile.TemporaryFile("w+", encoding="utf-8", dir=self.out) as self._annotations, super().open():
            yield

    def write(self, image: AnnotatedImage, objects: Sequence[AnnotatedObject]) -> None:
        height, width = image.size
        number = self._own_id(self._image_ids, image.id)
        record = {"id": number, "file_name": text_name(image.name), "height": height, "width": width}
        self.body.write(as_json(record) + "\n")
        for each in objects:
            segmentation = self.segmentation(each.mask)
            written = segmentation_mask(segmentation, each.mask.size, None, None)
            self._annotate(number, each.mask, segmentation, self._own_id(self._annotation_ids, each.id), attributes=each.attributes)
            self.stats.wrote(each.mask, written or Mask.from_polygons([], each.mask.size))
        for mask in image.ignored:
            self._annotate(number, mask, mask.to_coco_rle(), crowd=True)

    def segmentation(self, mask: Mask) -> dict[str, Any] | list[list[float]]:
        """Return the ``segmentation`` of a mask."""
        return mask.to_coco_rle()

    def _own_id(self, ids: _Ids, number: int | None) -> int | None:
        if number is None or ids.keep(number):
            return number
        self.stats.changed_text(("id is not a unique whole number", "ids are not unique whole numbers"), str(number), "a new number")
        return None

    def _annotate(
        self,
        image: int | None,
        mask: Mask,
        segmentation: object,
        number: int | None = None,
        *,
        crowd: bool = False,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        (x0, y0, x1, y1), score = mask.box.tolist(), score_of(mask)
        record = {
            "id": number,
            "image_id": image,
            "category_id": self.classes.id(mask.label),
            "segmentation": segmentation,
            "area": mask.area,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "iscrowd": int(crowd),
            **({} if score is None else {"score": score}),
            **({"attributes": dict(attributes)} if attributes else {}),  # As CVAT and Datumaro name them.
        }
        # In the temporary file, the place of the image comes first. Ids that are not known yet stay null until all owners' ids are.
        self._annotations.write(f"{self.stats.images} {as_json(record)}\n")

    def head(self) -> str:
        return f'{{"info": {as_json(_INFO)}, "licenses": [], "images": ['

    def copy_body(self, file: IO[str]) -> None:
        """Write the images, and then the annotations, with the ids that were not known before."""
        new_ids: dict[int, int] = {}  # By the place of the image.
        self.body.seek(0)
        for place, line in enumerate(self.body, 1):
            if line.startswith(_NO_ID):
                new_ids[place] = self._image_ids.next()
                line = f'{{"id": {new_ids[place]}{line.removeprefix(_NO_ID)}'
            file.write((",\n" if place > 1 else "\n") + line.rstrip("\n"))
        file.write('\n], "annotations": [')
        self._annotations.seek(0)
        for index, numbered in enumerate(self._annotations):
            place_text, _, line = numbered.partition(" ")
            if line.startswith(_NO_ID):
                line = f'{{"id": {self._annotation_ids.next()}{line.removeprefix(_NO_ID)}'
            if (new_id := new_ids.get(int(place_text))) is not None:
                line = line.replace('"image_id": null', f'"image_id": {new_id}', 1)
            file.write((",\n" if index else "\n") + line.rstrip("\n"))

    def finish(self, file: IO[str]) -> None:
        categories = [as_json({"id": self.classes.id(name), "name": name}) for name in self.classes.names]
        file.write('\n], "categories": [' + ",".join(f"\n{category}" for category in categories) + "\n]}\n")


class _Ids:
    """Ids in a file: those of the owner, and new ones after the highest of them, from 1."""

    def __init__(self) -> None:
        self._owned: set[int] = set()
        self._highest = 0

    def keep(self, number: int) -> bool:
        """Return whether the owner's id can be kept: it is a whole number that JSON readers hold exactly, and no other has it."""
        if not is_whole_number(number, 0) or number >= _TOO_LARGE or number in self._owned:
            return False
        self._owned.add(number)
        self._highest = max(self._highest, number)
        return True

    def next(self) -> int:
        """Return a new id. After the first, no owner's id may be added."""
        self._highest += 1
        return self._highest


_NO_ID = '{"id": null'
_TOO_LARGE = 2**53
_INFO = {"description": "Annotations written by promptseg", "version": "1.0", "url": "", "contributor": ""}
"""Member ``info`` of each file, which pycocotools needs. It has no date, so that the same images give the same bytes."""


class CocoPolygonWriter(CocoWriter):
    """Writer of ``coco-polygons.json``: outlines along pixel edges, with holes cut open. Exact by the fill rule of the COCO API.

    Args:
        tolerance: Distance in pixels by which outlines may be simplified.
    """

    def __init__(self, out: Path, classes: Classes, stats: WriteStats, *, tolerance: float = 0.0) -> None:
        super().__init__(out, classes, stats)
        self._tolerance = tolerance

    @property
    def output_path(self) -> Path:
        """The COCO file."""
        return self.out / "coco-polygons.json"

    def segmentation(self, mask: Mask) -> dict[str, Any] | list[list[float]]:
        return [keyholed(part).ravel().tolist() for part in simplified(outlines(mask), self._tolerance)]
