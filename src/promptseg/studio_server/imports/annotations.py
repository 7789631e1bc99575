"""Import of annotations that were made elsewhere, for correction: the objects are added to the project's images of the same names."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from ..._counting import number_of
from ...annotation.records import mask_to_dict
from ...annotation.sources import SourceImage
from ...datasets.class_numbers import NO_CLASS
from ...datasets.core import AnnotatedImage, AnnotatedObject, Dataset, Finding
from ...datasets.safe_names import text_name
from ...errors import InputError
from ...runtime.files import output_errors, temporary_folder
from ...runtime.progress import track
from ...server.errors import ConflictError, NotFoundError
from ...server.messages import message_of, without_places
from ..changes import Change
from ..documents import MAX_ATTRIBUTES, MAX_LABEL, MAX_VALUE, ImageDocument, StudioObject, is_attribute
from ..image_list import key_of
from ..project import Project
from .files import file_name, open_annotations
from .undo import ImportedImage

Mode = Literal["add", "replace"]
"""What becomes of the objects that an image has: new ones are added to them, or replace them."""

MAX_PROBLEMS = 200
"""Maximum number of problems that are told."""


_KEPT_ATTRIBUTES = f"an object keeps {MAX_ATTRIBUTES}, with names of 1 to {MAX_LABEL} and texts of at most {MAX_VALUE} characters"


class HasObjectsError(ConflictError):
    """Images of an import have objects already, and it was not said what becomes of them."""

    title = "There are objects already"


@dataclass(frozen=True)
class Imported:
    """What was imported.

    Attributes:
        images: Number of images that got objects.
        objects: Number of objects that were added.
        problems: What could not be read or kept, or is of no image of the project, each with its place.
        changes: What it did to each image, by which it can be taken back.
    """

    images: int
    objects: int
    problems: tuple[str, ...]
    changes: tuple[ImportedImage, ...] = field(repr=False)


def import_annotations(
    project: Project,
    content: bytes,
    name: str,
    format_name: str | None = None,
    mode: Mode | None = None,
    *,
    boxes: bool = False,
) -> Imported:
    """Add the objects of an annotation file to the images of a project.

    All files are read before anything changes. Locked objects are never replaced.

    Args:
        project: The project.
        content: The file, or a ZIP of files.
        name: Its name, which counts where a format pairs files with images by their names.
        format_name: Format of the annotations; None to tell it by the content.
        mode: What becomes of the objects of images that have some; None to ask, by an error.
        boxes: Whether to read objects that have only a box as the filled box.

    Raises:
        ConfigError: There is no such format, or it has no boxes.
        InputError: The file cannot be read, or is of none of the project's images.
        HasObjectsError: `mode` is None, and images have objects already. Nothing has changed.
        OutputError: An image cannot be written. Those before it are.
    """
    images = {each.name: project.image(each.key) for each in project.summaries()}
    with output_errors(project.own), temporary_folder(project.own, "import") as folder:
        (given := folder / "given").mkdir()
        (unpacked := folder / "unpacked").mkdir()
        file = given / file_name(name, content)
        file.write_bytes(content)
        _link(images.values(), linked := folder / "images")
        dataset = open_annotations(file, unpacked, linked, format_name, boxes=boxes)
        return _Import(project, images, linked, dataset, mode).run()


class _Import:
    """An import whose files are open.

    Args:
        project: The project.
        images: Its images by name.
        linked: Folder of links to them, which the problems of the annotations name.
        dataset: The annotations.
        mode: As for `import_annotations`.
    """

    def __init__(self, project: Project, images: Mapping[str, SourceImage], linked: Path, dataset: Dataset, mode: Mode | None) -> None:
        self._project, self._images, self._linked, self._dataset, self._mode = project, images, linked, dataset, mode
        self._named_object = any(label.name == NO_CLASS for label in project.labels.all)

    def run(self) -> Imported:
        findings = list[Finding]()
        known = tuple(entry for entry in self._dataset.entries if entry.name in self._images)
        found = [image for image in replace(self._dataset, entries=known).usable(findings) if image.objects]
        problems = self._told(findings)
        if not found:
            raise InputError(f"nothing to import: {problems[0] if problems else 'no object is of an image of the project'}")
        self._check_mode(found)
        objects = 0
        done: list[ImportedImage] = []
        for image in track(found, stage="import", total=len(found), unit="image"):
            new, lost = tuple(map(self._object, image.objects)), sum(map(_lost_attributes, image.objects))
            try:
                done.append(self._edit(key_of(image.name), new))
            except (InputError, NotFoundError) as error:  # Such as too many objects. The other images are imported.
                problems.append(text_name(f"{image.name}: {message_of(error)}"))
                continue
            objects += len(new)
            if lost:
                are = number_of(lost, "attribute is", "attributes are")
                problems.append(text_name(f"{image.name}: {are} left out: {_KEPT_ATTRIBUTES}"))
        more = [f"and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
        return Imported(len(done), objects, (*problems[:MAX_PROBLEMS], *more), tuple(done))

    def _told(self, findings: Sequence[Finding]) -> list[str]:
        """Return what a person is told: what could not be used. That images of the project have no annotation or object is no problem."""
        return [
            text_name(without_places(str(each).replace(str(self._linked), "the project")))
            for each in findings
            if (each.broken or each.kind in ("skipped", "attributes", "empty"))
            and not (each.kind in ("unpaired", "empty") and each.source in self._images)
        ]

    def _check_mode(self, found: Sequence[AnnotatedImage]) -> None:
        if self._mode is not None:
            return
        taken = [text_name(image.name) for image in found if self._project.summary(key_of(image.name)).objects]
        if taken:
            have = f"{taken[0]} has" if len(taken) == 1 else f"{len(taken)} images, such as {taken[0]}, have"
            raise HasObjectsError(
                f"{have} objects already: mode=add keeps them beside the new ones, mode=replace removes those that are not locked"
            )

    def _edit(self, key: str, new: tuple[StudioObject, ...]) -> ImportedImage:
        """Add objects to an image, and return what that did."""
        before: list[ImageDocument] = []

        def make(document: ImageDocument) -> Change:
            before.append(document)
            gone = [each.uid for each in document.objects if not each.locked] if self._mode == "replace" else []
            return Change(put=new, remove=tuple(gone))

        after = self._project.edit(key, make)
        return ImportedImage.between(key, before[-1], after)

    def _object(self, each: AnnotatedObject) -> StudioObject:
        entry = mask_to_dict(each.mask)
        label = None if each.label == NO_CLASS and not self._named_object else each.label or None  # Formats write it where there is none.
        kept = {} if each.id is None else {"id": each.id}
        uid = f"i{uuid.uuid4().hex[:16]}"
        return StudioObject(uid, entry["counts"], label, entry["score"], "import", attributes=_attributes(each), kept=kept)


def _attributes(each: AnnotatedObject) -> dict[str, str]:
    """Return the attributes of an object that can be kept."""
    fitting = ((name, value) for name, value in each.attributes.items() if is_attribute(name, value))
    return dict(islice(fitting, MAX_ATTRIBUTES))


def _lost_attributes(each: AnnotatedObject) -> int:
    return len(each.attributes) - len(_attributes(each))


def _link(images: Iterable[SourceImage], folder: Path) -> None:
    """Make a folder with links to the images under their names, whatever folders they are in."""
    folder.mkdir()
    for image in images:
        link = folder / image.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(image.path.resolve())
