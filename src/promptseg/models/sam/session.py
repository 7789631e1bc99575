"""`SamSegmenter` and `SamSession`: the path from an image and prompts to masks, for every model of the SAM family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..._prompt_hints import not_everything
from ...errors import BackendError, PromptError, shown
from ...images import ImageLike
from ...masks import Mask, Masks, Size
from ...notebook.session import SessionDisplay
from ...prompts import EverythingPrompt, Prompt, PromptKind, SpatialPrompt, spatial
from ...protocols import EmbeddingStore, FeatureMap
from ...results import Provenance
from ...runtime.forking import StaysInProcess
from ...tiling.session import OpensTiled
from . import selection
from .everything import segment_everything
from .geometry import InputGeometry
from .mask_batch import MaskBatch, Pairs, Place
from .model import Decoded, Embedding, PointPrompts, SamModel
from .opening import open_images
from .parallel import in_parallel
from .prompt_batches import batch_prompts, fitting_logits
from .upsample import upsampler


class SamSegmenter(StaysInProcess, OpensTiled):
    """Segmenter for any model of the SAM family; a `promptseg.protocols.BatchSegmenter`.

    Args:
        model: The model.
        cache: Cache of embeddings, or None to encode every time.
        rule: Rule that selects one of the model's candidate masks for a prompt: ``"published"``, ``"single"`` or ``"best"``.
    """

    def __init__(self, model: SamModel, cache: EmbeddingStore | None = None, rule: selection.Rule = "published") -> None:
        self.model = model
        self.cache = cache
        self.rule = rule

    def __repr__(self) -> str:
        return f"SamSegmenter({self.provenance.model}, {self.provenance.device}, {self.provenance.version})"

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype and weights of the model."""
        return self.model.provenance

    @property
    def accepts(self) -> frozenset[PromptKind]:
        """Kinds of prompts that the model takes."""
        config = self.model.decoder_config
        taken: dict[PromptKind, bool] = {"point": True, "box": config.takes_boxes, "mask": config.takes_masks, "everything": True}
        return frozenset(kind for kind, takes in taken.items() if takes)

    def with_cache(self, cache: EmbeddingStore | None) -> SamSegmenter:
        """Return a segmenter with the same model and rule that caches embeddings in `cache`; None for no cache."""
        return SamSegmenter(self.model, cache, self.rule)

    def open(self, image: ImageLike) -> SamSession:
        """Return a session on an image, encoded now or found in the cache.

        Raises:
            InputError: The image cannot be read or is not a valid image.
        """
        (session,) = self.open_all([image])
        return session

    def open_all(self, images: Sequence[ImageLike]) -> list[SamSession]:
        """Return sessions on several images of any sizes.

        Images that are not in the cache are encoded together, which is faster on an accelerator. An image that another thread is encoding
        now, or that is there twice, is encoded once.

        Raises:
            InputError: An image cannot be read or is not a valid image.
        """
        opened = open_images(self.model, self.cache, images)
        return [SamSession(self, image.pixels, image.embedding, image.timings) for image in opened]


@dataclass(frozen=True, eq=False, repr=False)
class SamSession(SessionDisplay):
    """Session on an encoded image, for prompts; a `promptseg.protocols.Session`. It is immutable and safe to share between threads."""

    segmenter: SamSegmenter
    image: NDArray[np.uint8]
    embedding: Embedding
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image in pixels."""
        return self.embedding.geometry.size

    @property
    def provenance(self) -> Provenance:
        """Name, backend, dtype and weights of the model that encoded the image."""
        return self.segmenter.provenance

    @property
    def nbytes(self) -> int:
        """Number of bytes of the image, of its embedding, and of what the model keeps beside it since it decoded the first prompt."""
        return self.image.nbytes + self.embedding.nbytes + self.segmenter.model.kept_bytes(self.embedding)

    def features(self) -> FeatureMap:
        """Return the feature map with the most channels, without the cells that hold only padding.

        Raises:
            BackendError: The embedding has no feature map, which is an array (1, channels, rows, columns).
        """
        grids = [array for array in self.embedding.features.values() if array.ndim == 4]
        if not grids:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in self.embedding.features.items()) or "nothing"
            raise BackendError(
                f"an embedding of model {self.provenance.model!r} has no feature map: expected an array (1, channels, rows, columns), "
                f"got {shapes}"
            )
        deepest = max(grids, key=lambda array: array.shape[1])[0]
        geometry = self.embedding.geometry
        rows, columns = (
            max(1, min(-(-side * cells // geometry.input_size), cells))
            for side, cells in zip(geometry.content_size, deepest.shape[1:], strict=True)
        )
        return FeatureMap(deepest[:, :rows, :columns], self.size)

    def segment(self, prompts: Iterable[Prompt], *, candidates: bool = False) -> Masks:
        """Return masks for prompts, one object for each prompt.

        The box of the mask is added to a prompt that is only a mask. SAM was trained to refine a mask with points or a box, and gives an
        empty mask without them.

        Args:
            prompts: Spatial prompts, one for each object.
            candidates: Return the masks that the model proposes for an ambiguous prompt (SAM: three) instead of the selected mask. This
                applies to every prompt, also to boxes, like ``multimask_output=True`` in segment-anything.

        Returns:
            One mask for each prompt in the order of the prompts, or all candidates prompt by prompt. Each mask has its predicted IoU as
            `score`, its low-resolution `logits` and its `prompt_index`.

        Raises:
            PromptError: A prompt is not spatial, does not fit the image, or is an empty mask.
        """
        model, geometry = self.segmenter.model, self.embedding.geometry
        checked = [_with_box(prompt, geometry) for prompt in spatial(prompts, self.size)]
        batches = list(batch_prompts(checked, geometry, model.decode_batch, pad_boxes=model.decoder_config.pads_boxes))
        # On a CPU, one thread for each batch is faster, and far faster where other programs run. Few batches use all threads for each.
        one_thread = 1 < model.workers <= len(batches)

        def masks_of(batch: tuple[list[int], PointPrompts]) -> list[Mask]:
            indices, points = batch
            decoded = model.decode(self.embedding, points, one_thread=one_thread)
            return self._masks(decoded, indices, [checked[index] for index in indices], candidates)

        found = [mask for masks in in_parallel(masks_of, batches, model.workers if one_thread else 1) for mask in masks]
        return Masks(sorted(found, key=lambda mask: mask.prompt_index or 0), self.size)

    def _masks(self, decoded: Decoded, indices: Sequence[int], prompts: Sequence[SpatialPrompt], candidates: bool) -> list[Mask]:
        """Return the masks of decoded prompts, with the indices of the prompts: the selected one of each, or all candidates."""
        geometry, decoder_config = self.embedding.geometry, self.segmenter.model.decoder_config
        chosen: Iterable[tuple[Pairs, MaskBatch]]
        if candidates:
            pairs = [(row, candidate) for row in range(len(indices)) for candidate in decoder_config.multimask_indices]
            chosen = [(pairs, decoded.masks(pairs, geometry))]
        else:
            chosen = selection.select_candidates(decoded, prompts, geometry, decoder_config, self.segmenter.rule)
        limit, place = decoder_config.logit_limit, Place((0, 0), self.size)
        return [
            Mask(
                self.size,
                counts,
                float(decoded.scores[row, candidate]),
                logits=np.clip(logits, -limit, limit),
                prompt_index=indices[row],
            )
            for selected, masks in chosen
            for (row, candidate), counts, logits in zip(selected, masks.run_lengths(place), masks.logits(), strict=True)
        ]

    def everything(self, prompt: EverythingPrompt | None = None) -> Masks:
        """Return masks of every object, found with a grid of points.

        Args:
            prompt: Settings from `Prompt.everything`; None for the defaults.

        Raises:
            PromptError: `prompt` is not made by `Prompt.everything`.
        """
        if not isinstance(prompt, (EverythingPrompt, type(None))):
            raise PromptError(f"everything() takes Prompt.everything(), got {shown(prompt)}{not_everything(prompt)}")
        return segment_everything(self.segmenter.model, self.image, self.embedding, prompt or EverythingPrompt())


def _with_box(prompt: SpatialPrompt, geometry: InputGeometry) -> SpatialPrompt:
    if prompt.kinds != {"mask"}:
        return prompt
    mask = prompt.mask_pixels
    if mask is None and prompt.logits is not None:
        mask = upsampler(geometry).mask(fitting_logits(prompt.logits, geometry), keep_logits=False)
    if mask is None or not mask.area:
        raise PromptError(f"{shown(prompt)} is an empty mask: there is nothing to refine")
    return prompt + Prompt.box(*mask.box.tolist())
