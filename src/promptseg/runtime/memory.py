"""Memory requirements of models, and the out-of-memory message."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OutOfMemoryError
from .host import available_memory, has_arithmetic

_NAMED = 3
"""Maximum number of smaller models that a message names."""


@dataclass(frozen=True)
class MemoryRequirement:
    """Peak memory to load a model and encode one image, weights included.

    Attributes:
        model: Name of the model.
        mib: Peak MiB in float32, or None if unknown.
        checkpoint: Bytes of the float32 checkpoint, or 0 if unknown.
        lighter: Models that need less, in the order in which to suggest them.
    """

    model: str
    mib: int | None = None
    checkpoint: int = 0
    lighter: tuple[MemoryRequirement, ...] = ()

    def encoding(self, dtype: str) -> int | None:
        """Return the bytes to hold the model and encode an image in a number type, or None if unknown.

        Weights and intermediate results need half the memory in 16 bits.
        """
        if self.mib is None:
            return None
        return (self.mib << 20) // (1 if dtype == "float32" else 2)

    def loading(self, dtype: str, device: str) -> int | None:
        """Return the bytes to load the model and encode an image, or None if unknown.

        On the CPU all weights are read in float32 before they are converted.
        """
        encoding = self.encoding(dtype)
        return max(encoding, self.checkpoint) if encoding is not None and device == "cpu" else encoding

    def error(self, what: str, *, device: str, dtype: str, room: int | None) -> OutOfMemoryError:
        """Return the error for a device without enough memory, with advice on what to try.

        Args:
            what: What did not fit, for the message.
            device: The device.
            dtype: Number type of the computation.
            room: Bytes on the device that the model has or could allocate, or None if unknown.
        """
        need = self.loading(dtype, device)
        facts = [] if need is None else [f"{self.model} needs about {_mib(need)} in {dtype}"]
        facts += [] if room is None else [f"there is room for {_mib(room)}"]
        tries = self._tries(device, dtype, room)
        advice = f": try {' or '.join(tries)}" if tries else "; nothing smaller is known to fit"
        return OutOfMemoryError(f"out of memory on {device}: {'; '.join([what, *facts])}{advice}")

    def _tries(self, device: str, dtype: str, room: int | None) -> list[str]:
        tries = []
        if dtype == "float32" and self._fits("bfloat16", device, room):
            tries.append(half_memory(device))
        if device != "cpu" and self._fits(dtype, "cpu", available_memory()):
            tries.append("device='cpu'")
        smaller = [other.model for other in self.lighter if other._fits(dtype, device, room)]  # noqa: SLF001 - The same class.
        if smaller:
            more = f" and {len(smaller) - _NAMED} more" if len(smaller) > _NAMED else ""
            tries.append(f"a smaller model ({', '.join(smaller[:_NAMED])}{more})")
        return tries

    def _fits(self, dtype: str, device: str, room: int | None) -> bool:
        """Return whether the model may fit. It may if its need or the room is unknown."""
        need = self.loading(dtype, device)
        return need is None or room is None or need <= room


def half_memory(device: str) -> str:
    """Return the options of `promptseg.load` for half the memory on a device; on a CPU that emulates the type, with the permission to."""
    return "dtype='bfloat16'" + (", allow_slow=True" if device == "cpu" and has_arithmetic("bfloat16") is False else "")


def _mib(nbytes: int) -> str:
    return f"{nbytes / 2**20:,.0f} MiB"
