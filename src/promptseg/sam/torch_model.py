"""`TorchSam`: segment-anything's models, and those that copy its decoder, as a `promptseg.sam.model.SamModel` in torch.

Nothing is set for the whole process: no thread count, no default type or device, no autocast, and inference mode only within each call.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import BackendError, ConfigError, OutOfMemoryError, PromptSegError
from ..machine import usable_processors
from ..masks import Size
from ..results import Provenance
from ..torch_runtime import chosen_device, chosen_dtype, release, unless_out_of_memory
from .geometry import PIXEL_MEAN, PIXEL_STD, Geometry, LongestSide
from .model import Candidates, Embedding, PointPrompts
from .torch_decoder import Context, DecodedPrompts, TorchDecoder

OPTIONS: Mapping[str, Any] = {"dtype": "float32", "cache": "memory", "decode_batch": None}
"""Options of `load` that the backends on this module share, with their defaults."""

_DECODE_BATCH = {"cpu": 2, "cuda": 64, "mps": 16}
_ENCODE_BATCH = {"cpu": 1, "cuda": 8, "mps": 1}


@dataclass(frozen=True)
class Settings:
    """How a model runs.

    Attributes:
        device: Where.
        dtype: In which type.
        decode_batch: How many prompts are decoded at once, or None for what suits the device.
    """

    device: torch.device
    dtype: torch.dtype = torch.float32
    decode_batch: int | None = None

    @classmethod
    def checked(cls, device: str, options: Mapping[str, Any]) -> Settings:
        """The settings that `load` was asked for.

        Raises:
            ConfigError: The device is not there, it cannot compute in the type, or an option has an impossible value.
        """
        batch = options["decode_batch"]
        if batch is not None and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
            raise ConfigError(f"option decode_batch is a whole number of at least 1, got {batch!r}")
        chosen = chosen_device(device)
        return cls(chosen, chosen_dtype(options["dtype"], chosen), batch)

    @property
    def dtype_name(self) -> str:
        """Such as ``"float32"``."""
        return str(self.dtype).removeprefix("torch.")


class TorchSam:
    """A model with segment-anything's decoder; a `promptseg.sam.model.SamModel`.

    Args:
        sam: ``Sam`` of segment-anything or mobile_sam, with its weights, in evaluation mode. It is taken over: moved and converted.
        provenance: Which model it is.
        settings: How it runs.
        smaller: Names of smaller models, for the message where this one does not fit into memory.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    candidates = Candidates()

    def __init__(self, sam: Any, provenance: Provenance, settings: Settings, smaller: Sequence[str] = ()) -> None:
        self.provenance = provenance
        self.settings = settings
        self._smaller = tuple(smaller)
        self._frame = int(sam.image_encoder.img_size)
        self._low_res = 4 * int(sam.prompt_encoder.image_embedding_size[0])
        self._weight_bytes = sum(p.numel() for p in sam.parameters()) * settings.dtype.itemsize
        self._decode_batch = settings.decode_batch or _DECODE_BATCH[settings.device.type]
        self._encode_batch = _ENCODE_BATCH[settings.device.type]
        self._contexts: WeakKeyDictionary[Embedding, Context] = WeakKeyDictionary()
        self._lock = threading.Lock()
        with self._computing():
            placed = unless_out_of_memory(lambda: self._place(sam))
        if isinstance(placed, Exception):
            raise self._too_large("the model does not fit") from placed
        self._encoder, self._decoder = placed

    @property
    def decode_batch(self) -> int:
        """How many prompts to decode at once; halved whenever that many did not fit into memory."""
        return self._decode_batch

    @property
    def workers(self) -> int:
        """Threads that decode at the same time: as many as torch, which has threads of its own, leaves processors to."""
        if self.settings.device.type != "cpu":
            return 1
        return max(1, usable_processors() // torch.get_num_threads())

    def geometry(self, size: Size) -> Geometry:
        """SAM's: the longer side fills the frame."""
        return LongestSide(size, self._frame, self._low_res)

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """Encodes images, on an accelerator several at once.

        Raises:
            OutOfMemoryError: Not even one fits.
        """
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

    def decode(self, embedding: Embedding, prompts: PointPrompts, *, one_thread: bool = False) -> _Decoded:  # noqa: ARG002 - See below.
        """Scores now, masks when they are asked for. A batch that does not fit into memory is decoded in halves.

        Args:
            embedding: The image.
            prompts: The prompts.
            one_thread: Ignored: torch's threads are the process's, and not for us to set.

        Raises:
            OutOfMemoryError: Not even one prompt fits.
        """
        with self._computing():
            context = unless_out_of_memory(lambda: self._context(embedding, prompts.mask_logits))
        if isinstance(context, Exception):
            raise self._too_large("an image does not fit beside the model") from context
        parts: list[DecodedPrompts] = []
        done, step = 0, len(prompts)
        while done < len(prompts):
            points, labels = (torch.tensor(array[done : done + step], device="cpu") for array in (prompts.points, prompts.labels))
            with self._computing():
                part = unless_out_of_memory(lambda p=points, q=labels: self._decoder.decode(context, p, q))  # type: ignore[misc]
            if not isinstance(part, Exception):
                parts.append(part)
                done += len(points)
            elif len(points) == 1:
                raise self._too_large("a prompt does not fit beside the model") from part
            else:
                step = (len(points) + 1) // 2
                with self._lock:
                    self._decode_batch = min(self._decode_batch, step)
                release(self.settings.device)
        return _Decoded(self, parts, np.concatenate([part.scores.cpu().numpy() for part in parts]))

    def upscale(self, decoded: DecodedPrompts, prompt: int, candidates: Sequence[int], region: Size | None) -> NDArray[np.float32]:
        """Logits of a decoded prompt; see `promptseg.sam.model.Decoded.logits`."""
        with self._computing():
            logits = unless_out_of_memory(lambda: self._decoder.upscale(decoded, prompt, candidates, region).cpu())
        if isinstance(logits, Exception):
            raise self._too_large("a mask does not fit beside the model") from logits
        array: NDArray[np.float32] = logits.numpy()
        return array

    def _place(self, sam: Any) -> tuple[Any, TorchDecoder]:
        device, dtype = self.settings.device, self.settings.dtype
        decoder = TorchDecoder(sam.prompt_encoder, sam.mask_decoder, device, dtype)
        return sam.image_encoder.to(device, dtype), decoder

    def _encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        device = self.settings.device
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        frames = torch.zeros((len(images), 3, self._frame, self._frame), dtype=torch.float32, device=device)
        mean, std = (torch.tensor(values, dtype=torch.float32, device=device).view(3, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
        for frame, image, geometry in zip(frames, images, geometries, strict=True):
            resized = torch.tensor(geometry.resize(image), device=device).permute(2, 0, 1)
            frame[:, : resized.shape[1], : resized.shape[2]] = (resized - mean) / std
        features = self._encoder(frames.to(self.settings.dtype)).float().cpu().numpy()
        return [Embedding({"embedding": features[i : i + 1].copy()}, geometry) for i, geometry in enumerate(geometries)]

    def _context(self, embedding: Embedding, mask_logits: NDArray[np.float32] | None) -> Context:
        if mask_logits is not None:
            return self._decoder.context(_tensor(embedding), torch.tensor(mask_logits, device="cpu"))
        with self._lock:
            context = self._contexts.get(embedding)
        if context is None:
            context = self._decoder.context(_tensor(embedding))
            with self._lock:
                self._contexts[embedding] = context
        return context

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        """Inference mode in our own type, for this thread and this call, whatever the caller has chosen for theirs."""
        with torch.inference_mode(), torch.autocast(self.settings.device.type, enabled=False):
            try:
                yield
            except PromptSegError:
                raise
            except Exception as error:  # torch's own errors have no base in common.
                raise BackendError(f"torch failed: {error}") from error

    def _too_large(self, what: str) -> OutOfMemoryError:
        device = self.settings.device.type
        tries = []
        if self.settings.dtype == torch.float32:
            tries.append("dtype='bfloat16'")
        if device != "cpu":
            tries.append("device='cpu'")
        if self._smaller:
            tries.append(f"a smaller model ({', '.join(self._smaller)})")
        advice = f": try {' or '.join(tries)}" if tries else ""
        return OutOfMemoryError(
            f"out of memory on {device}: {what}; {self.provenance.model} has {self._weight_bytes / 2**20:,.0f} MiB of weights in "
            f"{self.settings.dtype_name}{advice}"
        )


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A `promptseg.sam.model.Decoded` that upscales what is asked for."""

    model: TorchSam
    parts: Sequence[DecodedPrompts]
    scores: NDArray[np.float32]

    def logits(self, prompt: int, candidates: Sequence[int], region: Size | None = None) -> NDArray[np.float32]:
        """(len(candidates), low_res, low_res) float32, or the image tokens' rows and columns that hold the region."""
        for part in self.parts:
            if prompt < len(part.scores):
                return self.model.upscale(part, prompt, candidates, region)
            prompt -= len(part.scores)
        raise IndexError(f"there are {len(self.scores)} decoded prompts")


def _tensor(embedding: Embedding) -> Tensor:
    return torch.tensor(embedding.features["embedding"], device="cpu")  # Copied: one from the cache is read-only, which torch warns of.
