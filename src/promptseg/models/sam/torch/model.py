"""`TorchSam`: segment-anything's models, and models with a copy of its decoder, in torch.

It changes no setting of the process: no thread count, no default dtype or device, no autocast. Inference mode is on only within each call.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...._checks import whole_number
from ....errors import BackendError, ConfigError, OutOfMemoryError, PromptSegError, shown
from ....masks import Size
from ....results import Provenance
from ....runtime.host import available_memory
from ....runtime.memory import MemoryRequirement
from ....runtime.torch import chosen_device, chosen_dtype, computing, is_out_of_memory, release, slower, to_host, unless_out_of_memory
from ..device_features import DeviceFeatures, where_it_is
from ..geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry, ResizeLongestSide
from ..mask_batch import HostDecoded, MaskBatch, Pairs, by_prompt
from ..model import DecoderConfig, Embedding, PointPrompts
from . import threads as torch_threads
from .decoder import Context, DecodedPrompts, TorchDecoder
from .mask_batch import DeviceMaskBatch, Parts

_DECODE_BATCH = {"cpu": 2, "cuda": 64, "mps": 16}
_ENCODE_BATCH = {"cpu": 1, "cuda": 8, "mps": 1}
_UPSCALE_BATCH = {"cpu": 1, "cuda": 16, "mps": 4}
"""Number of prompts whose masks are upscaled at once, by device. On a CPU the intermediate results of one fill its cache."""

_T = TypeVar("_T")

EMBEDDING, HIGH_RES = "embedding", ("high_res_0", "high_res_1")
"""Names in `Embedding.features`: the image embedding, and SAM 2's features at four and at two times its grid."""


@dataclass(frozen=True)
class TorchSettings:
    """Settings of a model in torch.

    Attributes:
        device: Device of all computation.
        dtype: Dtype of the computation.
        decode_batch: Number of prompts to decode in one batch, or None for a default that suits the device.
        compile: Whether the image encoder is compiled, which happens at the first image.
    """

    device: torch.device
    dtype: torch.dtype = torch.float32
    decode_batch: int | None = None
    compile: bool = False

    @classmethod
    def checked(cls, device: str, options: Mapping[str, Any]) -> TorchSettings:
        """Return checked settings from the device and the options of `load`.

        Raises:
            ConfigError: The device does not exist or does not support the dtype, an option has an invalid value, or one makes the model
                slower and ``allow_slow`` is not set.
            OutOfMemoryError: The device has no free memory.
        """
        batch = options["decode_batch"]
        if batch is not None:
            batch = whole_number("option decode_batch", batch, 1)
        if not isinstance(options["compile"], bool):
            raise ConfigError(f"option compile is True or False, got {shown(options['compile'])}")
        chosen = chosen_device(device)
        dtype = chosen_dtype(options["dtype"], chosen, allow_slow=options["allow_slow"])
        if options["compile"] and chosen.type == "cpu" and not options["allow_slow"]:
            raise slower("compile=True", "on a CPU, compiling the encoder of SAM took 320 s, and encoding was not faster afterwards")
        return cls(chosen, dtype, batch, options["compile"])

    @property
    def dtype_name(self) -> str:
        """Name of the dtype, such as ``"float32"``."""
        return str(self.dtype).removeprefix("torch.")


class TorchSam:
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

    def __init__(self, sam: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        self.provenance = provenance
        self.settings = settings
        self._need = need or MemoryRequirement(provenance.model)
        self._input_size = int(sam.image_encoder.img_size)
        self._low_res = 4 * int(sam.prompt_encoder.image_embedding_size[0])
        self._weight_bytes = sum(p.numel() for p in sam.parameters()) * settings.dtype.itemsize
        self._decode_batch = settings.decode_batch or _DECODE_BATCH[settings.device.type]
        self._encode_batch = _ENCODE_BATCH[settings.device.type]
        self._contexts: WeakKeyDictionary[Embedding, Context] = WeakKeyDictionary()
        self._lock = threading.Lock()
        room = free_memory(settings.device)
        with self._computing():
            placed = unless_out_of_memory(lambda: self._place(sam))
        if isinstance(placed, Exception):
            raise self._too_large("the model does not fit", room) from placed
        self._encoder, self._decoder = placed

    @property
    def decode_batch(self) -> int:
        """Number of prompts to decode in one batch. It is halved whenever a batch does not fit into memory."""
        return self._decode_batch

    @property
    def keeps_masks(self) -> bool:
        """Whether embeddings and candidate masks stay on the device until they are asked for. On a CPU, NumPy is faster."""
        return self.settings.device.type != "cpu"

    @property
    def workers(self) -> int:
        """Number of threads that decode at the same time."""
        return torch_threads.workers() if self.settings.device.type == "cpu" else 1

    def geometry(self, size: Size) -> InputGeometry:
        """Return the geometry of images of a size: the longer side fills the model input."""
        return ResizeLongestSide(size, self._input_size, self._low_res)

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Return the embeddings of images. An accelerator encodes several in one batch; a batch that does not fit into memory is halved.

        Raises:
            OutOfMemoryError: Not even one image fits.
        """
        check_memory(self._need, self.settings, held=self._weight_bytes)
        found: list[Embedding] = []
        while len(found) < len(images):
            batch = images[len(found) : len(found) + self._encode_batch]
            with self._computing():
                encoded = unless_out_of_memory(lambda batch=batch: self._encode(batch))  # type: ignore[misc]
            if not isinstance(encoded, Exception):
                found += encoded
            elif len(batch) == 1:
                raise self._too_large("an image does not fit beside the model") from encoded
            else:
                self._encode_batch = max(1, len(batch) // 2)
                release(self.settings.device)
        return found

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

    def masks_on_device(self, logits: Tensor, geometry: InputGeometry) -> DeviceMaskBatch:
        """Return candidate masks that stay on the device, from their logits (K, rows, columns)."""
        return DeviceMaskBatch(logits, geometry, self._in_parts("a mask does not fit beside the model", one_thread=False))

    def _in_parts(self, what: str, one_thread: bool) -> Parts:
        """Return a function that computes results in parts. A part that does not fit into memory is computed in halves.

        It raises an `OutOfMemoryError` that begins with `what` if not even a single result fits.
        """

        def in_parts(count: int, step: int, compute: Callable[[int, int], _T]) -> list[_T]:
            parts: list[_T] = []
            done = 0
            while done < count:
                stop = min(done + step, count)
                with self._computing(one_thread):
                    part = unless_out_of_memory(lambda start=done, stop=stop: compute(start, stop))  # type: ignore[misc]
                if not isinstance(part, Exception):
                    parts.append(part)
                    done = stop
                elif stop - done == 1:
                    raise self._too_large(what) from part
                else:
                    step = (stop - done + 1) // 2
                    release(self.settings.device)
            return parts

        return in_parts

    def _place(self, sam: Any) -> tuple[Any, TorchDecoder]:
        device, dtype = self.settings.device, self.settings.dtype
        decoder = TorchDecoder(sam.prompt_encoder, sam.mask_decoder, device, dtype)
        encoder = sam.image_encoder.to(device, dtype)
        return _compiled(encoder) if self.settings.compile else encoder, decoder

    def _encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        features = self._features(input_batch(images, geometries, self.settings.device).to(self.settings.dtype))
        if not self.keeps_masks:
            arrays = {name: to_host(value.float()) for name, value in features.items()}
            return [
                Embedding({name: value[i : i + 1].copy() for name, value in arrays.items()}, geometry)
                for i, geometry in enumerate(geometries)
            ]
        kept = [{name: value[i : i + 1].clone() for name, value in features.items()} for i in range(len(images))]
        return [
            Embedding(DeviceFeatures(own, lambda value: to_host(value.float())), geometry)
            for own, geometry in zip(kept, geometries, strict=True)
        ]

    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Return the features of a batch (N, 3, input_size, input_size) by the names in `Embedding.features`, each (N, channels, …)."""
        return {EMBEDDING: self._encoder(batch)}

    def _context(self, embedding: Embedding, mask_logits: NDArray[np.float32] | None) -> Context:
        with self._lock:
            context = self._contexts.get(embedding)
        if context is None:
            features = {name: _tensor(where_it_is(embedding.features, name)) for name in embedding.features}
            context = self._decoder.context(features[EMBEDDING], [features[name] for name in HIGH_RES if name in features])
            with self._lock:
                self._contexts[embedding] = context
        return context if mask_logits is None else self._decoder.with_mask(context, _tensor(mask_logits))

    @contextlib.contextmanager
    def _computing(self, one_thread: bool = False) -> Iterator[None]:
        """Enable inference mode and disable autocast for this thread and this call, independent of the caller's settings.

        Raises:
            BackendError: torch failed, or the device was in use when this process was forked.
        """
        threads = torch_threads.one_thread() if one_thread else contextlib.nullcontext()
        device = self.settings.device
        with computing(device), torch.inference_mode(), torch.autocast(device.type, enabled=False), threads:
            try:
                yield
            except PromptSegError:
                raise
            except Exception as error:  # torch's errors have no common base class.
                raise BackendError(f"torch failed: {error}") from error

    def _too_large(self, what: str, room: int | None = None) -> OutOfMemoryError:
        device = self.settings.device
        release(device)
        if room is None:
            room = _room(device, self._weight_bytes)
        return self._need.error(what, device=device.type, dtype=self.settings.dtype_name, room=room)


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


def input_batch(images: Sequence[NDArray[np.uint8]], geometries: Sequence[InputGeometry], device: torch.device) -> Tensor:
    """Return images as model inputs, (N, 3, input_size, input_size) float32: resized, normalized and padded with zeros."""
    side = geometries[0].input_size
    batch = torch.zeros((len(images), 3, side, side), dtype=torch.float32, device=device)
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device).view(3, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
    for model_input, image, geometry in zip(batch, images, geometries, strict=True):
        resized = torch.tensor(geometry.resize(image), device=device).permute(2, 0, 1)
        model_input[:, : resized.shape[1], : resized.shape[2]] = (resized - mean) / std
    return batch


def check_memory(need: MemoryRequirement, settings: TorchSettings, held: int = 0) -> None:
    """Check that a model on the CPU fits into memory before it is run.

    Linux grants more memory than is available and then ends the process. Accelerators raise an error themselves and are not checked.

    Args:
        need: Memory requirements of the model.
        settings: Device and dtype of the model.
        held: Number of bytes that the model holds already; 0 before loading.

    Raises:
        OutOfMemoryError: The model needs more memory than is available.
    """
    if settings.device.type != "cpu":
        return
    needed = need.encoding(settings.dtype_name) if held else need.loading(settings.dtype_name, "cpu")
    room = _room(settings.device, held)
    if needed is not None and room is not None and needed > room:
        what = "an image does not fit beside the model" if held else "the model does not fit"
        raise need.error(what, device="cpu", dtype=settings.dtype_name, room=room)


@contextlib.contextmanager
def loading(need: MemoryRequirement, settings: TorchSettings) -> Iterator[None]:
    """Turn errors of exhausted memory within the block, where a model is loaded, into `OutOfMemoryError`.

    This includes errors that a reader reported as a damaged file.

    Raises:
        OutOfMemoryError: There was not enough memory to load the model.
    """
    try:
        yield
    except Exception as error:
        if not any(is_out_of_memory(found) for found in (error, error.__cause__)):
            raise
        room = free_memory(torch.device("cpu"))  # Models are loaded on the CPU, also those for another device.
        raise need.error("the model does not fit", device="cpu", dtype=settings.dtype_name, room=room) from error


def _room(device: torch.device, held: int) -> int | None:
    free = free_memory(device)
    return None if free is None else free + held


def free_memory(device: torch.device) -> int | None:
    """Return the number of free bytes on a device, or None if it cannot be queried."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return available_memory() if device.type == "cpu" else None


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
