"""Routes of the studio, one file a group. `ROUTERS` and `VIDEO_ROUTERS` list them."""

from fastapi import APIRouter

from . import code, frames, images, importing, project, video, work

ROUTERS: tuple[APIRouter, ...] = (project.router, images.router, work.router, importing.router, code.router)
"""The groups of routes of a studio of images. A new group is a file here and an entry of this table."""

VIDEO_ROUTERS: tuple[APIRouter, ...] = (project.router, frames.router, video.router)
"""The groups of routes of a studio of a video."""
