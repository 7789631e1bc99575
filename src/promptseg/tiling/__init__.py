"""Tiles: how a raster is cut into windows that a model sees, and how what it finds in them becomes objects of the raster."""
