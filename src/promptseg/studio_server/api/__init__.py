"""Routes of the studio, one file a group. `ROUTERS` lists them."""

from fastapi import APIRouter

from . import images, project

ROUTERS: tuple[APIRouter, ...] = (project.router, images.router)
"""The groups of routes. A new group is a file here and an entry of this table."""
