"""`TorchSam`: segment-anything's models, and models with a copy of its decoder, in torch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....errors import BackendError
from ....masks import Size
from ....results import Provenance
from ....runtime.memory import MemoryRequirement
from ....runtime.torch import is_out_of_memory, to_host, unless_out_of_memory
from ..device_features import where_it_is
from ..geometry import InputGeometry, ResizeLongestSide
from ..mask_batch import HostDecoded, MaskBatch, Pairs, by_prompt
from ..model import DecoderConfig, Embedding, PointPrompts
from . import threads as torch_threads
from .decoder import Context, DecodedPrompts, TorchDecoder
from .encoding import TorchEncoder, TorchSettings

_DECODE_BATCH = {"cpu": 2, "cuda": 64, "mps": 16}
_UPSCALE_BATCH = {"cpu": 1, "cuda": 16, "mps": 4}
"""Number of prompts whose masks are upscaled at once, by device. On a CPU the intermediate results of one fill its cache."""

EMBEDDING, HIGH_RES = "embedding", ("high_res_0", "high_res_1")
"""Names in `Embedding.features`: the image embedding, and SAM 2's features at four and at two times its grid."""


class TorchSam(TorchEncoder):
    """A model with segment-anything's decoder; a `promptseg.models.sam.model.SamModel`.

    Args:
        sam: ``Sam`` of segment-anything or mobile_sam, with its weights, in evaluation mode. It is moved to the device and converted, and
            must not be used elsewhere afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    decoder_config = DecoderConfig()
    extra_features: tuple[str, ...] = HIGH_RES
    """Names in `Embedding.features` of what the decoder reads beside the embedding. A model need not have them."""

    def __init__(self, sam: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        self._input_size = int(sam.image_encoder.img_size)
        self._low_res = 4 * int(sam.prompt_encoder.image_embedding_size[0])
        self._decode_batch = settings.decode_batch or _DECODE_BATCH[settings.device.type]
        self._contexts: WeakKeyDictionary[Embedding, Context] = WeakKeyDictionary()
        self._lock = threading.Lock()
        super().__init__(sam, provenance, settings, need)

    @property
    def decode_batch(self) -> int:
        """Number of prompts to decode in one batch. It is halved whenever a batch does not fit into memory."""
        return self._decode_batch

    @property
    def workers(self) -> int:
        """Number of threads that decode at the same time."""
        return torch_threads.workers() if self.settings.device.type == "cpu" else 1

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: the longer side fills the model input."""
        return ResizeLongestSide(size, self._input_size, self._low_res)

    def kept_bytes(self, embedding: Embedding) -> int:
        """Return the size of the context of an image on the device, which is there once a prompt was decoded."""
        with self._lock:
            context = self._contexts.get(embedding)
        return 0 if context is None else context.nbytes

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> _Decoded:
        """Return decoded prompts. Scores are computed now, logits on request. A batch that does not fit into memory is decoded in halves.

        Args:
            embedding: The encoded image.
            prompts: The prompts.
            one_thread: Compute only on the calling thread, now and when logits are requested. A single prompt always is on a CPU.

        Raises:
            OutOfMemoryError: Not even one prompt fits.
        """
        # torch's threads wait for one another in many short operations, and so for whichever of them another program holds up.
        one_thread = one_thread or (self.settings.device.type == "cpu" and len(prompts) == 1)
        with self._computing(one_thread):
            context = unless_out_of_memory(lambda: self._context(embedding, prompts.mask_logits))
        if isinstance(context, Exception):
            raise self._too_large("an image does not fit beside the model") from context

        def decode(start: int, stop: int) -> DecodedPrompts:
            points, labels = (torch.tensor(array[start:stop], device="cpu") for array in (prompts.points, prompts.labels))
            return self._decoder.decode(context, points, labels)

        parts = self._in_parts("a prompt does not fit beside the model", one_thread)(len(prompts), len(prompts), decode)
        fitting = max(len(part.scores) for part in parts)
        if fitting < len(prompts):
            with self._lock:
                self._decode_batch = min(self._decode_batch, fitting)
        return _Decoded(self, parts, np.concatenate([to_host(part.scores) for part in parts]), one_thread)

    def upscale(
        self, decoded: DecodedPrompts, candidates: Mapping[int, Sequence[int]], region: Size | None, *, one_thread: bool = False
    ) -> list[Tensor]:
        """Return logits of candidates of decoded prompts, on the device: in order, in parts (candidates, rows, columns) float32.

        Args:
            decoded: Decoded prompts.
            candidates: Indices of prompts among them, and of the candidates of each.
            region: ``(height, width)`` in logits of the part that is needed, from the top-left corner; None for all.
            one_thread: Compute only on the calling thread.

        Raises:
            OutOfMemoryError: The logits do not fit.
        """
        prompts = list(candidates)

        def upscale(start: int, stop: int) -> Tensor:
            own = prompts[start:stop]
            among = sorted({candidate for prompt in own for candidate in candidates[prompt]})
            wanted = [row * len(among) + among.index(candidate) for row, prompt in enumerate(own) for candidate in candidates[prompt]]
            logits = self._decoder.upscale(decoded, own, among, region).flatten(0, 1)
            return logits if wanted == list(range(len(logits))) else logits[_indices(wanted, logits.device)]

        step = _UPSCALE_BATCH[self.settings.device.type]
        return self._in_parts("a mask does not fit beside the model", one_thread)(len(prompts), step, upscale)

    def joined(self, parts: Sequence[Tensor], order: Sequence[int]) -> Tensor:
        """Return the rows of several parts in another order."""
        with self._computing():
            rows = parts[0] if len(parts) == 1 else torch.cat(list(parts))
            return rows if list(order) == list(range(len(rows))) else rows[_indices(order, rows.device)]

    def _place(self, module: Any) -> None:
        device, dtype = self.settings.device, self.settings.dtype
        self._decoder = self._make_decoder(module.prompt_encoder, module.mask_decoder)
        encoder = module.image_encoder.to(device, dtype)
        self._encoder = _compiled(encoder) if self.settings.compile else encoder

    def _make_decoder(self, prompt_encoder: Any, mask_decoder: Any) -> TorchDecoder:
        return TorchDecoder(prompt_encoder, mask_decoder, self.settings.device, self.settings.dtype)

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        return {EMBEDDING: self._encoder(batch)}

    def _context(self, embedding: Embedding, mask_logits: NDArray[np.float32] | None) -> Context:
        with self._lock:
            context = self._contexts.get(embedding)
        if context is None:
            features = {name: _tensor(where_it_is(embedding.features, name)) for name in embedding.features}
            context = self._decoder.context(features[EMBEDDING], [features[name] for name in self.extra_features if name in features])
            with self._lock:
                self._contexts[embedding] = context
        return context if mask_logits is None else self._decoder.with_mask(context, _tensor(mask_logits))


@dataclass(frozen=True, eq=False)
class _Decoded(HostDecoded):
    """Decoded prompts that compute logits on request; a `promptseg.models.sam.model.Decoded`."""

    model: TorchSam
    parts: Sequence[DecodedPrompts]
    scores: NDArray[np.float32]
    one_thread: bool

    def logits(self, pairs: Pairs, region: Size | None = None) -> NDArray[np.float32]:
        """Return logits (len(pairs), low_res, low_res) float32, or a top-left part of whole image tokens that contains the region."""
        return to_host(self._on_device(pairs, region))

    def masks(self, pairs: Pairs, geometry: InputGeometry) -> MaskBatch:
        """Return the masks of some candidates on an image. Those of an accelerator stay there."""
        if not self.model.keeps_masks:
            return super().masks(pairs, geometry)
        return self.model.masks_on_device(self._on_device(pairs, geometry.low_res_used()), geometry)

    def _on_device(self, pairs: Pairs, region: Size | None) -> Tensor:
        places = dict(sorted(by_prompt(pairs).items()))
        found: list[Tensor] = []
        start = 0
        for part in self.parts:
            own = range(start, start + len(part.scores))
            candidates = {prompt - start: [pairs[place][1] for place in places[prompt]] for prompt in own if prompt in places}
            found += self.model.upscale(part, candidates, region, one_thread=self.one_thread)
            start = own.stop
        return self.model.joined(found, np.argsort([place for each in places.values() for place in each]).tolist())


def _indices(values: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor(list(values), dtype=torch.long, device="cpu").to(device)


def _tensor(value: NDArray[np.float32] | Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value
    return torch.tensor(value, device="cpu")  # A copy, because torch warns about read-only arrays, which those from the cache are.


def _compiled(encoder: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    """Return an encoder that is compiled at its first call."""
    with _compiling():
        compiled = torch.compile(encoder)

    def encode(batch: Tensor) -> Tensor:
        with _compiling():
            features: Tensor = compiled(batch)
        return features

    return encode


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Missing compilers, compilation and compiled code raise many errors without a common class.
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().partition("\n")[0]
        raise BackendError(
            f"the image encoder could not be compiled, or its compiled form failed: {reason}. torch needs a C++ compiler on a CPU and "
            "Triton on a GPU: install it, or load the model without compile=True"
        ) from error
