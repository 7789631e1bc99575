"""`FallbackSegmenter`: a chain of segmenters, of which the first that fits into memory answers."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import OutOfMemoryError
from ..images import ImageLike, load_image
from ..prompts import PromptKind
from ..protocols import EmbeddingStore, Segmenter, Session
from ..results import Provenance

Loader = Callable[[tuple[str, ...]], Segmenter]
"""Loads a segmenter, given the names of those that did not fit before it, which belong into its provenance."""


@dataclass(frozen=True)
class _Link:
    """The model of the chain that is loaded."""

    index: int
    segmenter: Segmenter


class FallbackChain:
    """Models of which one is loaded at a time, shared by all segmenters on the chain.

    Args:
        loaders: What loads each model, by the model's name, in the order in which they are tried.

    Attributes:
        provenance: Which model was loaded last, and in `fallback_from` those that did not fit before it.
        accepts: Kinds of prompt that it takes.

    Raises:
        OutOfMemoryError: None of them can be loaded; the message has each with its reason.
    """

    def __init__(self, loaders: Mapping[str, Loader]) -> None:
        self._names, self._loaders = tuple(loaders), tuple(loaders.values())
        self._reasons: dict[str, str] = {}
        self._lock = threading.Lock()
        self._at = 0  # The model that is next to be loaded, where none is.
        self._link: _Link | None = None
        self.provenance: Provenance
        self.accepts: frozenset[PromptKind]
        self.current()

    def current(self) -> _Link:
        """Return the model that is loaded, or load one."""
        with self._lock:
            return self._link or self._load()

    def after(self, failed: int, reason: str) -> _Link:
        """Return the model to go on with after one that failed."""
        with self._lock:
            if self._link is None or self._link.index != failed:  # Another thread has stepped down.
                return self._link or self._load()
            self._reasons[self._names[failed]] = reason
            if failed == len(self._names) - 1:
                raise self._exhausted()  # The model stays: it may be the image that is too large, or the memory may be back later.
            self._link = None
            self._step_down(reason)
            return self._load()

    def _load(self) -> _Link:
        """Load the first model that fits, from where the chain stands; the lock is held."""
        while True:
            name = self._names[self._at]
            try:
                self._link = _Link(self._at, self._loaders[self._at](self._names[: self._at]))
            except OutOfMemoryError as error:
                self._reasons[name] = str(error)
                if self._at == len(self._names) - 1:
                    raise self._exhausted() from error
            else:
                self.provenance, self.accepts = self._link.segmenter.provenance, self._link.segmenter.accepts
                return self._link
            self._step_down(self._reasons[name])

    def _step_down(self, reason: str) -> None:
        self._at += 1
        failed, following = self._names[self._at - 1 : self._at + 1]
        warnings.warn(f"{failed} does not fit into memory, going on with {following}: {reason}", RuntimeWarning, stacklevel=2)

    def _exhausted(self) -> OutOfMemoryError:
        story = "\n  ".join(f"{name}: {self._reasons[name]}" for name in self._names)
        return OutOfMemoryError(f"no model of the fallback fits into memory:\n  {story}")


class FallbackSegmenter:
    """A `promptseg.protocols.Segmenter` that goes on with the next model where one does not fit into memory.

    A model is loaded when all before it have failed, each failure is warned of once, and later images stay with the model that was
    reached. Loading a model and opening an image step down; a session stays with the model that opened it. Safe to share between threads.
    It does not encode several images together: a model that one image fits into memory with may be too large for several.

    Args:
        chain: The models.
        change: Makes the segmenter that is used of each that is loaded.
    """

    def __init__(self, chain: FallbackChain, change: Callable[[Segmenter], Segmenter] = lambda segmenter: segmenter) -> None:
        self._chain = chain
        self._change = change

    @property
    def provenance(self) -> Provenance:
        """Which model answers now, and in `fallback_from` those that did not fit."""
        return self._chain.provenance

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Kinds of prompt that the model takes which answers now."""
        return self._chain.accepts

    def with_cache(self, cache: EmbeddingStore | None) -> FallbackSegmenter:
        """Return a segmenter on the same chain whose models keep their embeddings in `cache`, or nowhere for None."""
        return FallbackSegmenter(self._chain, lambda segmenter: segmenter.with_cache(cache))

    def open(self, image: ImageLike) -> Session:
        """Encode an image with the first model that it fits into memory with.

        Raises:
            InputError: The image cannot be used.
            OutOfMemoryError: It fits with none; the message has each with its reason.
        """
        pixels = load_image(image)  # Once: a file that is open can be read once.
        link = self._chain.current()
        while True:
            try:
                return self._change(link.segmenter).open(pixels)
            except OutOfMemoryError as error:
                failed, reason = link.index, str(error)
            del link  # Its memory must be free before the next is loaded.
            link = self._chain.after(failed, reason)
