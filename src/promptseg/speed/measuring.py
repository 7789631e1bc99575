"""`bench`: times of a model on this machine, step by step."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union, cast

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import ConfigError
from ..images import ImageLike, load_image
from ..prompts import Concept, Prompt
from ..protocols import ConceptSegmenter, Detector, FeatureExtractor, Segmenter
from ..registry.choice import choose
from ..registry.loading import load_chosen
from ..registry.spec import KIND_NAMES
from ..results import Provenance
from ..runtime.host import processor_name, usable_processors
from ..runtime.progress import ProgressOption, reports_progress, track
from ..samples import coffee
from .figures import SpeedFigure, keep_figures

PHRASE = "cup"
"""What detectors look for: a class of COCO, and a thing on the sample image."""

MAX_ROUNDS = 1000

Timed = Union[Segmenter, Detector, ConceptSegmenter, FeatureExtractor]
"""Model that can be timed."""


@reports_progress
def bench(
    name: str,
    *,
    weights: str | Path | None = None,
    engine: str | None = None,
    device: str = "auto",
    image: ImageLike | None = None,
    rounds: int = 3,
    everything: bool = True,
    keep: bool = True,
    progress: ProgressOption = None,  # noqa: ARG001 - `reports_progress` takes it.
    **options: Any,
) -> SpeedFigure:
    """Measure how fast a model is on this machine.

    A segmenter is timed when it encodes an image, answers one click, and finds everything from 32 x 32 points; a detector when it detects
    a cup; a concept segmenter when it finds what a phrase or a box shows; a model of features when it computes them. The first round is a
    warm-up. Times are medians by the clock, so other programs that run meanwhile count.

    Args:
        name: A model name, or ``"name=path/to/weights"``.
        weights: A file or folder of your own weights.
        engine: Name of the engine, if the model has several.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        image: The image. Default: the sample image, 600 x 400. Models of the SAM family scale every image to one size, so that encoding
            takes as long for any.
        rounds: Number of rounds; everything mode has one.
        everything: Whether to time everything mode, which takes longest.
        keep: Whether to keep the figure, for ``promptseg models`` and `Pipeline.plan`.
        progress: See `promptseg.runtime.progress`.
        **options: Options of the backend, such as ``dtype="bfloat16"``. Figures with options, or with weights of your own, are not kept.

    Raises:
        ConfigError: The model tracks videos, or an option is unknown.
        WeightsError: The weights are not available.
        OutOfMemoryError: The model does not fit into memory.
    """
    rounds = whole_number("rounds", rounds, 1, most=MAX_ROUNDS)
    pixels = coffee() if image is None else load_image(image)
    choice = choose(name, weights=weights, engine=engine)
    if choice.backend.kind not in ("segmenter", "detector", "concept", "features"):
        raise ConfigError(
            f"model {choice.model.name!r} is {KIND_NAMES[choice.backend.kind]}, and what is timed are segmenters, detectors, concept "
            "models and models of features"
        )
    started = time.perf_counter()
    model = cast("Timed", load_chosen((choice,), device, options))
    seconds = {"load": time.perf_counter() - started}
    steps = _steps(model, pixels, everything)
    for step in track([*steps], stage="time", total=len(steps), unit="step"):
        seconds[step] = _median(steps[step], 1 if step == "everything" else rounds)
    provenance = model.provenance
    figure = SpeedFigure(
        choice.model.name,
        choice.engine.name,
        provenance.device or "cpu",
        _processor(provenance, device),
        usable_processors(),
        (pixels.shape[0], pixels.shape[1]),
        seconds,
        dt.datetime.now(dt.timezone.utc).date().isoformat(),
        provenance.version,
    )
    if keep and not options and choice.weights is None:
        keep_figures([figure])
    return figure


def _steps(model: Timed, image: NDArray[np.uint8], everything: bool) -> dict[str, Callable[[], object]]:
    """Return what to time, by name. Calls keep nothing: caches are off."""
    if isinstance(model, Detector):
        return {"detect": lambda: model.detect(image, [PHRASE])}
    if isinstance(model, ConceptSegmenter):
        concept = _concept(model, image)
        fresh = model.with_cache(None)
        return {"find": lambda: fresh.find(image, [concept])}
    if isinstance(model, FeatureExtractor):
        return {"features": lambda: model.features(image)}
    segmenter = model.with_cache(None)
    height, width = image.shape[:2]
    click = Prompt.point(width // 2, height // 2)
    sessions = [segmenter.open(image)]
    steps: dict[str, Callable[[], object]] = {"encode": lambda: segmenter.open(image), "prompt": lambda: sessions[0].segment([click])}
    if everything and "everything" in segmenter.accepts:
        steps["everything"] = lambda: sessions[0].everything(Prompt.everything())
    return steps


def _concept(model: ConceptSegmenter, image: NDArray[np.uint8]) -> Concept:
    if "text" in model.accepts:
        return Concept(PHRASE)
    height, width = image.shape[:2]
    return Prompt.example(None, Prompt.box(width // 3, height // 3, 2 * width // 3, 2 * height // 3))


def _median(call: Callable[[], object], rounds: int) -> float:
    """Return the median seconds of a call. With several rounds there is a warm-up before them."""
    if rounds > 1:
        call()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _processor(provenance: Provenance, device: str) -> str:
    """Return the name of what computed."""
    if provenance.device == "cuda":
        try:
            from ..runtime.torch import gpu_name
        except ImportError:  # ONNX Runtime needs no torch, and does not say what it computes on.
            return "GPU"
        return gpu_name("cuda" if device == "auto" else device)
    return processor_name()
