"""A studio in a process of its own, to be killed: ``python killed_server.py PHOTOS DATASET PORT``. It prints its port and serves."""

import sys
from dataclasses import replace
from pathlib import Path

from promptseg.server.run import bound_socket, serve_app
from promptseg.studio_server.access import Access
from promptseg.studio_server.app import create_studio, settings_for
from promptseg.studio_server.project import open_project


class NoEngine:
    """An engine whose models never come."""

    models = ()

    async def start(self):
        pass

    async def stop(self):
        pass

    async def sweep(self, _):
        pass


def main(photos, dataset, port):
    with open_project(photos, Path(dataset)) as project:
        access = Access(project.own)
        settings = settings_for(access, "127.0.0.1", int(port))
        with bound_socket(settings) as listening:
            settings = replace(settings, port=listening.getsockname()[1])
            print(settings.port, flush=True)
            serve_app(create_studio(NoEngine(), project, access, settings), listening)


if __name__ == "__main__":
    main(*sys.argv[1:])
