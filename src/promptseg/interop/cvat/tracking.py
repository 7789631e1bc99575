"""`Tracker`: objects of CVAT that are followed from frame to frame, as masks or rectangles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError, InputError, shown
from ...masks import Mask, Size
from ...models.sam.cache import EmbeddingCache
from ...pipeline.tracking import finds_concepts
from ...prompts import Prompt, SpatialPrompt
from ...protocols import Frame, VideoSegmenter, VideoSession
from ...registry.builtin_backends import DEFAULT_MODEL
from ...registry.loading import load_video
from ...tracking.session import PropagateSegmenter
from ...video.session import TrackingSession
from .sdk import auto_annotation, mask_of, points_of

_OBJECT = 0
"""Id of the one object of a session."""


class Tracker:
    """Tracking function. The agent asks about one frame after the other, and keeps the state of each object for eight hours.

    Objects of one frame are encoded once together, if the tracker works with a segmenter whose embeddings can be kept.

    Args:
        tracker: The model that tracks.

    Raises:
        ConfigError: The model looks for concepts, not for single objects.
    """

    def __init__(self, tracker: VideoSegmenter) -> None:
        if finds_concepts(tracker):
            raise ConfigError("this model tracks what a phrase or example names; CVAT asks for single objects: take a segmenter")
        if isinstance(tracker, PropagateSegmenter):
            tracker = PropagateSegmenter(tracker.segmenter.with_cache(EmbeddingCache()), tracker.every)
        self._tracker, self._sdk = tracker, auto_annotation()
        self.spec = self._sdk.TrackingFunctionSpec(supported_shape_types={"mask", "rectangle"})

    @classmethod
    def create(cls, *, model: str | None = None, device: str | None = None) -> Tracker:
        """Return the function of a model.

        Args:
            model: Name of a segmenter or of a model that tracks. Default: ``mini-sam``.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` for the second GPU, or ``"mps"``.
        """
        auto_annotation()
        return cls(load_video(DEFAULT_MODEL if model is None else model, device="auto" if device is None else device))

    def preprocess_image(self, context: Any, image: Any) -> NDArray[np.uint8]:  # noqa: ARG002 - The names are those of the SDK.
        """Return the pixels of a frame, (H, W, 3) uint8 RGB.

        Args:
            context: Nothing that is used.
            image: The frame, as PIL has it.
        """
        return np.asarray(image.convert("RGB"))

    def init_tracking_state(self, context: Any, pp_image: NDArray[np.uint8], shape: Any) -> TrackedObject:  # noqa: ARG002 - As above.
        """Return the state of an object from its shape on a frame.

        Args:
            context: Nothing that is used.
            pp_image: What `preprocess_image` returned.
            shape: ``TrackableShape`` of type ``"mask"`` or ``"rectangle"``.

        Raises:
            PromptSegError: The shape is empty or does not fit the frame.
        """
        frames = PushedFrames(pp_image)
        session = self._tracker.open(frames)
        if isinstance(session, TrackingSession):
            session.frame_buffer.kept = 1  # Nobody goes back: of a long video, each object would keep 64 MiB of frames.
        session.add(0, _OBJECT, _prompt(shape, frames.size))
        return TrackedObject(session, frames)

    def track(self, context: Any, pp_image: NDArray[np.uint8], state: TrackedObject) -> Any:
        """Return the shape of an object on the next frame, or None where it cannot be seen.

        Args:
            context: ``TrackingFunctionShapeContext``.
            pp_image: What `preprocess_image` returned.
            state: What `init_tracking_state` returned. It changes.
        """
        mask = state.follow(pp_image)
        if not mask.area:
            return None
        if context.original_shape_type == "rectangle":
            return self._sdk.TrackableShape(type="rectangle", points=mask.box.tolist())
        return self._sdk.TrackableShape(type="mask", points=points_of(mask))


class PushedFrames:
    """Frames of a video that arrive one by one; a `promptseg.protocols.FrameSource`.

    Args:
        first: (H, W, 3) uint8 RGB.
    """

    rereadable, count, fps = False, None, None

    def __init__(self, first: NDArray[np.uint8]) -> None:
        self.size: Size = (first.shape[0], first.shape[1])
        self.pushed = 0
        self._waiting: deque[Frame] = deque()
        self.push(first)

    def push(self, image: NDArray[np.uint8]) -> int:
        """Add the next frame and return its index.

        Args:
            image: (H, W, 3) uint8 RGB.

        Raises:
            InputError: The image has another size than the frames before.
        """
        if image.shape[:2] != self.size:
            raise InputError(f"the frames of a video have one size, here {self.size} (height, width), got {image.shape[:2]}")
        self._waiting.append(Frame(self.pushed, image))
        self.pushed += 1
        return self.pushed - 1

    def read(self, start: int = 0) -> Iterator[Frame]:  # noqa: ARG002 - It can be read once only.
        """Yield the frames that have arrived, each once."""
        while self._waiting:
            yield self._waiting.popleft()


@dataclass(eq=False)
class TrackedObject:
    """State of one object between two requests."""

    session: VideoSession
    frames: PushedFrames

    def follow(self, image: NDArray[np.uint8]) -> Mask:
        """Return the mask of the object on the next frame; it is empty where the object cannot be seen.

        Args:
            image: (H, W, 3) uint8 RGB, of the size of the frames before.
        """
        index = self.frames.push(image)
        (found,) = self.session.propagate(start=index, stop=index + 1)
        return found.masks[found.object_ids.index(_OBJECT)]


def _prompt(shape: Any, size: Size) -> SpatialPrompt:
    """Return the prompt for the shape of an object."""
    if shape.type == "mask":
        return Prompt.mask(mask_of(list(shape.points), size))
    if shape.type != "rectangle" or len(shape.points) != 4:
        raise ConfigError(f"a mask or a rectangle can be followed, got {shown(shape.type)} with {len(shape.points)} numbers")
    x0, y0, x1, y1 = shape.points
    return Prompt.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
