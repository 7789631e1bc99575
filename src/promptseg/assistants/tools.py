"""Tools of assistants: what an assistant can call, with the descriptions that it reads.

All work runs on one thread beside the event loop, one call at a time. So the workbench needs no locks, the server answers while a model
computes, and a call that is canceled while it waits is never begun. One that is canceled while it works ends at its next report of
progress.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from ..datasets.catalog import WRITABLE
from ..errors import PromptSegError
from ..prompts import PromptKind
from ..runtime.progress import report_to
from .answers import Box, Counts, Example, Exported, ImageList, ModelList, Opened, Point, Segmentation, Shown
from .model_list import model_list
from .shown_images import MAX_SIDE
from .workbench import Workbench

MAX_BASE64 = 64 << 20
"""Maximum number of characters of an image in base64."""

ImageId = Annotated[str, Field(description="Id from open_image.", max_length=100)]
ResultId = Annotated[str, Field(description="Id from a segment tool.", max_length=100)]
Side = Annotated[int, Field(description="Maximum width and height of the shown image.", ge=64, le=MAX_SIDE)]
WithRle = Annotated[
    bool, Field(description="Also return the pixels as COCO RLE. They are long: export_masks writes them to files instead.")
]

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Tools:
    """Tools of a workbench. Assistants read the signatures and docstrings of the public methods.

    Args:
        workbench: The workbench, which the tools alone use from then on.
        in_use: Names of its models by the stage of the pipeline.
    """

    def __init__(self, workbench: Workbench, in_use: Mapping[str, str]) -> None:
        self._workbench = workbench
        self._in_use = in_use
        self._one_at_a_time, self._working = anyio.CapacityLimiter(1), threading.Lock()

    async def list_models(
        self,
        prompt: Annotated[PromptKind | None, Field(description="Only models that take this kind of prompt.")] = None,
        ready: Annotated[bool, Field(description="Only models that can run now, without a download.")] = False,
    ) -> ModelList:
        """List the models that this server uses, and those with which the user could start it instead."""
        return await self._work(model_list, self._in_use, self._workbench.folders.without_outside_paths, prompt, ready)

    async def list_images(
        self,
        folder: Annotated[
            str | None, Field(description="Path of a folder. Default: all folders that are allowed.", max_length=4096)
        ] = None,
    ) -> ImageList:
        """List the image files and subfolders of a folder. Only folders that the user has allowed can be seen."""
        return await self._work(self._workbench.list_images, folder)

    async def open_image(
        self,
        path: Annotated[str | None, Field(description="Path of an image file below an allowed folder.", max_length=4096)] = None,
        content_base64: Annotated[
            str | None, Field(description="Instead of path: bytes of an image file in base64.", max_length=MAX_BASE64)
        ] = None,
        name: Annotated[str | None, Field(description="With content_base64: a file name.", max_length=255)] = None,
    ) -> Opened:
        """Open an image for all other tools, and return its id and size in pixels. EXIF orientation is applied."""
        return await self._work(self._workbench.open_image, path, content_base64, name)

    async def segment_object(
        self,
        image_id: ImageId,
        points: Annotated[
            list[Point], Field(description="Points with label 1 on the object, with label 0 on what does not belong to it.", max_length=256)
        ] = [],  # noqa: B006 - Its schema shows it, and it is not changed.
        box: Annotated[Box | None, Field(description="Box around the object.")] = None,
        candidates: Annotated[bool, Field(description="Return all masks that the model proposes: part, whole, group.")] = False,
        with_rle: WithRle = False,
    ) -> Segmentation:
        """Segment the one object at points, in a box, or both. All points are about the same object; call again for another one.

        Coordinates are pixels of the full image, x right, y down. If a mask is too large, add a point with label 0 on what is too much; if
        it is too small, a point with label 1 on what is missing.
        """
        return await self._work(self._workbench.segment_object, image_id, points, box, candidates=candidates, with_rle=with_rle)

    async def segment_text(
        self,
        image_id: ImageId,
        phrases: Annotated[
            list[str],
            Field(description='Short noun phrases, one a kind of object, such as ["dog", "red car"].', min_length=1, max_length=64),
        ],
        with_rle: WithRle = False,
    ) -> Segmentation:
        """Segment every object that phrases name. The label of a mask is its phrase; scores are from 0 to 1.

        It works only if the server was started with a detector, or another model that reads words.
        """
        return await self._work(self._workbench.segment_text, image_id, phrases, with_rle=with_rle)

    async def segment_like(
        self,
        image_id: ImageId,
        examples: Annotated[list[Example], Field(description="Boxes around examples of one kind of object.", min_length=1, max_length=16)],
        label: Annotated[str | None, Field(description="Label for the masks.", max_length=200)] = None,
        with_rle: WithRle = False,
    ) -> Segmentation:
        """Segment every object that looks like an example: the object in a box of this image, or of another opened image.

        Box coordinates are pixels of the full image that shows the example, half-open.
        """
        return await self._work(self._workbench.segment_like, image_id, examples, label, with_rle=with_rle)

    async def segment_everything(
        self,
        image_id: ImageId,
        points_per_side: Annotated[int, Field(description="Density of the grid of points: more find smaller objects.", ge=1, le=64)] = 32,
        with_rle: WithRle = False,
    ) -> Segmentation:
        """Segment every object, without labels. It takes long: from seconds to minutes without a GPU."""
        return await self._work(self._workbench.segment_everything, image_id, points_per_side, with_rle=with_rle)

    async def show_image(self, image_id: ImageId, max_side: Side = 1024) -> Annotated[CallToolResult, Shown]:
        """Show an opened image. It may be shown smaller: multiply positions in it by `scale` for pixels of the full image."""
        return _as_content(*await self._work(self._workbench.show_image, image_id, max_side))

    async def show_overlay(
        self,
        result_id: ResultId,
        max_side: Side = 1024,
        masks: Annotated[list[int] | None, Field(description="Indices of the masks. Default: all.", max_length=1000)] = None,
    ) -> Annotated[CallToolResult, Shown]:
        """Show an image with masks drawn on it, and their labels and scores. Look at it before you rely on a mask."""
        return _as_content(*await self._work(self._workbench.show_overlay, result_id, max_side, masks))

    async def count_objects(
        self,
        result_id: ResultId,
        min_score: Annotated[float, Field(description="Count only masks with at least this score.", ge=0, le=1)] = 0.0,
    ) -> Counts:
        """Count the objects of a result by label."""
        return await self._work(self._workbench.count_objects, result_id, min_score)

    async def export_masks(
        self,
        result_ids: Annotated[list[str], Field(description="Results of one or several images.", min_length=1, max_length=128)],
        format: Annotated[  # noqa: A002 - The name that assistants read.
            str, Field(description="Format of the files; coco, if the user names none.", json_schema_extra={"enum": list(WRITABLE)})
        ],
        folder: Annotated[str, Field(description="A new folder, below a folder that is allowed.", max_length=4096)],
    ) -> Exported:
        """Write masks as a dataset for labeling tools. Existing files are never overwritten, except those that this server wrote."""
        return await self._work(_to_its_end, functools.partial(self._workbench.export_masks, result_ids, format, folder))

    async def _work(self, function: Callable[_Arguments, _Answer], *args: _Arguments.args, **options: _Arguments.kwargs) -> _Answer:
        """Call a function on the thread for work. Its errors tell nothing of what lies outside of the allowed folders."""
        canceled = threading.Event()

        def check(_: object = None) -> None:
            if canceled.is_set():
                raise _CanceledError

        def call() -> _Answer:
            with self._working, report_to(check):  # A call before it that was canceled may not have ended yet.
                check()
                return function(*args, **options)

        try:
            return await anyio.to_thread.run_sync(call, limiter=self._one_at_a_time, abandon_on_cancel=True)
        except PromptSegError as error:
            raise ToolError(self._workbench.folders.without_outside_paths(str(error))) from error
        finally:
            canceled.set()


class _CanceledError(Exception):
    """A call was canceled. Nobody waits for it any more."""


def _to_its_end(function: Callable[[], _Answer]) -> _Answer:
    """Call a function that writes files. Canceled meanwhile, it goes on, so that nothing is half-written."""
    with report_to(lambda _: None):
        return function()


def _as_content(jpeg: bytes, shown: Shown) -> CallToolResult:
    """Return an image as content, with what is shown as text and as structured content."""
    content = [Image(data=jpeg, format="jpeg").to_image_content(), TextContent(type="text", text=shown.model_dump_json())]
    return CallToolResult(content=content, structured_content=shown.model_dump(mode="json"))
