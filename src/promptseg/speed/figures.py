"""Measured times of models, and the file in the cache folder that keeps them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runtime.files import output_errors, write_atomically
from ..runtime.home import cache_dir
from ..runtime.host import processor_name, usable_processors
from ..runtime.structured import is_finite, is_integer, is_text, read_json

logger = logging.getLogger(__name__)

STEPS = ("load", "encode", "prompt", "everything", "detect", "find", "features")
"""What is timed. Which of them depends on the kind of model."""

_MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class SpeedFigure:
    """Times of one model with one engine on one device.

    Attributes:
        model: Name of the model.
        engine: Name of the engine.
        device: Device that computed, such as ``"cpu"``.
        processor: Name of the processor or GPU.
        threads: Number of processors that the process could use.
        size: ``(height, width)`` of the image in pixels.
        seconds: Seconds of each step; medians of several rounds.
        date: Day of the measurement, as ISO 8601.
        version: Version of the engine's package and of promptseg.
    """

    model: str
    engine: str
    device: str
    processor: str
    threads: int
    size: tuple[int, int]
    seconds: Mapping[str, float]
    date: str
    version: str

    @property
    def image_seconds(self) -> float:
        """Seconds for one image and one prompt: what a user waits for before the first answer, without loading."""
        return sum(self.seconds.get(step, 0.0) for step in ("encode", "prompt", "detect", "find", "features"))

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What a newer figure replaces an older one by."""
        return (self.model, self.engine, self.device, self.processor, self.threads)


def figures_path() -> Path:
    """Return the path of the file of figures in the cache folder."""
    return cache_dir() / "speed.json"


def read_figures() -> tuple[SpeedFigure, ...]:
    """Return the figures that were measured, oldest first. A file that cannot be read has none, and a warning is logged."""
    path = figures_path()
    if not path.is_file():
        return ()
    try:
        values = read_json(path, _MAX_BYTES)
        return tuple(_figure(value) for value in values["figures"])
    except (InputError, KeyError, TypeError) as error:
        logger.warning("the measured speeds in %s cannot be read, and are left out: %s", path, error)
        return ()


def figures_here() -> dict[tuple[str, str], SpeedFigure]:
    """Return the newest figure of each model and engine that was measured on this processor, or on a GPU."""
    here = ("cpu", processor_name(), usable_processors())
    known = (figure for figure in read_figures() if figure.device != "cpu" or (figure.device, figure.processor, figure.threads) == here)
    return {(figure.model, figure.engine): figure for figure in known}


def keep_figures(figures: Iterable[SpeedFigure]) -> Path:
    """Add figures to the file, in place of older ones of the same model, engine, device and processor. Return its path.

    Raises:
        OutputError: The file cannot be written.
    """
    from filelock import FileLock

    path = figures_path()
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            known = {figure.key: figure for figure in read_figures()}
            for figure in figures:
                known.pop(figure.key, None)
                known[figure.key] = figure
            with write_atomically(path, text=True) as file:
                json.dump({"figures": [asdict(figure) for figure in known.values()]}, file, indent=1)
    return path


def _figure(values: Any) -> SpeedFigure:
    """Return a figure from plain values.

    Raises:
        InputError: A value is missing or of another form.
        KeyError: Likewise.
        TypeError: Likewise.
    """
    texts = {name: values[name] for name in ("model", "engine", "device", "processor", "date", "version")}
    seconds, size, threads = values["seconds"], values["size"], values["threads"]
    if not all(is_text(text) for text in texts.values()) or not is_integer(threads, 1):
        raise InputError("a figure has names as text and a number of threads")
    if not isinstance(size, list) or len(size) != 2 or not all(is_integer(side, 1) for side in size):
        raise InputError(f"the size of an image is its height and width, got {size!r}")
    if not isinstance(seconds, dict) or not all(step in STEPS and is_finite(value) and value >= 0 for step, value in seconds.items()):
        raise InputError("seconds are numbers of at least 0, by step")
    return SpeedFigure(**texts, threads=threads, size=(size[0], size[1]), seconds=dict(seconds))
