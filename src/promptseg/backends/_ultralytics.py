"""Import of ultralytics without side effects, and modules of ultralytics from checkpoints that are read as data.

Importing ultralytics has many side effects. It queries the DNS and writes a settings file into the home folder. It sets environment
variables, the print options of numpy and torch, and the threads of OpenCV. It adds warning filters and draws random numbers. It replaces
``torch.save``, ``PIL.Image.open`` and, depending on the version, other functions. All of this is prevented or undone here.

Two effects remain. ultralytics keeps its logger ``"ultralytics"``. A program that imports ultralytics later gets it with the settings of
this import: no network, no installation of packages, settings file in promptseg's folder. If a program imported ultralytics before, nothing
changes.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from ..errors import WeightsMismatchError
from ..models.yolo.pickled import PicklePlaceholder
from ..runtime.home import cache_dir

_FORCED = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false", "ULTRALYTICS_SAFE_LOAD": "true"}
_PATCHED = ((torch, "save"), (torch, "load"), (Image, "open"), (cv2, "imread"), (cv2, "imwrite"), (cv2, "imshow"))

_RENAMED = {
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
}
"""Classes of earlier versions of ultralytics, and their replacements."""

_lock = threading.Lock()


def import_tasks() -> Any:
    """Import and return module ``ultralytics.nn.tasks``."""
    name = "ultralytics.nn.tasks"
    with _lock, contextlib.nullcontext() if name in sys.modules else _undisturbed():  # Only the first import has side effects.
        return importlib.import_module(name)


def rebuild(saved: PicklePlaceholder) -> Any:
    """Return the module in a checkpoint, on the CPU in evaluation mode.

    Only layers of torch and of ultralytics are created, and their constructors are not called. They get the parameters and plain values
    (numbers, strings and containers of them) of the checkpoint, but no hooks and no functions.

    Args:
        saved: The saved module, from `promptseg.models.yolo.pickled.read_pickled`.

    Raises:
        WeightsMismatchError: The checkpoint contains something else.
    """
    tasks = import_tasks()
    try:
        module = _made(saved, {}).eval().float().requires_grad_(False)
    except WeightsMismatchError:
        raise
    except Exception as error:  # Any error while building means that the checkpoint is not a valid model.
        raise WeightsMismatchError(f"this is not the model of a YOLO checkpoint: {error}") from error
    if not isinstance(module, tasks.DetectionModel):
        raise WeightsMismatchError(f"this is a YOLO model for something else than detection, a {type(module).__name__}")
    return module


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Undo the changes that an import of ultralytics makes to the process and to other modules."""
    environment = dict(os.environ)
    options = torch._tensor_str.get_printoptions()  # noqa: SLF001 - There is no public function for this.
    threads = cv2.getNumThreads(), torch.get_num_threads()
    functions = [(module, name, getattr(module, name)) for module, name in _PATCHED]
    os.environ.update(_FORCED)
    settings = os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_dir() / "ultralytics"))
    with contextlib.suppress(OSError):  # If the folder cannot be created, ultralytics uses a temporary one.
        Path(settings).mkdir(parents=True, exist_ok=True)
    drawn = random.getstate(), np.random.get_state()  # noqa: NPY002 - The caller may use this state.
    with warnings.catch_warnings(), np.printoptions(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for name in set(os.environ) - set(environment):
                del os.environ[name]
            os.environ.update(environment)
            torch.set_printoptions(**options)  # type: ignore[no-untyped-call]
            cv2.setNumThreads(threads[0])
            if torch.get_num_threads() != threads[1]:
                torch.set_num_threads(threads[1])
            for module, name, function in functions:
                setattr(module, name, function)
            random.setstate(drawn[0])
            np.random.set_state(drawn[1])  # noqa: NPY002


def _made(saved: Any, made: dict[int, torch.nn.Module]) -> torch.nn.Module:
    """Return a module with its submodules. Each saved module is created once."""
    if not isinstance(saved, PicklePlaceholder) or not isinstance(saved.state, dict):
        raise TypeError(f"it contains a {_described(saved)} in the place of a module")
    if id(saved) in made:
        return made[id(saved)]
    kind = _class(saved.class_name)
    module: torch.nn.Module = kind.__new__(kind)
    torch.nn.Module.__init__(module)
    made[id(saved)] = module
    for name, value in saved.state.items():
        if name not in module.__dict__ and _is_plain(value) and not callable(getattr(kind, name, None)):
            module.__dict__[name] = value
    for name, tensor in saved.state.get("_parameters", {}).items():
        module.register_parameter(name, None if tensor is None else torch.nn.Parameter(tensor.float(), requires_grad=False))
    for name, tensor in saved.state.get("_buffers", {}).items():
        module.register_buffer(name, tensor)
    for name, child in saved.state.get("_modules", {}).items():
        module.add_module(name, None if child is None else _made(child, made))
    if _is_bound(saved.state.get("forward"), saved, "forward_fuse"):  # A layer whose normalization is fused into its convolution.
        module.forward = module.forward_fuse  # type: ignore[assignment]
    return module


def _class(name: str) -> Any:
    """Return the class of that name, if it is a layer of torch or of ultralytics.

    Raises:
        WeightsMismatchError: It is something else.
    """
    module_name, _, class_name = _RENAMED.get(name, name).rpartition(".")
    allowed = module_name in ("ultralytics.nn.modules", "ultralytics.nn.tasks") or module_name.startswith(
        ("torch.nn.modules.", "ultralytics.nn.modules.")
    )
    found = getattr(sys.modules.get(module_name), class_name, None) if allowed else None
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise WeightsMismatchError(f"the checkpoint contains a {name}, which is not a layer of this version of ultralytics")
    return found


def _is_plain(value: Any) -> bool:
    """Return whether a value consists of numbers, strings, tensors and containers. Each container is visited once."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, (list, tuple, set, dict)):
            if id(one) not in seen:
                seen.add(id(one))
                waiting += [element for pair in one.items() for element in pair] if isinstance(one, dict) else one
        elif not (one is None or isinstance(one, (bool, int, float, str, torch.Tensor))):
            return False
    return True


def _is_bound(value: Any, to: PicklePlaceholder, method: str) -> bool:
    """Return whether a saved value is a method of a saved object. A pickle stores it as a call of ``getattr``."""
    named = isinstance(value, PicklePlaceholder) and value.class_name in ("builtins.getattr", "__builtin__.getattr")
    return named and len(value.args) == 2 and value.args[0] is to and value.args[1] == method


def _described(value: Any) -> str:
    return value.class_name if isinstance(value, PicklePlaceholder) else type(value).__name__
