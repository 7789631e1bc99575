"""Exceptions of promptseg.

    PromptSegError
    ├─ ConfigError(ValueError)                 before any model is loaded
    │  ├─ UnknownModelError                    known names, nearest match
    │  ├─ IncompatibleStagesError              e.g. a text prompt without a detector
    │  └─ LicenseError                         the policy forbids this model's license
    ├─ PromptError(ValueError)                 shape, dtype, NaN, outside the image, a kind the model does not accept
    ├─ InputError(ValueError)                  unreadable, truncated, zero-sized or mis-sized image, mask or video
    ├─ MissingDependencyError(ImportError)     names the extra to install
    ├─ WeightsError(RuntimeError)
    │  ├─ WeightsNotFoundError                 every source tried, and why it failed
    │  ├─ WeightsMismatchError                 hash, size or tensors are not what was expected
    │  └─ WeightsOfflineError                  the network is needed and ``PROMPTSEG_OFFLINE`` forbids it
    ├─ OutputError(RuntimeError)               a result could not be written; nothing half-written is left
    ├─ OutOfMemoryError(RuntimeError)          what was tried, what to try
    └─ BackendError(RuntimeError)              the wrapped library failed; the original is the cause

Each error also derives from the built-in exception that a caller would naturally catch. Its message names the offending value and what
was expected. The error of a wrapped library, if there was one, is the ``__cause__``.

`InputWarning` is a warning: an image that was read by a rule, because its file does not say how.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any


class PromptSegError(Exception):
    """Base class of all exceptions of promptseg."""


class ConfigError(PromptSegError, ValueError):
    """A configuration that cannot work, found before any model is loaded."""


class UnknownModelError(ConfigError):
    """A model name that is not in the catalog."""


class IncompatibleStagesError(ConfigError):
    """Stages or prompts that do not fit together, such as a text prompt without a detector."""


class LicenseError(ConfigError):
    """A model whose license the chosen policy forbids."""


class PromptError(PromptSegError, ValueError):
    """A prompt that is malformed, outside the image, or of a kind that the model does not accept."""


class InputError(PromptSegError, ValueError):
    """An image, mask or video that cannot be read or has an unusable size."""


class InputWarning(UserWarning):
    """An image that was read by a rule, because it does not say how it is meant, or without a damaged part. The message names both."""


class MissingDependencyError(PromptSegError, ImportError):
    """An optional package that is needed but not installed."""


class WeightsError(PromptSegError, RuntimeError):
    """Model weights that are not available or not as expected."""


class WeightsNotFoundError(WeightsError):
    """Weights that no source provided. The message lists each source and why it failed."""


class WeightsMismatchError(WeightsError):
    """A weights file whose hash, size or tensors differ from what was expected."""


class WeightsOfflineError(WeightsError):
    """Weights that are not cached while ``PROMPTSEG_OFFLINE`` forbids the network."""


class OutputError(PromptSegError, RuntimeError):
    """A file that could not be written. An existing file of that name is unchanged."""


class OutOfMemoryError(PromptSegError, RuntimeError):
    """A model or image that does not fit into memory."""


class BackendError(PromptSegError, RuntimeError):
    """A failure of a wrapped library. Its own exception is the cause."""


def nearest(name: object, known: Iterable[str]) -> str:
    """Return the sentence ``" Did you mean 'x', 'y' or 'z'?"`` for the known names closest to `name`, or an empty string if none is close.

    There are at most three names: those that contain `name`, then those that are spelled alike, or else those that begin so. A name that
    differs only in case, spaces, hyphens and underscores is the only one.
    """
    if not isinstance(name, str):
        return ""
    asked = _plain(name[:_COMPARED])
    plain = {_plain(each): each for each in reversed(list(known))}
    containing = [each for each in reversed(plain) if len(asked) > 2 and asked in each]
    alike = difflib.get_close_matches(asked, plain, n=3, cutoff=0.55)
    begun = {each[: len(asked)]: each for each in reversed(plain)} if len(asked) > 3 and not (containing or alike) else {}
    found = [*containing, *alike, *(begun[each] for each in difflib.get_close_matches(asked, begun, n=3, cutoff=0.8))]
    near = [plain[each] for each in ([asked] if asked in plain else list(dict.fromkeys(found))[:3])]
    return f" Did you mean {one_of(map(repr, near))}?" if near else ""


def one_of(names: Iterable[str]) -> str:
    """Return names as ``"a, b or c"``."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _plain(name: str) -> str:
    return "".join(name.casefold().replace("-", " ").replace("_", " ").split())


def shown(value: object) -> str:
    """Return a short form of a value for a message, at most about 80 characters, whatever the value is.

    Long text, large containers, cycles, deep nesting, huge integers and values whose own ``repr`` fails are all shown.
    """
    try:
        text = _SHORT.repr(value)
    except Exception as error:  # A value from outside may raise anything, and the message must still be made.
        return f"<a {type(value).__name__} that cannot be shown: {type(error).__name__}>"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_COMPARED = 100
"""Number of characters of an unknown name that are compared with the known ones."""

_LONGEST = 80


class _Short(reprlib.Repr):
    """A `repr` that looks at no more of a value than it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxdict = self.maxarray = 8
        self.maxstring = self.maxother = self.maxlong = _LONGEST

    def repr_bytes(self, value: bytes, level: int) -> str:  # noqa: ARG002 - The signature is that of reprlib.
        return repr(value[:_LONGEST])

    def repr_int(self, value: int, level: int) -> str:
        if abs(value).bit_length() > 1000:  # Python refuses to write integers of more than 4,300 digits, and takes long for others.
            return f"an integer of about {int(abs(value).bit_length() * 0.30103) + 1} digits"
        return super().repr_int(value, level)

    def repr_ndarray(self, value: Any, level: int) -> str:
        if value.size > self.maxlist:
            return f"an array of shape {value.shape}, dtype {value.dtype}"
        return self.repr_instance(value, level)


_SHORT = _Short()
