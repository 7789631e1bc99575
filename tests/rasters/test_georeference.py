import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.rasters.georeference import Georeference, stated_georeference

NORTH_UP = (0.25, 0.0, 500_000.0, 0.0, -0.25, 5_400_000.0)
SOUTH_UP = (0.25, 0.0, 500_000.0, 0.0, 0.25, 5_400_000.0)
TURNED = (0.2, 0.1, 500_000.0, 0.1, -0.2, 5_400_000.0)


@pytest.mark.parametrize("matrix", [NORTH_UP, SOUTH_UP, TURNED])
def test_pixels_that_go_to_the_world_come_back(matrix):
    georeference = Georeference(matrix, 32632)
    pixels = np.array([[0, 0], [99_999.5, 0], [12_345.25, 99_999.75]])
    assert np.abs(georeference.to_pixels(georeference.to_world(pixels)) - pixels).max() < 1e-6


def test_a_pixel_edge_goes_where_the_matrix_says():
    assert Georeference(TURNED).to_world(np.array([[10, 20]])).tolist() == [[500_000 + 2 + 2, 5_400_000 + 1 - 4]]


@pytest.mark.parametrize(("matrix", "mirrors"), [(NORTH_UP, True), (TURNED, True), (SOUTH_UP, False)])
def test_a_map_with_north_up_mirrors_rings(matrix, mirrors):
    assert Georeference(matrix).mirrors is mirrors


def test_tags_of_a_tiff_are_a_georeference(tmp_path):
    keys = (1, 1, 0, 2, 1025, 0, 1, 1, 3072, 0, 1, 32632)
    found = stated_georeference(tmp_path / "a.tif", {33550: (0.25, 0.25, 0.0), 33922: (0, 0, 0, 500_000.0, 5_400_000.0, 0), 34735: keys})
    assert found == Georeference(NORTH_UP, 32632)


def test_a_map_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be inverted"):
        stated_georeference(tmp_path / "a.tif", {33550: (float("nan"), 0.25, 0.0), 33922: (0, 0, 0, 5.0, 4.0, 0)})
