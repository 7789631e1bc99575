"""`click` and `studio`: widgets that segment images by clicks in a notebook. They need the extra `notebook` (anywidget)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._install import install_extra
from ..errors import ConfigError, InputError, MissingDependencyError, shown
from ..images import ImageLike
from ..pipeline.builder import Pipeline, shared
from ..pipeline.runner import BuiltPipeline
from ..registry.builtin_backends import DEFAULT_MODEL
from .shown_images import ShownImage, of_folder, of_images

if TYPE_CHECKING:
    from .widget import StudioWidget


def click(
    image: ImageLike,
    model: str | Pipeline | BuiltPipeline = DEFAULT_MODEL,
    labels: Sequence[str] = (),
    *,
    device: str = "auto",
    height: int = 480,
) -> StudioWidget:
    """Return a widget that shows an image, to be segmented by clicks. ``widget.masks`` follows the clicks, and can be set.

    The model is loaded and the image encoded in a thread, so that the notebook goes on at once. What goes wrong there is told in the
    widget.

    Args:
        image: The image, in any form that `promptseg.load_image` takes.
        model: Name of a segmenter, or a pipeline. A pipeline with a detector finds objects by phrases, too.
        labels: Labels to choose from. The first is given to new masks.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``; for a pipeline that is built already, its own.
        height: Height of the image's area in pixels of the screen.

    Raises:
        InputError: The image cannot be read.
        ConfigError: There is no such model, or an argument is of another kind.
        MissingDependencyError: anywidget is not installed, or a package of the model is not.
    """
    if isinstance(image, (list, tuple)):
        raise InputError(f"click() takes one image, got {shown(image)}: give several to studio()")
    return _open(of_images([image]), model, labels, device, height)


def studio(
    images: str | os.PathLike[str] | Iterable[ImageLike],
    model: str | Pipeline | BuiltPipeline = DEFAULT_MODEL,
    labels: Sequence[str] = (),
    *,
    device: str = "auto",
    height: int = 480,
) -> StudioWidget:
    """Return a widget that shows several images, one at a time, to be segmented by clicks.

    ``widget.results`` has the masks of all images, ``widget.masks`` those of the one that is shown, and ``widget.save`` writes them as a
    dataset. An image is read when it is shown first.

    Args:
        images: A folder of images, or images in any form that `promptseg.load_image` takes.
        model: Name of a segmenter, or a pipeline.
        labels: Labels to choose from. The first is given to new masks.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``; for a pipeline that is built already, its own.
        height: Height of the image's area in pixels of the screen.

    Raises:
        InputError: There is no image, the first cannot be read, or a path is given twice.
        ConfigError: There is no such model, or an argument is of another kind.
        MissingDependencyError: anywidget is not installed, or a package of the model is not.
    """
    if isinstance(images, (str, os.PathLike)):
        path = Path(images)
        return _open(of_folder(path) if path.is_dir() else of_images([path]), model, labels, device, height)
    if isinstance(images, (bytes, np.ndarray)) or not isinstance(images, Iterable) or hasattr(images, "read"):
        raise InputError(f"studio() takes a folder or several images, got {shown(images)}: give one image to click()")
    return _open(of_images(images), model, labels, device, height)


def _open(
    images: Sequence[ShownImage], model: str | Pipeline | BuiltPipeline, labels: Sequence[str], device: str, height: int
) -> StudioWidget:
    if not isinstance(device, str):
        raise ConfigError(f"device is text, got {shown(device)}")
    if isinstance(labels, str):
        raise ConfigError(f"labels are a list of texts, got {shown(labels)}: write [{shown(labels)}]")
    load = _loader(model, device)
    try:
        import anywidget  # noqa: F401 - The next import needs it, and would tell less.
    except ImportError as error:
        raise MissingDependencyError(f"a widget needs anywidget: {install_extra('notebook')}") from error
    from .widget import StudioWidget

    return StudioWidget(images, load, labels, height=height)


def _loader(model: object, device: str) -> Callable[[], BuiltPipeline]:
    """Return what loads the models. What cannot work is told here, not in the widget.

    Raises:
        ConfigError: There is no such model, or it is something else.
        MissingDependencyError: A package of a model is not installed.
    """
    if isinstance(model, BuiltPipeline):
        return lambda: model
    if isinstance(model, Pipeline):
        model.check()
        return partial(model.build, device)
    if isinstance(model, str):
        Pipeline().segment(model).check()
        return partial(shared, model, device=device)
    raise ConfigError(f"model is the name of a segmenter or a pipeline, got {shown(model)}")
