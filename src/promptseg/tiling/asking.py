"""What a tiled session asks: a segmenter or a pipeline, each by one function for prompts of all kinds that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, Union, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, IncompatibleStagesError, PromptSegError, shown
from ..images import ImageLike
from ..masks import Masks
from ..prompts import EverythingPrompt, Prompt
from ..protocols import BatchSegmenter, EmbeddingStore, Segmenter, Session, TellsSize
from ..results import Provenance, Result

Ask = Callable[[Sequence[Prompt], bool], Masks]
"""Function that returns the masks of an open tile for prompts; with True, all candidates of spatial ones."""


class OpenedForPrompts(Protocol):
    """An image that a pipeline has opened, such as a `promptseg.pipeline.open_image.OpenImage`."""

    def __call__(self, *prompts: Prompt, candidates: bool = False) -> Result:
        """Return the result for prompts of any kind."""
        ...


@runtime_checkable
class OpensForPrompts(Protocol):
    """A pipeline that opens images for prompts of any kind, such as a `promptseg.pipeline.runner.BuiltPipeline`."""

    @property
    def models(self) -> tuple[Provenance, ...]:
        """Provenance of its models."""
        ...

    def open(self, image: ImageLike) -> OpenedForPrompts:
        """Encode an image once and return it for any number of calls with prompts."""
        ...

    def open_all(self, images: Sequence[ImageLike]) -> Sequence[OpenedForPrompts]:
        """Encode several images together, and return each as `open` does."""
        ...

    def with_cache(self, cache: EmbeddingStore | None) -> OpensForPrompts:
        """Return a pipeline that stores embeddings in a cache."""
        ...


TiledModel = Union[Segmenter, OpensForPrompts]
"""What `promptseg.tiling.session.open_tiled` takes: a segmenter or a pipeline."""


def models_of(model: TiledModel) -> tuple[Provenance, ...]:
    """Return the provenance of the models of a segmenter or pipeline."""
    return model.models if isinstance(model, OpensForPrompts) else (model.provenance,)


def images_together(models: Iterable[Provenance]) -> int:
    """Return the number of images that models encode together: 8 on an accelerator, 1 on the CPU, where more gain nothing."""
    return 1 if all(model.device.startswith("cpu") for model in models) else 8


def opened(model: TiledModel, images: Sequence[NDArray[np.uint8]]) -> list[tuple[Ask, int]]:
    """Return images that a segmenter or pipeline has opened, each as a function for prompts and the number of its bytes.

    They are encoded together where the model can do that. If that fails, such as for want of memory, each is opened alone.
    """
    found = _opened_together(model, images) if len(images) > 1 else None
    if found is None:
        found = [model.open(image) for image in images]
    return [_asked(each, image) for each, image in zip(found, images, strict=True)]


def _opened_together(model: TiledModel, images: Sequence[NDArray[np.uint8]]) -> Sequence[OpenedForPrompts | Session] | None:
    """Return open images, or None where the model cannot open these together."""
    try:
        if isinstance(model, OpensForPrompts):
            return model.open_all(images)
        return model.open_all(images) if isinstance(model, BatchSegmenter) else None
    except PromptSegError:
        return None


def _asked(image: OpenedForPrompts | Session, pixels: NDArray[np.uint8]) -> tuple[Ask, int]:
    size = image.nbytes if isinstance(image, TellsSize) else pixels.nbytes
    if isinstance(image, Session):
        session = image
        return lambda prompts, candidates: _of_session(session, prompts, candidates), size
    asked = image
    return lambda prompts, candidates: asked(*prompts, candidates=candidates).masks, size


def checked(model: object) -> TiledModel:
    """Return a segmenter or pipeline.

    Raises:
        ConfigError: It is neither.
    """
    if isinstance(model, (OpensForPrompts, Segmenter)):
        return model
    raise ConfigError(f"tiles are opened by a segmenter or a built pipeline, got {shown(model)}: load one with promptseg.load(name)")


def _of_session(session: Session, prompts: Sequence[Prompt], candidates: bool) -> Masks:
    if len(prompts) == 1 and isinstance(prompts[0], EverythingPrompt):
        return session.everything(prompts[0])
    other = next((prompt for prompt in prompts if prompt.kinds & {"text", "example"}), None)
    if other is not None or not prompts:
        what = "finding every object of a kind" if other is None else shown(other)
        raise IncompatibleStagesError(f"{what} needs a pipeline: open the raster with promptseg.Pipeline()….build().open_tiled(…)")
    return session.segment(prompts, candidates=candidates)
