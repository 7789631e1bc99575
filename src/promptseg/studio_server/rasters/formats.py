"""Formats in which the objects of rasters are exported."""

from __future__ import annotations

FOLDER = "rasters"
"""Folder of the dataset for the files."""

RASTER_FORMATS = {
    "gpkg": (".gpkg", "Objects of rasters as GeoPackage, in the raster's own coordinate system"),
    "geoparquet": (".parquet", "Objects of rasters as GeoParquet, in the raster's own coordinate system"),
    "raster-geojson": (".geojson", "Objects of rasters as GeoJSON, in the raster's own coordinate system"),
    "label-tif": (".labels.tif", "Objects of rasters as a GeoTIFF of their numbers, with a table"),
}
"""Suffix and summary of each format, by its name."""
