"""Routes of the studio, one file a group. `ROUTERS` lists them."""

from fastapi import APIRouter

from . import code, images, importing, project, work

ROUTERS: tuple[APIRouter, ...] = (project.router, images.router, work.router, importing.router, code.router)
"""The groups of routes. A new group is a file here and an entry of this table."""
