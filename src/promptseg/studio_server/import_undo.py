"""The latest import of a project, so that it can be taken back. What a person has done to its objects since stays."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import InputError
from ..server.errors import NotFoundError
from .changes import Change
from .documents import ImageDocument, StudioObject
from .project import Project


@dataclass(frozen=True)
class ImportedImage:
    """What an import did to an image.

    Attributes:
        key: Key of the image.
        added: Uids of the objects that it added.
        removed: The objects that it removed.
        before: The document before it.
        after: The document after it.
    """

    key: str
    added: frozenset[str]
    removed: tuple[StudioObject, ...]
    before: ImageDocument
    after: ImageDocument

    @classmethod
    def between(cls, key: str, before: ImageDocument, after: ImageDocument) -> ImportedImage:
        """Return what an import did that led from one document of an image to another."""
        were, are = ({each.uid for each in document.objects} for document in (before, after))
        return cls(key, frozenset(are - were), tuple(each for each in before.objects if each.uid not in are), before, after)

    def undoing(self, document: ImageDocument) -> Change:
        """Return the change that takes it back, as far as nobody has changed its objects since."""
        there = {each.uid for each in document.objects}
        gone = tuple(each.uid for each in document.objects if each.uid in self.added and each.rev == self.after.version)
        back = tuple(each for each in self.removed if each.uid not in there)
        known = tuple(each.uid for each in self.before.objects)
        rest = tuple(each.uid for each in document.objects if each.uid not in known)
        is_as_before = {*there, *(each.uid for each in back)} - {*gone} == {*known}
        state = self.before.state if is_as_before and document.state == self.after.state else None
        return Change(put=back, remove=gone, order=(*known, *rest), state=state)


@dataclass(frozen=True)
class Undone:
    """What became of an import that was taken back.

    Attributes:
        images: Number of images that changed.
        removed: Number of its objects that were removed.
        restored: Number of objects that it had replaced, and that are there again.
        kept: Number of its objects that a person has changed since, and that stay.
    """

    images: int
    removed: int
    restored: int
    kept: int


@dataclass
class LatestImport:
    """The latest import, until it is taken back or another follows. It ends with the studio.

    Attributes:
        name: Its name.
        images: What it did to each image.
    """

    name: str = ""
    images: Sequence[ImportedImage] = field(default=(), repr=False)

    def remember(self, images: Sequence[ImportedImage]) -> str:
        """Remember what an import did, in place of an earlier one, and return its name."""
        self.name, self.images = uuid.uuid4().hex, images
        return self.name

    def undo(self, project: Project, name: str) -> Undone:
        """Take an import back. It is on the disk when this returns.

        Args:
            project: The project.
            name: Name of the import.

        Raises:
            NotFoundError: It is not the latest one, or was taken back already.
            OutputError: An image cannot be written. Those before it are, and it can be tried again.
        """
        if not name or name != self.name:
            raise NotFoundError("only the latest import can be taken back, once, and until the studio ends")
        counted = [each for image in self.images if (each := _undo_one(project, image)) is not None]
        self.name, self.images = "", ()
        return Undone(len(counted), *(sum(values) for values in zip(*counted, strict=True)) if counted else (0, 0, 0))


def _undo_one(project: Project, image: ImportedImage) -> tuple[int, int, int] | None:
    """Take back what an import did to an image, and return how many of its objects were removed, restored and kept; None if it is gone."""
    changes: list[Change] = []

    def make(document: ImageDocument) -> Change:
        changes.append(image.undoing(document))
        return changes[-1]

    try:
        after = project.edit(image.key, make)
    except (InputError, NotFoundError):  # Its file is gone, or is of another size now.
        return None
    kept = sum(each.uid in image.added for each in after.objects)
    return len(changes[-1].remove), len(changes[-1].put), kept
