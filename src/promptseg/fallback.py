"""`FallbackSegmenter`: a ladder of models, of which the first that fits into memory answers."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from .errors import OutOfMemoryError
from .images import ImageLike, load_image
from .protocols import BatchSegmenter, Segmenter, Session
from .results import Provenance
from .sam.cache import EmbeddingCache
from .sam.session import SamSegmenter

_T = TypeVar("_T")


class FallbackSegmenter:
    """A `promptseg.protocols.BatchSegmenter` that goes on with the next model where one does not fit into memory.

    A model is loaded when all before it have failed, each failure is warned of once, and later images stay with the model that was
    reached. Loading a model and opening an image step down; a session stays with the model that opened it. Safe to share between threads.

    Args:
        ladder: What loads each model, by the model's name, in the order in which they are tried.

    Raises:
        OutOfMemoryError: None of them can be loaded; the message has each with its reason.
    """

    def __init__(self, ladder: Mapping[str, Callable[[], Segmenter]]) -> None:
        self._names, self._loaders = tuple(ladder), tuple(ladder.values())
        self._reasons: dict[str, str] = {}
        self._changes: list[Callable[[Segmenter], None]] = []
        self._lock = threading.Lock()
        self._at = 0  # The model that is next to be loaded, where none is.
        self._rung: _Rung | None = None
        self._provenance = self._current().provenance

    @property
    def provenance(self) -> Provenance:
        """Which model answers now, and in `fallback_from` those that did not fit."""
        return self._provenance

    def open(self, image: ImageLike) -> Session:
        """Encodes an image with the first model that it fits into memory with.

        Raises:
            InputError: The image cannot be used.
            OutOfMemoryError: It fits with none; the message has each with its reason.
        """
        return self.open_with_provenance(image)[0]

    def open_with_provenance(self, image: ImageLike) -> tuple[Session, Provenance]:
        """As `open`, and which model it was: for a result made while other threads step down."""
        pixels = load_image(image)  # Once: a file that is open can be read once.
        return self._use(lambda segmenter: segmenter.open(pixels))

    def open_all(self, images: Sequence[ImageLike]) -> Sequence[Session]:
        """Opens several images with one model, the first that they fit into memory with; encoded together where the model can do that.

        Raises:
            InputError: An image cannot be used.
            OutOfMemoryError: They fit with none; the message has each with its reason.
        """
        photos = [load_image(image) for image in images]

        def open_all(segmenter: Segmenter) -> Sequence[Session]:
            if isinstance(segmenter, BatchSegmenter):
                return segmenter.open_all(photos)
            return [segmenter.open(photo) for photo in photos]

        return self._use(open_all)[0]

    def change(self, change: Callable[[Segmenter], None]) -> None:
        """Calls `change` with the segmenter that is loaded, and with each that is loaded later."""
        with self._lock:
            self._changes.append(change)
            if self._rung is not None:
                change(self._rung.segmenter)

    def _use(self, use: Callable[[Segmenter], _T]) -> tuple[_T, Provenance]:
        """What the first model with enough memory for it makes, and which model that is."""
        rung = self._current()
        while True:
            try:
                return use(rung.segmenter), rung.provenance
            except OutOfMemoryError as error:
                failed, reason = rung.index, str(error)
            del rung  # Its memory must be free before the next is loaded.
            rung = self._after(failed, reason)

    def _current(self) -> _Rung:
        with self._lock:
            return self._rung or self._load()

    def _after(self, failed: int, reason: str) -> _Rung:
        """The rung to go on with after one that failed."""
        with self._lock:
            if self._rung is None or self._rung.index != failed:  # Another thread has stepped down.
                return self._rung or self._load()
            self._reasons[self._names[failed]] = reason
            if failed == len(self._names) - 1:
                raise self._exhausted()  # The model stays: it may be the image that is too large, or the memory may be back later.
            self._rung = None
            self._step_down(reason)
            return self._load()

    def _load(self) -> _Rung:
        """Loads the first model, from where the ladder stands, that fits; the lock is held."""
        while True:
            name = self._names[self._at]
            try:
                segmenter = self._loaders[self._at]()
                break
            except OutOfMemoryError as error:
                self._reasons[name] = str(error)
                if self._at == len(self._names) - 1:
                    raise self._exhausted() from error
            self._step_down(self._reasons[name])
        for change in self._changes:
            change(segmenter)
        provenance = replace(segmenter.provenance, fallback_from=self._names[: self._at])
        self._rung, self._provenance = _Rung(self._at, segmenter, provenance), provenance
        return self._rung

    def _step_down(self, reason: str) -> None:
        self._at += 1
        failed, following = self._names[self._at - 1 : self._at + 1]
        warnings.warn(f"{failed} does not fit into memory, going on with {following}: {reason}", RuntimeWarning, stacklevel=2)

    def _exhausted(self) -> OutOfMemoryError:
        story = "\n  ".join(f"{name}: {self._reasons[name]}" for name in self._names)
        return OutOfMemoryError(f"no model of the fallback fits into memory:\n  {story}")


def set_cache(segmenter: Segmenter | None, cache: EmbeddingCache | None) -> None:
    """Has a segmenter of the SAM family keep its embeddings in `cache`, or nowhere; those of a ladder too, whenever they are loaded."""

    def change(one: Segmenter | None) -> None:
        if isinstance(one, SamSegmenter):
            one.cache = cache

    if isinstance(segmenter, FallbackSegmenter):
        segmenter.change(change)
    else:
        change(segmenter)


@dataclass(frozen=True)
class _Rung:
    """A model of the ladder that is loaded."""

    index: int
    segmenter: Segmenter
    provenance: Provenance
