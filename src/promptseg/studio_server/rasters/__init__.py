"""Rasters among the images of a project: large ones, which are read by windows.

- `files` tells which images are rasters and opens them; `pyramid` has their tiles.
- `scene_objects` are the objects of a raster as masks inside their boxes.
- `export` writes the objects in one of `formats`; `copied_code` is Python that finds the same masks.
"""
