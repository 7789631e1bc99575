"""Tracking of a project's objects from a frame on, in one or both directions, as a job whose masks are kept one by one.

Each run has a session of its own. It begins with the masks that the objects have on the first frame, and takes what a person said of later
frames as it comes to them: a keyframe replaces the mask there, and an object that is not there is left out until its next keyframe. So a
run gives the same whatever was tracked before, also after the server was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import PromptSegError
from ...prompts import Prompt
from ...results import FrameMasks
from ...runtime.progress import Progress
from ...server.engine import Engine
from ...server.errors import ConflictError
from ...server.operations import CloseVideo, OpenVideo, PromptVideo, Propagate, RemoveObject
from .masks import ObjectOnFrame
from .objects import GONE, KEY, SEEN, VideoObject
from .project import VideoProject

Direction = Literal["forward", "back", "both"]

REMEMBERED = 3
"""Number of earlier keyframes of an object, the nearest ones, by which its session also knows it."""

STAGE = "track"

Emit = Callable[[int, Sequence[ObjectOnFrame]], object]
"""Function that is told what is known of the objects on a frame, when it is on the disk."""


@dataclass(frozen=True)
class Tracking:
    """What is to be tracked.

    Attributes:
        frame: The frame from which.
        direction: Where to.
        frames: Number of frames in each direction; None for all.
        uids: The objects; None for all.
    """

    frame: int
    direction: Direction = "forward"
    frames: int | None = None
    uids: tuple[str, ...] | None = None

    def reach(self, reverse: bool, count: int | None) -> int | None:
        """Return the frame before which a direction ends, or None for the end of the video, which may not be known."""
        if reverse:
            return -1 if self.frames is None else max(-1, self.frame - self.frames - 1)
        if self.frames is None:
            return count
        end = self.frame + self.frames + 1
        return end if count is None else min(end, count)

    @property
    def ways(self) -> tuple[bool, ...]:
        """The directions, each whether it is back."""
        return {"forward": (False,), "back": (True,), "both": (False, True)}[self.direction]


async def track(engine: Engine, model: str, project: VideoProject, asked: Tracking, emit: Emit) -> AsyncGenerator[Progress, None]:
    """Track objects, keep their masks, and yield how far the work is.

    Args:
        engine: The engine that tracks.
        model: Name of the model.
        project: The project.
        asked: What is to be tracked.
        emit: Is told of each frame.

    Raises:
        ConflictError: No object has a mask on the first frame or a keyframe on the way.
    """
    chosen = [each for each in project.objects() if asked.uids is None or each.uid in asked.uids]
    totals = [_length(asked, reverse, project.frames.count) for reverse in asked.ways]
    done = 0
    yield Progress(STAGE, 0, sum(totals), "frame")
    started = False
    for reverse, length in zip(asked.ways, totals, strict=True):
        before = done
        run = _Run(engine, model, project, chosen, asked, reverse)
        async with contextlib.aclosing(run.frames()) as frames:
            async for frame in frames:
                started = True
                emit(frame.frame, await asyncio.to_thread(project.keep_tracked, frame, run.uids))
                done = before + abs(frame.frame - asked.frame)
                yield Progress(STAGE, done, max(done, sum(totals)), "frame")
        done = before + length
    if not started and not any(_starts(project, chosen, asked.frame)):
        raise ConflictError(f"there is nothing to track on frame {asked.frame}: mark an object there, or go to where it is seen")


class _Run:
    """Tracking in one direction."""

    def __init__(
        self, engine: Engine, model: str, project: VideoProject, objects: Sequence[VideoObject], asked: Tracking, reverse: bool
    ) -> None:
        self._engine, self._model, self._project, self._objects, self._asked = engine, model, project, objects, asked
        self._reverse = reverse
        self._video = uuid.uuid4().hex
        self._active: set[int] = set()
        self.uids = {each.number: each.uid for each in objects}

    async def frames(self) -> AsyncGenerator[FrameMasks, None]:
        """Yield the masks of each frame after the first."""
        first, end = self._asked.frame, self._asked.reach(self._reverse, self._project.frames.count)
        stops = [*self._said(end), end]
        if not any(_starts(self._project, self._objects, first)) and len(stops) == 1:
            return
        await self._engine.ask(OpenVideo(self._video, str(self._project.path), self._model))
        try:
            await self._begin(first)
            at = first
            for stop in stops:
                if self._active and stop != at:
                    async with contextlib.aclosing(self._propagated(at, stop)) as frames:
                        async for frame in frames:
                            if frame.frame != first:
                                yield frame
                if stop is not None and stop != end:
                    await self._take_in(stop)
                    at = stop
        finally:
            with contextlib.suppress(PromptSegError):  # The engine may be ending.
                await self._engine.ask(CloseVideo(self._video))

    async def _propagated(self, start: int, stop: int | None) -> AsyncGenerator[FrameMasks, None]:
        last = None if self._reverse and stop == -1 else stop
        stream = self._engine.stream(Propagate(self._video, start, last, self._reverse))
        try:
            async for event in stream:
                if isinstance(event, FrameMasks):
                    yield event
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    def _said(self, end: int | None) -> list[int]:
        """Return the frames on the way of which a person said something, in the order in which they are reached."""
        found: set[int] = set()
        for each in self._objects:
            track = self._project.track(each.uid)
            found.update((*track.marked(), *track.gone()))
        first = self._asked.frame
        if self._reverse:
            return sorted((frame for frame in found if (-1 if end is None else end) < frame < first), reverse=True)
        return sorted(frame for frame in found if first < frame and (end is None or frame < end))

    async def _begin(self, first: int) -> None:
        for each in self._objects:
            found = self._project.object_on(first, each)
            if found is None or found.kind not in (KEY, SEEN) or not found.mask.area:
                continue
            for frame in self._remembered(each, first):
                await self._prompt(frame, each)
            await self._prompt(first, each)

    def _remembered(self, of: VideoObject, first: int) -> list[int]:
        """Return earlier keyframes of an object, the nearest one last."""
        keys = [frame for frame in self._project.track(of.uid).marked() if (frame > first if self._reverse else frame < first)]
        return sorted(keys, reverse=self._reverse)[-REMEMBERED:]

    async def _take_in(self, frame: int) -> None:
        """Take in what a person said of a frame."""
        for each in self._objects:
            kind = self._project.track(each.uid).kind(frame)
            if kind == KEY:
                await self._prompt(frame, each)
            elif kind == GONE and each.number in self._active:
                await self._engine.ask(RemoveObject(self._video, each.number))
                self._active.discard(each.number)

    async def _prompt(self, frame: int, of: VideoObject) -> None:
        found = self._project.object_on(frame, of)
        if found is not None and found.mask.area:
            await self._engine.ask(PromptVideo(self._video, frame, of.number, Prompt.mask(found.mask)))
            self._active.add(of.number)


def _starts(project: VideoProject, objects: Sequence[VideoObject], frame: int) -> list[bool]:
    """Return for each object whether it has a mask on a frame."""
    return [project.track(each.uid).kind(frame) in (KEY, SEEN) for each in objects]


def _length(asked: Tracking, reverse: bool, count: int | None) -> int:
    end = asked.reach(reverse, count)
    return 0 if end is None else max(0, abs(end - asked.frame) - 1)
