"""The tools of assistants as a server of the Model Context Protocol (MCP), with package ``mcp``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

from .. import __version__
from .tools import Tools
from .workbench import Workbench

INSTRUCTIONS = """Segments images: finds the exact pixels of objects.

Open an image first (list_images, open_image), look at it (show_image), segment it, look at the masks (show_overlay), and correct the
prompt if they are wrong. All coordinates are pixels of the full image: x to the right, y down, (0, 0) is the center of the top-left pixel.
Boxes are x0, y0, x1, y1, half-open: x1 and y1 are outside. Shown images may be smaller than the full image: multiply by their scale."""

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
    tools = Tools(workbench, in_use)
    for tool, title, hints in (
        (tools.list_models, "List models", _READS),
        (tools.list_images, "List images", _READS),
        (tools.open_image, "Open an image", _READS),
        (tools.segment_object, "Segment one object by points or a box", _READS),
        (tools.segment_text, "Segment by text", _READS),
        (tools.segment_like, "Segment all that is like an example", _READS),
        (tools.segment_everything, "Segment everything", _READS),
        (tools.show_image, "Show an image", _READS),
        (tools.show_overlay, "Show masks", _READS),
        (tools.count_objects, "Count objects", _READS),
        (tools.export_masks, "Write masks to files", _WRITES),
    ):
        server.add_tool(tool, title=title, annotations=hints)
    return server
