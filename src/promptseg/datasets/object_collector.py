"""Collection of the objects of one image while its annotation is read. A bad object is dropped, and the rest of its image is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .._counting import number_of
from ..errors import InputError, shown
from ..image_files import image_size
from ..masks import Mask, Size
from .attributes import texts_of
from .core import AnnotatedImage, AnnotatedObject, AnnotationError, Finding, FindingKind
from .stated_size import SizeMismatch, compare_size

DAMAGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions that values of a wrong kind cause in a reader. `InputError` is a `ValueError`."""


@dataclass
class ObjectCollector:
    """The objects, the regions to ignore and the findings of one image while its annotation is read.

    Rasterize shapes at `size`, which is the size that the annotation was made at. A mask of another size than the image is fitted to it
    when `fit` is set and the EXIF orientation or a resize explains the difference. Otherwise it is dropped.

    Attributes:
        name: The image's name.
        path: The image file.
        stated: ``(height, width)`` that the annotation states for the image, or None when it states nothing.
        fit: Whether annotations made at another size, or before the EXIF orientation was applied, are fitted to the image.
        findings: Findings about the image and its objects.
        content: Bytes of the image file, when the annotation file embeds them and there is no file at `path`.

    Raises:
        AnnotationError: When the image cannot be read, or the stated size differs from its size and the annotations cannot be fitted.
    """

    name: str
    path: Path
    stated: Size | None = None
    fit: bool = False
    findings: list[Finding] = field(default_factory=list)
    content: bytes | None = field(default=None, repr=False)
    _objects: dict[str, AnnotatedObject] = field(default_factory=dict, init=False)
    _ignored: list[Mask] = field(default_factory=list, init=False)
    _seen: int = field(default=0, init=False)
    _lost_attributes: list[str] = field(default_factory=list, init=False)
    _misfits: dict[Size, SizeMismatch] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        try:
            self._actual = image_size(self.path, self.content)
        except InputError as error:
            raise AnnotationError(Finding(self.name, "unreadable", str(error))) from error
        if self.stated is not None and (misfit := compare_size(self.path, self._actual, self.stated)) is not None:
            if not self.fit or misfit.cause == "unknown":
                raise AnnotationError(Finding(self.name, "size", str(misfit)))
            self._misfits[self.stated] = misfit
            self._fitted(misfit)

    @property
    def size(self) -> Size:
        """``(height, width)`` at which the annotation was made, in pixels."""
        return self._actual if self.stated is None else self.stated

    @contextmanager
    def reading(self, key: object, place: str) -> Iterator[None]:
        """Drop the object that is read in this block when its values are damaged, with a finding.

        Args:
            key: Key of the object in the image.
            place: Place of the object in its file, such as ``"annotation 7 of a.json"``.
        """
        try:
            yield
        except AnnotationError as error:
            self._seen += 1
            self.note(key, error.finding.kind, f"{place} is left out: {error.finding.message}")
        except DAMAGE as error:
            message = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            self._seen += 1
            self.note(key, "dropped", f"{place} cannot be read, and is left out: {message[:_LONGEST]}")

    def add(self, key: object, mask: Mask, number: int | None = None, attributes: object = None) -> None:
        """Add an object. An object without pixels becomes a finding.

        Args:
            key: Key of the object in the image. A key that is taken gets a number.
            mask: The mask of the object.
            number: The owner's number of the annotation.
            attributes: Further values of the object by name, as they stand in the file. Those that cannot be read become a finding.

        Raises:
            AnnotationError: When the mask is of another size than the image and cannot be fitted.
        """
        mask = self._at_actual_size(mask)
        self._seen += 1
        if not mask.area:
            self.note(key, "empty", "the object has no pixels")
            return
        unique = str(key)
        while unique in self._objects:
            unique = f"{key} at {self._seen}" if unique == str(key) else f"{unique}+"
        texts, lost = texts_of(attributes)
        self._lost_attributes += lost
        self._objects[unique] = AnnotatedObject(f"{self.name}#{unique}", mask, number, texts)

    def ignore(self, mask: Mask) -> None:
        """Add a region to ignore.

        Raises:
            AnnotationError: When the mask is of another size than the image and cannot be fitted.
        """
        mask = self._at_actual_size(mask)
        self._seen += 1
        if mask.area:
            self._ignored.append(mask)

    def note(self, key: object, kind: FindingKind, message: str) -> None:
        """Add a finding about an object of the image."""
        self.findings.append(Finding(f"{self.name}#{key}", kind, message))

    def collected(self, *, group: str = "", number: int | None = None) -> AnnotatedImage:
        """Return the image with its objects.

        Args:
            group: Name shared by images that depend on each other.
            number: The owner's number of the image.
        """
        findings = list(self.findings)
        if not self._seen:
            findings.append(Finding(self.name, "empty", "the image has no objects"))
        if lost := self._lost_attributes:
            are = number_of(len(lost), "attribute of its objects is", "attributes of its objects are")
            message = f"{are} left out, such as {shown(lost[0])}: expected text, a number, or true or false"
            findings.append(Finding(self.name, "attributes", message))
        objects = tuple(self._objects.values())
        return AnnotatedImage(
            self.name, self.path, self._actual, objects, tuple(self._ignored), tuple(findings), group, number, self.content
        )

    def _at_actual_size(self, mask: Mask) -> Mask:
        if mask.size == self._actual:
            return mask
        misfit = self._misfits.get(mask.size) or compare_size(self.path, self._actual, mask.size)
        if misfit is None or not self.fit or misfit.cause == "unknown":
            raise AnnotationError(Finding(self.name, "size", str(misfit)))
        if mask.size not in self._misfits:
            self._misfits[mask.size] = misfit
            self._fitted(misfit)
        return misfit.fit(mask)

    def _fitted(self, misfit: SizeMismatch) -> None:
        done = "turned by the EXIF orientation" if misfit.turn is not None else "resized"
        (height, width), (rows, columns) = misfit.actual, misfit.stated
        self.findings.append(
            Finding(self.name, "converted", f"annotations made at {columns} x {rows} are {done} to the image of {width} x {height}")
        )


_LONGEST = 300
"""Maximum number of characters of a reason in a finding."""
