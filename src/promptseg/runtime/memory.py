"""What a model needs of memory, as the catalog says it, and the words of the error where there is less."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OutOfMemoryError
from .host import available_memory

_NAMED = 3
"""How many smaller models a message names."""


@dataclass(frozen=True)
class MemoryNeed:
    """What it takes at its peak to load a model and to encode one photo, weights included.

    Attributes:
        model: The model's name.
        mib: MiB in float32, or None where that is not known.
        checkpoint: Bytes of its checkpoint, which is in float32, or 0 where they are not known.
        lighter: Smaller models, in the order in which to advise them.
    """

    model: str
    mib: int | None = None
    checkpoint: int = 0
    lighter: tuple[MemoryNeed, ...] = ()

    def encoding(self, dtype: str) -> int | None:
        """Bytes to hold the model and encode a photo in a number type: weights and intermediates are half as large in 16 bits."""
        if self.mib is None:
            return None
        return (self.mib << 20) // (1 if dtype == "float32" else 2)

    def loading(self, dtype: str, device: str) -> int | None:
        """Bytes that loading takes, too: on the CPU all weights are read before they are brought to another type."""
        encoding = self.encoding(dtype)
        return max(encoding, self.checkpoint) if encoding is not None and device == "cpu" else encoding

    def error(self, what: str, *, device: str, dtype: str, room: int | None) -> OutOfMemoryError:
        """The error for a device on which there is not enough.

        Args:
            what: What did not fit.
            device: The device.
            dtype: The number type in which the model computes.
            room: Bytes on the device that the model has or could take, or None where that is not known.
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
            tries.append("dtype='bfloat16'")
        if device != "cpu" and self._fits(dtype, "cpu", available_memory()):
            tries.append("device='cpu'")
        smaller = [other.model for other in self.lighter if other._fits(dtype, device, room)]  # noqa: SLF001 - Of this class.
        if smaller:
            more = f" and {len(smaller) - _NAMED} more" if len(smaller) > _NAMED else ""
            tries.append(f"a smaller model ({', '.join(smaller[:_NAMED])}{more})")
        return tries

    def _fits(self, dtype: str, device: str, room: int | None) -> bool:
        """Whether it may fit: yes, too, where that is not known."""
        need = self.loading(dtype, device)
        return need is None or room is None or need <= room


def _mib(nbytes: int) -> str:
    return f"{nbytes / 2**20:,.0f} MiB"
