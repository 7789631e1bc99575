"""Rasters that the tests write."""

import pytest

from raster_files import write_geotiff


@pytest.fixture
def write_tiff(tmp_path):
    """Write a GeoTIFF into the test's folder: ``write_tiff(array, name=…, overviews=(2, 4), **profile)``."""
    pytest.importorskip("rasterio", reason="GeoTIFF needs rasterio")
    return lambda array, name="scene.tif", **options: write_geotiff(tmp_path / name, array, **options)
