"""Fitting of a calibration of scores on any truth, with prompts simulated from it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from .._checks import whole_number
from ..calibration.features import PROMPT_CLASSES, MaskFeatures, PromptClass, prompt_class
from ..calibration.regression import fit
from ..calibration.scores import FittedOn, ScoreCalibration, weights_of
from ..datasets.core import AnnotatedImage, AnnotatedObject, Dataset
from ..datasets.reading import open_dataset
from ..errors import ConfigError, InputError, PromptError, shown
from ..masks import Mask
from ..models.sam.cache import EmbeddingCache, embedding_cache
from ..prompts import Prompt, SpatialPrompt
from ..protocols import Segmenter
from ..registry.builtin_backends import DEFAULT_MODEL
from ..registry.loading import load_segmenter
from ..runtime.progress import ProgressOption, reports_progress, track
from .ignored import counted, ignored_region
from .simulation import Box, CenterPoint, OnePromptPerObject, PointGrid, RandomPoint, generator

LEAST = 20
"""Minimum number of masks for a kind of prompt. A regression on fewer says little about other images."""

_MARGIN = 0.15
"""Maximum error of a simulated mask prompt, as a share of the square root of the object's area."""

_PROTOCOLS: Mapping[PromptClass, tuple[OnePromptPerObject, ...]] = {
    "point": (CenterPoint(), RandomPoint()),
    "points": (PointGrid(3),),
    "box": (Box(), Box(0.1)),
}


@reports_progress
def calibrate(
    images: Dataset | Sequence[Dataset] | str | os.PathLike[str],
    masks: str | os.PathLike[str] | None = None,
    *,
    coco: str | os.PathLike[str] | None = None,
    model: str | Segmenter = DEFAULT_MODEL,
    engine: str | None = None,
    device: str = "auto",
    prompts: PromptClass | Sequence[PromptClass] = PROMPT_CLASSES,
    names: Sequence[str] | None = None,
    seed: int = 0,
    cache: EmbeddingCache | str | None = "disk",
    progress: ProgressOption = None,  # noqa: ARG001 - The decorator takes it.
) -> ScoreCalibration:
    """Fit what turns the scores of a model into the IoU to expect, for each kind of prompt.

    Prompts are simulated from the true objects: center and random points, grids of points, tight boxes and boxes with errors of up to 10 %
    of their sides, such boxes with the center point, and the true masks grown or shrunk. Take images like those that the model is for.

    Args:
        images: A dataset of `promptseg.datasets`, several, or the folder of the images.
        masks: Folder of mask images with the names of the images.
        coco: COCO file of instances, instead of `masks`.
        model: Name of a segmenter, or a segmenter. Its masks must have logits, as those of the SAM family do.
        engine: Engine that runs the model, for a model given by name.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``, for a model given by name.
        prompts: Kinds of prompt. Those that the model does not take are left out.
        names: Name of each dataset, to be kept with the calibration; default: where it is.
        seed: Seed of the prompts.
        cache: ``"disk"``, ``"memory"``, an `EmbeddingCache`, or None, for a model given by name.
        progress: True for progress bars, or a function that is called with each `promptseg.runtime.progress.Progress`.

    Raises:
        ConfigError: The model or a kind of prompt is unknown, or there is not one name for each dataset.
        InputError: There are fewer than `LEAST` masks with scores and logits for a kind of prompt.
        PromptError: The model takes none of the kinds of prompt.
    """
    seed = whole_number("seed", seed, 0)
    kinds = _kinds(prompts)
    if not isinstance(model, (str, Segmenter)):
        raise ConfigError(f"a calibration is for a segmenter or the name of one, got {shown(model)}")
    datasets = _datasets(images, masks, coco)
    titles = [dataset.source for dataset in datasets] if names is None else _titles(names, len(datasets))
    segmenter = (
        model if not isinstance(model, str) else load_segmenter(model, engine=engine, device=device).with_cache(embedding_cache(cache))
    )
    taken = tuple(kind for kind in kinds if set(kind.replace("points", "point").split("+")) <= segmenter.accepts)
    if not taken:
        raise PromptError(f"model {segmenter.provenance.model!r} takes none of the prompts {', '.join(kinds)}")
    rows: dict[PromptClass, list[tuple[NDArray[np.float64], float, int]]] = defaultdict(list)
    fitted_on: list[FittedOn] = []
    groups: dict[tuple[str, str], int] = {}
    for dataset, title in zip(datasets, titles, strict=True):
        count = [0, 0]
        for read in track(dataset.usable([]), stage="calibrate", total=len(dataset), unit="image"):
            image = counted(read, [])
            if not image.objects:
                continue
            count = [count[0] + 1, count[1] + len(image.objects)]
            group = groups.setdefault((title, image.group), len(groups))
            for kind, found, iou in _measured(segmenter, image, taken, seed):
                rows[kind].append((found, iou, group))
        fitted_on.append(FittedOn(name=title[:1000], images=count[0], objects=count[1]))
    few = next((kind for kind in taken if len(rows[kind]) < LEAST), None)
    if few is not None:
        raise InputError(
            f"a calibration needs at least {LEAST} masks with a score and logits for a kind of prompt, got {len(rows[few])} for {few}: "
            "give more images with objects, or fewer kinds of prompt"
        )
    return ScoreCalibration(
        model=segmenter.provenance.model,
        weights=weights_of(segmenter.provenance),
        prompts={kind: fit(*_columns(rows[kind])) for kind in taken},
        fitted_on=tuple(fitted_on),
        seed=seed,
    )


def _kinds(prompts: object) -> tuple[PromptClass, ...]:
    listed = [prompts] if isinstance(prompts, str) else prompts
    if not isinstance(listed, Iterable):
        raise ConfigError(f"the kinds of prompt are {', '.join(PROMPT_CLASSES)}, got {shown(prompts)}")
    given = list(listed)
    unknown = [kind for kind in given if not isinstance(kind, str) or kind not in PROMPT_CLASSES]
    if unknown or not given:
        raise ConfigError(f"the kinds of prompt are {', '.join(PROMPT_CLASSES)}, got {shown(unknown[0] if unknown else prompts)}")
    return tuple(dict.fromkeys(given))


def _titles(names: object, count: int) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"the names of the datasets are a list of texts, got {shown(names)}")
    if len(names) != count:
        raise ConfigError(f"each of the {count} datasets has one name, got {len(names)}")
    return list(names)


def _datasets(
    images: Dataset | Sequence[Dataset] | str | os.PathLike[str], masks: str | os.PathLike[str] | None, coco: str | os.PathLike[str] | None
) -> list[Dataset]:
    if isinstance(images, (str, os.PathLike)):
        return [open_dataset(images, masks=masks, coco=coco)]
    if masks is not None or coco is not None:
        raise ConfigError("a Dataset has its own truth: leave out masks and coco")
    datasets: list[Dataset] = [images] if isinstance(images, Dataset) else [*images] if isinstance(images, Sequence) else []
    if not datasets or not all(isinstance(dataset, Dataset) for dataset in datasets):
        raise ConfigError(f"the truth is a Dataset, several, or a folder of images with masks= or coco=, got {shown(images)}")
    return datasets


def _measured(
    segmenter: Segmenter, image: AnnotatedImage, kinds: Sequence[PromptClass], seed: int
) -> Iterator[tuple[PromptClass, NDArray[np.float64], float]]:
    """Yield kind of prompt, features and IoU of each mask that the segmenter makes for the objects of an image."""
    pixels, ignored = image.pixels(), ignored_region(image)
    session, features = segmenter.open(pixels), MaskFeatures(pixels)
    for kind in kinds:
        asked = [
            (true, prompt)
            for true in image.objects
            for prompt in simulated_prompts(kind, true, seed, ignored)
            if prompt_class(prompt) == kind
        ]
        if not asked:
            continue
        for (true, prompt), mask in zip(asked, session.segment([prompt for _, prompt in asked]), strict=True):
            found = features.of(mask, prompt)
            if found is not None:
                yield kind, found, metrics.iou(mask, true.mask, ignored=ignored)


def simulated_prompts(kind: PromptClass, true: AnnotatedObject, seed: int, ignored: Mask | None) -> list[SpatialPrompt]:
    """Return the simulated prompts of a kind for one object."""
    random = generator(seed, true.name)
    if kind == "mask":
        return [Prompt.mask(_inexact(true.mask, random))]
    if kind == "box+point":
        return [Box(0.1).prompt(true.mask, random, ignored) + CenterPoint().prompt(true.mask, random, ignored)]
    return [protocol.prompt(true.mask, generator(seed, true.name), ignored) for protocol in _PROTOCOLS[kind]]


def _inexact(mask: Mask, random: np.random.Generator) -> Mask:
    """Return a mask grown or shrunk at random, or itself if nothing would be left."""
    import cv2

    steps = max(1, int(random.uniform(0, _MARGIN) * mask.area**0.5))
    change = cv2.dilate if random.random() < 0.5 else cv2.erode
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * steps + 1, 2 * steps + 1))
    changed = change(mask.array.astype(np.uint8), disc).astype(bool)
    return Mask.from_array(changed) if changed.any() else mask


def _columns(rows: Sequence[tuple[NDArray[np.float64], float, int]]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    features, ious, groups = zip(*rows, strict=True)
    return np.stack(features), np.array(ious), np.array(groups, np.int64)
