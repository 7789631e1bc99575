"""The tiles of a raster: those that an image of the same pixels has, read when they are asked for."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")

from promptseg import open_raster
from promptseg.server.errors import NotFoundError
from promptseg.studio_server.pyramid import pyramid_of
from promptseg.studio_server.rasters.pyramid import RasterPyramid

SIZE = (1100, 1700)


@pytest.fixture
def pixels():
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([rows % 256, columns % 256, (rows + columns) // 16], axis=-1).astype(np.uint8)


@pytest.fixture(params=[10, 500_000, 1 << 30], ids=["none kept", "half of them kept", "all kept"])
def pyramid(pixels, request, monkeypatch):
    """A pyramid that keeps the levels of up to so many pixels."""
    monkeypatch.setattr("promptseg.studio_server.rasters.pyramid.COARSE", max(request.param, 425 * 275))
    made = RasterPyramid(open_raster(pixels))
    yield made
    made.close()


def decoded(content):
    return np.asarray(Image.open(io.BytesIO(content))).astype(int)


def test_the_tiles_are_those_of_an_image(pyramid, pixels):
    expected = pyramid_of(pixels)
    assert pyramid.size == SIZE
    for level, (height, width) in enumerate([(1100, 1700), (550, 850), (275, 425)]):
        for row in range(-(-height // 512)):
            for column in range(-(-width // 512)):
                tile, like = decoded(pyramid.tile(level, column, row)), decoded(expected.tile(level, column, row))
                assert tile.shape == like.shape
                assert np.abs(tile - like).mean() < 3


@pytest.mark.parametrize("place", [(3, 0, 0), (-1, 0, 0), (0, 4, 0), (0, 0, 3), (0, -1, 0), (2, 1, 0)])
def test_a_tile_that_is_not_there_is_refused(pyramid, place):
    with pytest.raises(NotFoundError):
        pyramid.tile(*place)


def test_it_reads_no_more_than_the_tile(pixels, monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.rasters.pyramid.COARSE", 425 * 275)
    raster = open_raster(pixels)
    read, original = [], raster.read
    monkeypatch.setattr(raster, "read", lambda window, size=None: read.append((window.box, size)) or original(window, size))
    RasterPyramid(raster).tile(1, 1, 0)
    assert read == [((1024, 0, 1700, 1024), (512, 338))]


def test_it_is_closed_when_the_last_tile_is_read(pixels, monkeypatch):
    monkeypatch.setattr("promptseg.studio_server.rasters.pyramid.COARSE", 425 * 275)
    raster = open_raster(pixels)
    reading, go_on, closed, original = threading.Event(), threading.Event(), [], raster.read

    def read(window, size=None):
        reading.set()
        assert go_on.wait(60)
        assert not closed
        return original(window, size)

    monkeypatch.setattr(raster, "read", read)
    monkeypatch.setattr(raster, "close", lambda: closed.append(True))
    pyramid, tiles = RasterPyramid(raster), []
    thread = threading.Thread(target=lambda: tiles.append(pyramid.tile(0, 0, 0)))
    thread.start()
    assert reading.wait(60)
    pyramid.close()
    assert not closed
    go_on.set()
    thread.join(60)
    assert decoded(tiles[0]).shape == (512, 512, 3)
    assert closed == [True]
