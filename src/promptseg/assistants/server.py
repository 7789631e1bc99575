"""The tools of assistants as a server of the Model Context Protocol (MCP), with package ``mcp``.

All work runs on one thread beside the event loop, one call at a time. So the workbench needs no locks, the server answers while a model
computes, and a call that is canceled while it waits is never begun.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from .. import __version__
from ..datasets.catalog import WRITABLE
from ..errors import PromptSegError
from ..prompts import PromptKind
from .answers import Box, Counts, Example, Exported, ImageList, ModelList, Opened, Point, Segmentation, Shown
from .model_list import model_list
from .shown_images import MAX_SIDE
from .workbench import Workbench

MAX_BASE64 = 64 << 20
"""Maximum number of characters of an image in base64."""

INSTRUCTIONS = """Segments images: finds the exact pixels of objects.

Open an image first (list_images, open_image), look at it (show_image), segment it, look at the masks (show_overlay), and correct the
prompt if they are wrong. All coordinates are pixels of the full image: x to the right, y down, (0, 0) is the center of the top-left pixel.
Boxes are x0, y0, x1, y1, half-open: x1 and y1 are outside. Shown images may be smaller than the full image: multiply by their scale."""

ImageId = Annotated[str, Field(description="Id from open_image.", max_length=100)]
ResultId = Annotated[str, Field(description="Id from a segment tool.", max_length=100)]
Side = Annotated[int, Field(description="Maximum width and height of the shown image.", ge=64, le=MAX_SIDE)]
WithRle = Annotated[
    bool, Field(description="Also return the pixels as COCO RLE. They are long: export_masks writes them to files instead.")
]

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)


def make_server(workbench: Workbench, in_use: Mapping[str, str]) -> MCPServer[Any]:
    """Return the server of a workbench.

    Args:
        workbench: The workbench, which the server alone uses from then on.
        in_use: Names of its models by the stage of the pipeline.
    """
    server: MCPServer[Any] = MCPServer(
        "promptseg", title="promptseg", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING", subscriptions=False
    )
    one_at_a_time = anyio.CapacityLimiter(1)

    async def work(function: Callable[_Arguments, _Answer], *args: _Arguments.args, **options: _Arguments.kwargs) -> _Answer:
        """Call a function on the thread for work. Its errors tell nothing of what lies outside of the allowed folders."""
        try:
            return await anyio.to_thread.run_sync(functools.partial(function, *args, **options), limiter=one_at_a_time)
        except PromptSegError as error:
            raise ToolError(workbench.folders.without_outside_paths(str(error))) from error

    @server.tool(title="List models", annotations=_READS)
    async def list_models(
        prompt: Annotated[PromptKind | None, Field(description="Only models that take this kind of prompt.")] = None,
        ready: Annotated[bool, Field(description="Only models that can run now, without a download.")] = False,
    ) -> ModelList:
        """List the models that this server uses, and those with which the user could start it instead."""
        return await work(model_list, in_use, workbench.folders.without_outside_paths, prompt, ready)

    @server.tool(title="List images", annotations=_READS)
    async def list_images(
        folder: Annotated[
            str | None, Field(description="Path of a folder. Default: all folders that are allowed.", max_length=4096)
        ] = None,
    ) -> ImageList:
        """List the image files and subfolders of a folder. Only folders that the user has allowed can be seen."""
        return await work(workbench.list_images, folder)

    @server.tool(title="Open an image", annotations=_READS)
    async def open_image(
        path: Annotated[str | None, Field(description="Path of an image file below an allowed folder.", max_length=4096)] = None,
        content_base64: Annotated[
            str | None, Field(description="Instead of path: bytes of an image file in base64.", max_length=MAX_BASE64)
        ] = None,
        name: Annotated[str | None, Field(description="With content_base64: a file name.", max_length=255)] = None,
    ) -> Opened:
        """Open an image for all other tools, and return its id and size in pixels. EXIF orientation is applied."""
        return await work(workbench.open_image, path, content_base64, name)

    @server.tool(title="Segment one object by points or a box", annotations=_READS)
    async def segment_object(
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
        return await work(workbench.segment_object, image_id, points, box, candidates=candidates, with_rle=with_rle)

    @server.tool(title="Segment by text", annotations=_READS)
    async def segment_text(
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
        return await work(workbench.segment_text, image_id, phrases, with_rle=with_rle)

    @server.tool(title="Segment all that is like an example", annotations=_READS)
    async def segment_like(
        image_id: ImageId,
        examples: Annotated[list[Example], Field(description="Boxes around examples of one kind of object.", min_length=1, max_length=16)],
        label: Annotated[str | None, Field(description="Label for the masks.", max_length=200)] = None,
        with_rle: WithRle = False,
    ) -> Segmentation:
        """Segment every object that looks like an example: the object in a box of this image, or of another opened image.

        Box coordinates are pixels of the full image that shows the example, half-open.
        """
        return await work(workbench.segment_like, image_id, examples, label, with_rle=with_rle)

    @server.tool(title="Segment everything", annotations=_READS)
    async def segment_everything(
        image_id: ImageId,
        points_per_side: Annotated[int, Field(description="Density of the grid of points: more find smaller objects.", ge=1, le=64)] = 32,
        with_rle: WithRle = False,
    ) -> Segmentation:
        """Segment every object, without labels. It takes long: from seconds to minutes without a GPU."""
        return await work(workbench.segment_everything, image_id, points_per_side, with_rle=with_rle)

    @server.tool(title="Show an image", annotations=_READS)
    async def show_image(image_id: ImageId, max_side: Side = 1024) -> Annotated[CallToolResult, Shown]:
        """Show an opened image. It may be shown smaller: multiply positions in it by `scale` for pixels of the full image."""
        return _as_content(*await work(workbench.show_image, image_id, max_side))

    @server.tool(title="Show masks", annotations=_READS)
    async def show_overlay(
        result_id: ResultId,
        max_side: Side = 1024,
        masks: Annotated[list[int] | None, Field(description="Indices of the masks. Default: all.", max_length=1000)] = None,
    ) -> Annotated[CallToolResult, Shown]:
        """Show an image with masks drawn on it, and their labels and scores. Look at it before you rely on a mask."""
        return _as_content(*await work(workbench.show_overlay, result_id, max_side, masks))

    @server.tool(title="Count objects", annotations=_READS)
    async def count_objects(
        result_id: ResultId,
        min_score: Annotated[float, Field(description="Count only masks with at least this score.", ge=0, le=1)] = 0.0,
    ) -> Counts:
        """Count the objects of a result by label."""
        return await work(workbench.count_objects, result_id, min_score)

    @server.tool(title="Write masks to files", annotations=_WRITES)
    async def export_masks(
        result_ids: Annotated[list[str], Field(description="Results of one or several images.", min_length=1, max_length=128)],
        format: Annotated[  # noqa: A002 - The name that assistants read.
            str, Field(description="Format of the files; coco, if the user names none.", json_schema_extra={"enum": list(WRITABLE)})
        ],
        folder: Annotated[str, Field(description="A new folder, below a folder that is allowed.", max_length=4096)],
    ) -> Exported:
        """Write masks as a dataset for labeling tools. Existing files are never overwritten, except those that this server wrote."""
        return await work(workbench.export_masks, result_ids, format, folder)

    return server


def _as_content(jpeg: bytes, shown: Shown) -> CallToolResult:
    """Return an image as content, with what is shown as text and as structured content."""
    content = [Image(data=jpeg, format="jpeg").to_image_content(), TextContent(type="text", text=shown.model_dump_json())]
    return CallToolResult(content=content, structured_content=shown.model_dump(mode="json"))
