"""`FallbackSegmenter`: a chain of segmenters that uses the first one that fits into memory. `fallback_chain` names them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .._checks import absent_hint
from ..errors import ConfigError, IncompatibleStagesError, OutOfMemoryError, WeightsNotFoundError, shown
from ..images import ImageLike, load_image
from ..prompts import PromptKind
from ..protocols import EmbeddingStore, Segmenter, Session
from ..results import Provenance
from ..runtime.forking import Lock
from ..tiling.session import OpensTiled
from .choice import choose
from .spec import KIND_NAMES, Choice

Loader = Callable[[tuple[str, ...]], Segmenter]
"""Function that loads a segmenter. Its argument, for the provenance, are the names of the models that did not fit into memory before it."""


@dataclass(frozen=True)
class _Link:
    """The loaded model of a chain, with its position."""

    index: int
    segmenter: Segmenter


class FallbackChain:
    """Models to try in order, of which one is loaded at a time. All segmenters of a chain share it.

    Args:
        loaders: Function that loads each model, by the model's name, in the order in which the models are tried.

    Attributes:
        provenance: Provenance of the model that was loaded last. `fallback_from` lists the models that did not fit into memory.
        accepts: Kinds of prompt that this model accepts.

    Raises:
        OutOfMemoryError: None of the models fits into memory. The message lists each model with its reason.
    """

    def __init__(self, loaders: Mapping[str, Loader]) -> None:
        self._names, self._loaders = tuple(loaders), tuple(loaders.values())
        self._reasons: dict[str, str] = {}
        self._lock = Lock()
        self._at = 0  # Index of the loaded model or, if none is loaded, of the next to load.
        self._link: _Link | None = None
        self.provenance: Provenance
        self.accepts: frozenset[PromptKind]
        self.current()

    def current(self) -> _Link:
        """Return the loaded model, or load one if none is."""
        with self._lock:
            return self._link or self._load()

    def after(self, failed: int, reason: str) -> _Link:
        """Return the model that follows the one at index `failed`, which did not fit into memory."""
        with self._lock:
            if self._link is None or self._link.index != failed:  # Another thread has moved on already.
                return self._link or self._load()
            self._reasons[self._names[failed]] = reason
            if failed == len(self._names) - 1:
                raise self._exhausted()  # Keep the model: the image may be too large, or memory may be free later.
            self._link = None
            self._step_down(reason)
            return self._load()

    def _load(self) -> _Link:
        """Load the first model that fits, beginning at the current position. The caller holds the lock."""
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
        return OutOfMemoryError(f"no model of the fallback chain fits into memory:\n  {story}")


class FallbackSegmenter(OpensTiled):
    """A `promptseg.protocols.Segmenter` that goes on with the next model if one does not fit into memory.

    A model is loaded when all models before it have failed. Each failure gives one warning. Later images use the model that was reached.
    Loading a model and opening an image can go on to the next model; a session keeps the model that opened it. Threads may share the
    segmenter. It encodes images one by one: a model that has memory for one image may have none for several.

    Args:
        chain: The models.
        change: Function applied to each loaded segmenter, such as setting its cache.
    """

    def __init__(self, chain: FallbackChain, change: Callable[[Segmenter], Segmenter] = lambda segmenter: segmenter) -> None:
        self._chain = chain
        self._change = change

    @property
    def provenance(self) -> Provenance:
        """Provenance of the loaded model. `fallback_from` lists the models that did not fit into memory."""
        return self._chain.provenance

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Kinds of prompt that the loaded model accepts."""
        return self._chain.accepts

    def with_cache(self, cache: EmbeddingStore | None) -> FallbackSegmenter:
        """Return a segmenter of the same chain that stores embeddings in `cache`, or stores none for None."""
        return FallbackSegmenter(self._chain, lambda segmenter: segmenter.with_cache(cache))

    def open(self, image: ImageLike) -> Session:
        """Encode an image with the first model that has enough memory for it.

        Raises:
            InputError: The image cannot be used.
            OutOfMemoryError: No model has enough memory. The message lists each model with its reason.
        """
        pixels = load_image(image)  # Before the loop, because an open file can be read only once.
        link = self._chain.current()
        while True:
            try:
                return self._change(link.segmenter).open(pixels)
            except OutOfMemoryError as error:
                failed, reason = link.index, str(error)
            del link  # Free its memory before the next model is loaded.
            link = self._chain.after(failed, reason)


def fallback_chain(first: Choice, fallback: Sequence[str]) -> tuple[Choice, ...]:
    """Return the fallback chain: a choice, followed by the segmenters to try in order if it does not fit into memory.

    Args:
        first: A segmenter; without a fallback, any model.
        fallback: Names of the other segmenters, in order. A name may have its own weights, as ``"name=path"``.

    Raises:
        UnknownModelError: There is no such model.
        ConfigError: A model is named twice, or is not a segmenter.
        WeightsNotFoundError: The weights given with a name do not exist.
    """
    if isinstance(fallback, str):
        raise ConfigError(f"fallback is a list of model names: write [{shown(fallback)}]")
    if not isinstance(fallback, Sequence):
        raise ConfigError(f"fallback is a list of model names, got {shown(fallback)}")
    if not fallback:
        return (first,)
    chain = (first, *(choose(name, kind="segmenter") for name in fallback))
    names = [choice.model.name for choice in chain]
    for index, choice in enumerate(chain):
        if names[index] in names[:index]:
            raise ConfigError(f"model {names[index]!r} is twice in the fallback chain {' → '.join(names)}: name other models")
        if choice.backend.kind != "segmenter":
            raise IncompatibleStagesError(
                f"model {names[index]!r} is {KIND_NAMES[choice.backend.kind]}, and a fallback chain takes segmenters only"
            )
        if index and choice.weights is not None and not choice.weights.exists():
            raise WeightsNotFoundError(f"there is no weights file {choice.weights} for model {names[index]!r}{absent_hint(choice.weights)}")
    return chain
