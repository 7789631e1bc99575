"""Objects of a scene, the ways in which its raster may lie in the world, and a disk that is full."""

import contextlib
import resource

import pytest

from geo_scenes import PLACES, shapes


@pytest.fixture
def scene():
    return shapes()


@pytest.fixture(params=PLACES, ids=str)
def place(request):
    """A georeference of each kind."""
    return PLACES[request.param]


@pytest.fixture
def small_files():
    """Refuse to this process files of more than some bytes in a block, as a full disk does."""

    @contextlib.contextmanager
    def small_files(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return small_files
