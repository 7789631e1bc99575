"""`Project`: the images of a source with their objects, kept in annotate's journal of a dataset folder.

This is what all of the studio works on. Reading::

    with open_project("photos", Path("photos-studio")) as project:
        for summary in project.summaries():  # all images in order
            document = project.document(summary.key)  # objects, version, state
            size = project.size(summary.key)

Writing, always of one image at a time, and on the disk when the call returns:

- `change` merges what a page sends, made to a version that the page knows;
- `edit` makes a change to the document as it is: for imports and other work of the server;
- `suggest` takes a pipeline's masks, unless a person has begun with the image meanwhile.

Each of them tells the open pages by `events`. Any thread may call all methods, but not the event loop: they read and write files.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from ..annotation.folder_lock import locked
from ..annotation.sources import SourceImage
from ..datasets.core import AnnotatedImage, AnnotatedObject
from ..errors import InputError, PromptSegError
from ..image_files import image_size
from ..masks import Size
from ..runtime.files import output_errors, remove_leftovers
from ..server.errors import ConflictError, NotFoundError
from ..server.messages import message_of
from .changes import Change, Changed, apply
from .documents import ImageDocument, ImageState, StudioObject
from .events import Events
from .file_stamps import BrokenFiles
from .image_list import ImageList
from .kept_documents import KeptDocuments
from .labels import Label, Labels
from .project_images import ProjectImages
from .rasters.files import RasterFiles, may_be_raster
from .rasters.formats import RASTER_FORMATS
from .summaries import ImageSummary

_log = logging.getLogger(__name__)

OWN_FOLDER = ".studio"
"""Folder in the dataset folder for what is not an annotation: labels, the session, thumbnails."""


class Truth(Protocol):
    """The true objects of images."""

    def of(self, name: str, size: Size) -> Sequence[AnnotatedObject]:
        """Return the true objects of an image of a size ``(height, width)``; none where it has none."""
        ...


class Project:
    """The images of a source with their objects. Made by `open_project`.

    Args:
        source: A folder, an image, or another source of `annotate`; None for images that are dropped into the page alone.
        out: The dataset folder. The caller holds its lock.
        labels: Names of labels to offer, in their order.
        threshold: The score from which text finds objects at first.
        name: Name of the project.
        rasters: Tells which images are rasters, and opens them; None for the usual choice of bands.

    Attributes:
        kind: ``"images"``. A video has another class, `VideoProject`.
        name: Name of the project.
        out: The dataset folder.
        own: The folder in it for what is not an annotation.
        threshold: The score from which text finds objects at first.
        truth: True masks, where somebody has set them.
        rasters: Tells which images are rasters, and opens them.
        events: What the open pages are told.
        labels: The labels.

    Raises:
        ConfigError: The journal is damaged so that its header is lost.
        InputError: The source cannot be read, or the folder has a file `journal.jsonl` that is not a journal.
        OutputError: The folder cannot be written.
    """

    kind: Literal["images"] = "images"

    def __init__(
        self,
        source: Path | str | None,
        out: Path,
        labels: Sequence[str] = (),
        threshold: float = 0.3,
        name: str = "",
        rasters: RasterFiles | None = None,
    ) -> None:
        self.out, self.own = out, out / OWN_FOLDER
        self.name, self.threshold = name or out.name, threshold
        self.truth: Truth | None = None
        self.rasters = rasters or RasterFiles()
        self.events = Events()
        self._lock = threading.RLock()
        self._images = ImageList(source, out)
        with output_errors(self.own):
            self.own.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
        remove_leftovers(self.own)
        self._broken = BrokenFiles()
        self._kept = KeptDocuments(out)
        try:
            self.labels = Labels(self.own / "labels.json", [*labels, *self._kept.labels])
        except BaseException:
            self._kept.close()
            raise

    # What is there.

    @property
    def own_formats(self) -> tuple[tuple[str, str], ...]:
        """Name and summary of what can be exported beside the formats of images: those of rasters, where some may be there."""
        with self._lock:
            some = any(may_be_raster(image.path) or self._kept.is_scene(image.name) for image in self._images.all)
        return tuple((name, summary) for name, (_, summary) in RASTER_FORMATS.items()) if some else ()

    @property
    def images(self) -> list[SourceImage]:
        """Names and paths of all images in their order, as of the latest look into the folder."""
        with self._lock:
            return self._images.all

    def summaries(self) -> list[ImageSummary]:
        """Return all images in their order. Images that were put into the folder meanwhile are there.

        Raises:
            InputError: The folder of the images cannot be read any more.
        """
        with self._lock:
            self._scan()
            return [self._summary(image) for image in self._images.all]

    def look(self) -> None:
        """Look for images that came or went, and tell the pages if there are some. Nothing changes where the folder cannot be read now."""
        with self._lock, contextlib.suppress(InputError):
            self._scan()

    def summary(self, key: str) -> ImageSummary:
        """Return an image of the list.

        Raises:
            NotFoundError: There is none.
        """
        with self._lock:
            return self._summary(self.image(key))

    def image(self, key: str) -> SourceImage:
        """Return the name and path of an image.

        Raises:
            NotFoundError: There is none.
        """
        with self._lock:
            try:
                return self._images.get(key)
            except NotFoundError:
                self._scan()
                return self._images.get(key)

    def document(self, key: str) -> ImageDocument:
        """Return the objects of an image.

        Raises:
            NotFoundError: There is no such image.
        """
        with self._lock:
            return self._kept.document(self.image(key).name)

    def size(self, key: str) -> Size:
        """Return ``(height, width)`` of an image, upright.

        Raises:
            NotFoundError: There is no such image.
            InputError: It cannot be read.
        """
        return self.rasters.size(self.image(key).path)

    def size_of_masks(self, key: str) -> Size:
        """Return the ``(height, width)`` that the masks of an image have: that of its objects, or of its file where there are none.

        Raises:
            NotFoundError: There is no such image.
            InputError: It cannot be read.
        """
        document = self.document(key)
        return document.size if document.size is not None and document.objects else self.size(key)

    def openable(self, key: str) -> ImageDocument:
        """Return the objects of an image whose file is to be shown.

        Raises:
            NotFoundError: There is no such image.
            InputError: It cannot be read.
            ConflictError: The file has another size than when its objects were made.
        """
        document, size = self.document(key), self.size(key)
        if document.objects and document.size != size:
            height, width = document.size or (0, 0)
            raise ConflictError(
                f"the image is {size[1]} x {size[0]} now, and its {len(document.objects)} objects are of one of {width} x {height}: "
                "put the earlier file back"
            )
        return document

    def true_objects(self, key: str) -> Sequence[AnnotatedObject]:
        """Return the true objects of an image; none where `truth` has none.

        Raises:
            NotFoundError: There is no such image.
            InputError: It cannot be read.
        """
        return () if self.truth is None else self.truth.of(self.image(key).name, self.size(key))

    def annotated(self, states: Collection[ImageState] | None = None, *, empty: bool = True) -> ProjectImages:
        """Return the images with their objects as datasets are written from, in the order of the list, without those of `scenes`.

        Args:
            states: States of the images; None for all but ``"new"``.
            empty: Whether images without an object belong to them.
        """
        wanted = {"started", "suggested", "doubt", "done"} if states is None else set(states)
        chosen = [each for each in self.summaries() if each.state in wanted and each.version and (empty or each.objects)]
        return ProjectImages(self.annotated_image, tuple(each.key for each in chosen if not self._kept.is_scene(each.name)))

    def scenes(self, states: Collection[ImageState]) -> list[ImageSummary]:
        """Return the rasters in some states that have objects, and cannot be part of a dataset of images."""
        return [each for each in self.summaries() if each.state in states and each.objects and self._kept.is_scene(each.name)]

    # What changes.

    def change(self, key: str, version: int, change: Change) -> Changed:
        """Make a change that a person made to a version of an image's objects. It is on the disk when this returns.

        Raises:
            NotFoundError: There is no such image.
            InputError: A value of the change is not usable.
            ChangedByOthersError: Others changed the same objects since. Its attribute `document` has them as they are.
            OutputError: It cannot be written. Nothing has changed.
        """
        with self._lock:
            before, after = self._apply(key, change, version)
        return Changed(after.version, None if before.version == version else after)

    def edit(self, key: str, make: Callable[[ImageDocument], Change], models: Sequence[Mapping[str, Any]] = ()) -> ImageDocument:
        """Make a change to the objects of an image as they are, and return them after it. It is on the disk when this returns.

        Args:
            key: Key of the image.
            make: Function from the document to the change.
            models: Provenance of the models that made its objects.

        Raises:
            NotFoundError: There is no such image.
            InputError: A value of the change is not usable.
            OutputError: It cannot be written. Nothing has changed.
        """
        with self._lock:
            document = self.document(key)
            return self._apply(key, make(document), document.version, models)[1]

    def suggest(
        self, key: str, objects: Sequence[StudioObject], doubt: float | None, models: Sequence[Mapping[str, Any]] = ()
    ) -> ImageDocument | None:
        """Take the objects that a pipeline found in an image, in place of earlier suggestions. They are on the disk when this returns.

        Args:
            key: Key of the image.
            objects: The objects, of source ``"suggestion"``. An image without any becomes ``"suggested"``, too.
            doubt: How doubtful they are, 0 to 1.
            models: Provenance of the models.

        Returns:
            The document; None where a person has begun with the image, so that nothing changes.

        Raises:
            NotFoundError: There is no such image.
            InputError: The image cannot be read, or an object is not one of it.
            OutputError: They cannot be written. Nothing has changed.
        """
        with self._lock:
            image, before = self.image(key), self.document(key)
            if before.state not in ("new", "suggested"):
                return None
            change = Change(put=tuple(objects), remove=tuple({e.uid for e in before.objects} - {e.uid for e in objects}), state="suggested")
            after = replace(apply(before, before.version, change, self.size(key)), doubt=doubt)
            if after.version == before.version:
                after = replace(after, version=after.version + 1)
            self._keep(image, after, models, by_hand=False)
            return after

    def set_labels(self, labels: Sequence[Label]) -> None:
        """Replace the labels. They are on the disk when this returns.

        Raises:
            InputError: A label is not usable.
            OutputError: They cannot be written. Nothing has changed.
        """
        with self._lock:
            self.labels.replace(labels)
        self.events.publish({"type": "labels"})

    def add_image(self, name: str, content: bytes) -> ImageSummary:
        """Keep an image file that was dropped into the page. It is on the disk when this returns.

        Raises:
            InputError: It is not an image, or the name has no suffix of one.
            OutputError: It cannot be written.
        """
        image_size(Path(name), content)
        with self._lock:
            image = self._images.put(name, content)
            summary = self._summary(image)
        self.events.publish({"type": "image", "summary": asdict(summary)})
        return summary

    def mark_broken(self, key: str, error: PromptSegError | None) -> None:
        """Remember why the file of an image cannot be read, or that it can. The list shows it until the file changes."""
        image = self.image(key)
        with self._lock:
            before = self._summary(image)
            self._broken.mark(image.path, None if error is None else message_of(error))
            after = self._summary(image)
        if after != before:
            self.events.publish({"type": "image", "summary": asdict(after)})

    def close(self) -> None:
        """End the connections of the pages, and close the journal."""
        self.events.close()
        with self._lock:
            self._kept.close()

    # How it is kept.

    def annotated_image(self, key: str) -> AnnotatedImage:
        """Return an image with its objects as datasets are written from.

        Raises:
            NotFoundError: There is no such image, or nothing is kept of it.
        """
        with self._lock:
            return self._kept.annotated(self.image(key))

    def _apply(
        self, key: str, change: Change, version: int, models: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[ImageDocument, ImageDocument]:
        """Make a change, and return the document before and after it."""
        image = self.image(key)
        before = self._kept.document(image.name)
        after = apply(before, version, change, self.size_of_masks(key))
        if after is not before:
            self._keep(image, after, models, by_hand=True)
        return before, after

    def _keep(self, image: SourceImage, document: ImageDocument, models: Sequence[Mapping[str, Any]], *, by_hand: bool) -> None:
        """Keep a document, and tell the pages."""
        self._kept.keep(image, document, models, by_hand=by_hand)
        summary = self._summary(image)
        try:  # The change is on the disk: what fails now is no error of it.
            if self.labels.add(each.label for each in document.objects if each.label is not None):
                self.events.publish({"type": "labels"})
            self._kept.compact()
        except PromptSegError as error:
            _log.warning("%s", error)
        self.events.publish({"type": "document", "key": summary.key, "version": document.version})
        self.events.publish({"type": "image", "summary": asdict(summary)})

    def _scan(self) -> None:
        if self._images.scan():
            self.events.publish({"type": "images"})

    def _summary(self, image: SourceImage) -> ImageSummary:
        reason = self._broken.reason(image.path)
        summary = self._kept.summary(image.name)
        return summary if reason is None else replace(summary, error=reason)


@contextlib.contextmanager
def open_project(
    source: Path | str | None,
    out: Path,
    labels: Sequence[str] = (),
    threshold: float = 0.3,
    name: str = "",
    *,
    rasters: RasterFiles | None = None,
    prepare: Callable[[Path], None] | None = None,
) -> Iterator[Project]:
    """Open the images of a source with what is kept of them in a dataset folder, which no other process may use meanwhile.

    The folder may be one that `annotate` began, with any settings. Further errors are those of `Project`.

    Args:
        source: A folder, an image, or another source of `annotate`; None for images that are dropped into the page alone.
        out: The dataset folder.
        labels: Names of labels to offer, in their order.
        threshold: The score from which text finds objects at first.
        name: Name of the project.
        rasters: Tells which images are rasters, and opens them; None for the usual choice of bands.
        prepare: Function that is called with the dataset folder before the images are listed.

    Raises:
        FolderInUseError: Another process uses the folder.
    """
    with locked(out):
        if prepare is not None:
            prepare(out)
        with contextlib.closing(Project(source, out, labels, threshold, name, rasters)) as project:
            yield project
