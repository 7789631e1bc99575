"""A project of three images, and its studio as an application, for clients with and without the cookie."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from PIL import Image

from promptseg import Mask

SIZE = (40, 60)
"""``(height, width)`` of the images ``a.png``, ``b.png`` and ``c.png`` of a project."""

ADDRESS = "http://127.0.0.1:8470"


def counts(x=1, y=1, width=4, height=4, size=SIZE):
    """Return the run lengths of a rectangle."""
    pixels = np.zeros(size, bool)
    pixels[y : y + height, x : x + width] = True
    return Mask.from_array(pixels).counts.decode()


def posted(uid, **values):
    """Return an object as a page posts it."""
    mask = {"size": list(values.pop("size", SIZE)), "counts": values.pop("counts", counts())}
    return {"uid": uid, "mask": mask, **values}


class NoEngine:
    """An engine whose models never come."""

    models = ()

    async def start(self):
        pass

    async def stop(self):
        pass

    async def sweep(self, _):
        pass


@pytest.fixture
def photos(tmp_path):
    """A folder of three images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate("abc"):
        Image.fromarray(np.full((*SIZE, 3), 40 * number, np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def opened(photos, tmp_path):
    """Function that opens the project of the folder, as a context."""
    from promptseg.studio_server.project import open_project

    def open_it(source=photos, **values):
        return open_project(source, tmp_path / "dataset", **values)

    return open_it


@pytest.fixture
def project(opened):
    with opened() as project:
        yield project


@pytest.fixture
def studio_app(tmp_path):
    """Function that returns the studio of a project as an application."""
    pytest.importorskip("fastapi")
    pytest.importorskip("prometheus_client")
    from promptseg.studio_server.access import Access
    from promptseg.studio_server.app import create_studio, settings_for
    from promptseg.studio_server.page import Page

    def make(project, built=None, engine=None):
        access = Access(project.own)
        folder = tmp_path / "server"
        folder.mkdir(exist_ok=True)
        return create_studio(engine or NoEngine(), project, access, settings_for(access, "127.0.0.1", 8470), folder, Page(built or {}))

    return make


@pytest.fixture
def client_of():
    """Function that returns a client of an application, which has opened the page unless told otherwise, as a context."""
    from starlette.testclient import TestClient

    @contextlib.contextmanager
    def client(app, *, let_in=True):
        with TestClient(app, base_url=ADDRESS, follow_redirects=False) as made:
            if let_in:
                assert made.get(f"/open/{app.state.access.new_code()}").status_code == 303
            yield made

    return client


@pytest.fixture
def client(project, studio_app, client_of):
    """A client of the project's studio that has opened the page."""
    with client_of(studio_app(project)) as made:
        yield made
