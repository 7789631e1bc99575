"""The latest imports of a project, so that they can be taken back. What a person has done to their objects since stays."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from ...server.errors import NotFoundError
from ..changes import Change
from ..documents import ImageDocument, StudioObject
from ..project import Project


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
        made = {each.uid: each for each in self.after.objects if each.uid in self.added}
        gone = tuple(each.uid for each in document.objects if each.uid in made and each.is_same(made[each.uid]))
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


class Imports:
    """The latest imports, of which the last can be taken back, and then the one before. They end with the studio."""

    def __init__(self) -> None:
        self._kept: dict[str, Sequence[ImportedImage]] = {}  # By name, the last one last.

    def remember(self, images: Sequence[ImportedImage]) -> str:
        """Remember what an import did to images, and return a name for it."""
        name = uuid.uuid4().hex
        self._kept[name] = images
        for earlier in [*self._kept][:-MAX_IMPORTS]:
            del self._kept[earlier]
        return name

    def undo(self, project: Project, name: str) -> Undone:
        """Take an import back. It is on the disk when this returns.

        Args:
            project: The project.
            name: Name of the import.

        Raises:
            NotFoundError: It is not the last one that is left, or no longer known.
            OutputError: An image cannot be written. Those before it are, and it can be tried again.
        """
        if name != next(reversed(self._kept), None):
            raise NotFoundError("imports are taken back one after another, the latest first, and until the studio ends")
        counted = [each for image in self._kept[name] if (each := _undo_one(project, image)) is not None]
        del self._kept[name]
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


MAX_IMPORTS = 10
"""Number of imports that can be taken back."""
