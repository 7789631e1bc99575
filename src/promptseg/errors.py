"""Every error that promptseg raises on purpose.

    PromptSegError
    ├─ ConfigError(ValueError)                 before any model is loaded
    │  ├─ UnknownModelError                    known names, nearest match
    │  ├─ IncompatibleStagesError              e.g. a text prompt without a detector
    │  └─ LicenseError                         the policy forbids this model's license
    ├─ PromptError(ValueError)                 shape, dtype, NaN, outside the image, a kind the model does not take
    ├─ InputError(ValueError)                  unreadable, truncated, zero-sized or mis-sized image, mask or video
    ├─ MissingDependencyError(ImportError)     names the extra to install
    ├─ WeightsError(RuntimeError)
    │  ├─ WeightsNotFoundError                 every source tried, and why it failed
    │  ├─ WeightsMismatchError                 hash, size or tensors are not what was expected
    │  └─ WeightsOfflineError                  the network is needed and ``PROMPTSEG_OFFLINE`` forbids it
    ├─ OutputError(RuntimeError)               a result could not be written; nothing half-written is left
    ├─ OutOfMemoryError(RuntimeError)          what was tried, what to try
    └─ BackendError(RuntimeError)              the wrapped library failed; the original is the cause

Each also derives from the built-in exception that a caller would naturally catch. A message names the offending value and what was
expected in its place; the error of a wrapped library, where there was one, is the ``__cause__``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PromptSegError(Exception):
    """Base of every error that promptseg raises on purpose."""


class ConfigError(PromptSegError, ValueError):
    """A configuration that cannot work, found before any model is loaded."""


class UnknownModelError(ConfigError):
    """A model name that no backend answers to."""


class IncompatibleStagesError(ConfigError):
    """Stages or prompts that do not fit together, such as a text prompt without a detector."""


class LicenseError(ConfigError):
    """A model whose license the chosen policy forbids."""


class PromptError(PromptSegError, ValueError):
    """A prompt that is malformed, outside the image, or of a kind that the model does not take."""


class InputError(PromptSegError, ValueError):
    """An image, mask or video that cannot be read or has an unusable size."""


class MissingDependencyError(PromptSegError, ImportError):
    """An optional package that is needed and not installed."""


class WeightsError(PromptSegError, RuntimeError):
    """Model weights that cannot be had or are not what they should be."""


class WeightsNotFoundError(WeightsError):
    """No source gave the weights; the message lists each source and why it failed."""


class WeightsMismatchError(WeightsError):
    """A weights file whose hash, size or tensors differ from what was expected."""


class WeightsOfflineError(WeightsError):
    """The weights are not cached and ``PROMPTSEG_OFFLINE`` forbids the network."""


class OutputError(PromptSegError, RuntimeError):
    """A file that could not be written. What stood under its name before is untouched."""


class OutOfMemoryError(PromptSegError, RuntimeError):
    """The model or image does not fit in memory."""


class BackendError(PromptSegError, RuntimeError):
    """The wrapped library failed; its own exception is the cause."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, as the sentence ``" Did you mean 'x'?"``, or an empty string."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""
