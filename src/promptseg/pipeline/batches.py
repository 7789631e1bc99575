"""A pipeline on many images: they are read and encoded in batches, and each has a result or an error of its own."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, PromptSegError
from ..images import ImageLike
from ..prompts import Prompt
from ..results import Result
from ..runtime.structured import shown_path
from . import stages
from .checks import check_image
from .job import ImageState

if TYPE_CHECKING:
    from .runner import BuiltPipeline


def run_batches(
    pipeline: BuiltPipeline, images: Iterable[Any], prompts: Sequence[Prompt], *, candidates: bool, batch_size: int, on_error: str
) -> Iterator[Result | PromptSegError]:
    """Run a pipeline on many images, and yield one result for each. `BuiltPipeline.run` explains the arguments."""
    numbered = enumerate(images)
    while batch := list(itertools.islice(numbered, batch_size)):
        states = deque((index, item, _try_begin(pipeline, index, item, prompts)) for index, item in batch)
        del batch
        stages.open_together(pipeline, [state for _, _, state in states if isinstance(state, ImageState)])
        while states:
            index, item, state = states.popleft()
            outcome: Result | PromptSegError
            if isinstance(state, ImageState):
                try:
                    stages.open_session(pipeline, state)
                    outcome = stages.finish(pipeline, state, candidates)
                except PromptSegError as error:
                    outcome = _named(error, index, item)
            else:
                outcome = state
            del item, state  # The session may be large, and the generator may be suspended for long.
            if on_error == "raise" and isinstance(outcome, PromptSegError):
                raise outcome
            yield outcome
            del outcome


def _try_begin(pipeline: BuiltPipeline, index: int, item: Any, prompts: Sequence[Prompt]) -> ImageState | PromptSegError:
    try:
        image, prompts = _pair(item, prompts)
        check_image(image)
        stages.check(pipeline, prompts)
        return stages.begin(pipeline, image, prompts)
    except PromptSegError as error:
        return _named(error, index, item)


def is_one_image(images: object) -> bool:
    """Return whether what is given as images is one image."""
    single = isinstance(images, (str, bytes, os.PathLike)) or hasattr(images, "read") or not isinstance(images, Iterable)
    return single or (isinstance(images, np.ndarray) and images.ndim in (0, 2, 3))


def _pair(item: Any, prompts: Sequence[Prompt]) -> tuple[ImageLike, Sequence[Prompt]]:
    """Return an image and its prompts: its own, or those for every image."""
    if not isinstance(item, tuple):
        return item, prompts
    if len(item) != 2:
        raise InputError(f"expected an image or a pair (image, prompts), got a tuple of length {len(item)}")
    image, own = item
    try:
        return image, tuple(own)
    except TypeError:  # One prompt, or what is none.
        return image, (own,)


def _named(error: PromptSegError, index: int, item: Any) -> PromptSegError:
    """Return an error of the same class whose message begins with the index and path of the image."""
    path = stages.path_of(item[0] if isinstance(item, tuple) and item else item)
    named = type(error)(f"image {index}{'' if path is None else f' ({shown_path(path)})'}: {error}")
    named.__cause__ = error
    return named
