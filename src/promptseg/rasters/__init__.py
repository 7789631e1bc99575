"""Rasters: images of any size, read window by window, with the georeference that they may have."""
