"""`TorchEncoder`: what all models in torch share that encode images: settings, memory, batches of images, and computation in parts.

It changes no setting of the process: no thread count, no default dtype or device, no autocast. Inference mode is on only within each call.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

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
from ..device_features import DeviceFeatures
from ..geometry import PIXEL_MEAN, PIXEL_STD, InputGeometry
from ..model import MAX_DECODE_BATCH, Embedding
from . import threads as torch_threads
from .mask_batch import DeviceMaskBatch, Parts

_ENCODE_BATCH = {"cpu": 1, "cuda": 8, "mps": 1}

_T = TypeVar("_T")


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
            batch = whole_number("option decode_batch", batch, 1, most=MAX_DECODE_BATCH)
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


class TorchEncoder(ABC):
    """A model in torch that encodes images. Its methods may be called from several threads at once.

    Args:
        module: The model, with its weights, in evaluation mode. It is moved to the device and converted, and must not be used elsewhere
            afterwards.
        provenance: Provenance of the model.
        settings: Device, dtype and further settings.
        need: Memory requirements of the model; None if unknown.

    Raises:
        OutOfMemoryError: The model does not fit on the device.
    """

    def __init__(self, module: Any, provenance: Provenance, settings: TorchSettings, need: MemoryRequirement | None = None) -> None:
        self.provenance = provenance
        self.settings = settings
        self._need = need or MemoryRequirement(provenance.model)
        self._weight_bytes = sum(p.numel() for p in module.parameters()) * settings.dtype.itemsize
        self._encode_batch = _ENCODE_BATCH[settings.device.type]
        room = free_memory(settings.device)
        with self._computing():
            placed = unless_out_of_memory(lambda: self._place(module))
        if placed is not None:
            raise self._too_large("the model does not fit", room) from placed

    @abstractmethod
    def _place(self, module: Any) -> None:
        """Move the model to the device, convert it and keep it."""

    @abstractmethod
    def _features(self, batch: Tensor) -> Mapping[str, Tensor]:
        """Return the features of a batch (N, 3, input_size, input_size) by the names in `Embedding.features`, each (N, channels, …)."""

    @abstractmethod
    def geometry(self, size: Size) -> InputGeometry:
        """Return the position of images of a size ``(height, width)`` inside the model input."""

    def _model_input(self, images: Sequence[NDArray[np.uint8]], geometries: Sequence[InputGeometry]) -> Tensor:
        """Return images as model inputs (N, 3, input_size, input_size), on the device."""
        return input_batch(images, geometries, self.settings.device).to(self.settings.dtype)

    @property
    def keeps_masks(self) -> bool:
        """Whether embeddings and candidate masks stay on the device until they are asked for. On a CPU, NumPy is faster."""
        return self.settings.device.type != "cpu"

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

    def masks_on_device(self, logits: Tensor, geometry: InputGeometry) -> DeviceMaskBatch:
        """Return candidate masks that stay on the device, from their logits (K, rows, columns)."""
        return DeviceMaskBatch(logits, geometry, self._in_parts("a mask does not fit beside the model", one_thread=False))

    def _encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        geometries = [self.geometry((image.shape[0], image.shape[1])) for image in images]
        features = self._features(self._model_input(images, geometries))
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
        return self._need.error(what, device=str(device), dtype=self.settings.dtype_name, room=room)


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
