"""Functions for CVAT's agents and its command line, which load them into their own process.

    cvat-cli function create-native "promptseg" --function-module promptseg.interop.cvat -p model=str:mini-sam
    cvat-cli function run-agent 7 --function-module promptseg.interop.cvat -p model=str:mini-sam
    cvat-cli task auto-annotate 42 --function-module promptseg.interop.cvat -p kind=str:detector -p detector=str:d-fine-n

`create` has the parameters. Package ``cvat-cli`` brings what is needed (extra ``cvat``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from ...errors import ConfigError, nearest, one_of, shown
from .detection import Detector
from .interaction import Interactor
from .tracking import Tracker

Kind = Literal["interactor", "detector", "tracker"]
"""Kinds of function."""


def create(kind: Kind = "interactor", **parameters: Any) -> Any:
    """Return a function of ``cvat_sdk.auto_annotation``, with its models loaded.

    Args:
        kind: ``"interactor"`` answers clicks and boxes, ``"detector"`` finds objects by phrases or classes, ``"tracker"`` follows objects.
        **parameters: Those of `promptseg.interop.cvat.interaction.Interactor`, `promptseg.interop.cvat.detection.Detector` or
            `promptseg.interop.cvat.tracking.Tracker`.

    Raises:
        ConfigError: The kind or a parameter is unknown, or a parameter is not valid.
        MissingDependencyError: cvat-sdk or a package of a model is not installed.
        WeightsError: The weights of a model are not available or not as expected.
    """
    if not isinstance(kind, str) or kind not in _FACTORIES:
        raise ConfigError(f"kind is {one_of(map(repr, KINDS))}, got {shown(kind)}.{nearest(kind, KINDS)}")
    factory = _FACTORIES[kind]
    known = list(inspect.signature(factory).parameters)
    if unknown := [name for name in parameters if name not in known]:
        raise ConfigError(f"function {kind} has no parameter {unknown[0]!r}: it has {', '.join(known)}.{nearest(unknown[0], known)}")
    return factory(**parameters)


_FACTORIES: dict[str, Callable[..., Any]] = {"interactor": Interactor.create, "detector": Detector.create, "tracker": Tracker.create}

KINDS = tuple(_FACTORIES)
"""All kinds of function."""
