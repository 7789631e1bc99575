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
from collections.abc import Iterable


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
    """An image that was read by a rule, because it does not say how it is meant. The message names the image and the rule."""


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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the sentence ``" Did you mean 'x'?"`` for the known name closest to `name`, or an empty string if none is close."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""
