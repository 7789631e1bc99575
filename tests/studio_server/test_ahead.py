"""Images that are encoded ahead: a few, behind everything else, and given up when the person jumps."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from promptseg.server.operations import Encode
from promptseg.studio_server.ahead import MAX_AHEAD, Ahead


class SlowEngine:
    """An engine that notes what it is asked, and goes on with each image when it is let."""

    def __init__(self):
        self.begun, self.ended, self.cancelled = [], [], []
        self.go_on = asyncio.Event()

    async def stream(self, operation):
        assert isinstance(operation, Encode)
        self.begun.append(operation.image)
        try:
            await self.go_on.wait()
            yield None
            self.ended.append(operation.image)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(operation.image)
            raise


class Clock:
    """A clock that goes when it is set."""

    now = 0.0

    def __call__(self):
        return self.now


class File:
    """A file whose content is its name. The file "broken" cannot be read."""

    def __init__(self, name):
        self.name = name

    def read_bytes(self):
        if self.name == "broken":
            raise OSError("no such file")
        return self.name.encode()


async def compute(function):
    return function()


def with_ahead(check):
    async def run():
        engine, clock = SlowEngine(), Clock()
        service = SimpleNamespace(
            engine=engine, compute=compute, images=SimpleNamespace(put=bytes.decode), model=lambda: SimpleNamespace(name="fake")
        )
        images = SimpleNamespace(
            image=lambda key: SimpleNamespace(name=key, path=File(key)), rasters=SimpleNamespace(has=lambda path: path.name == "raster")
        )
        ahead = Ahead(service, images, clock)
        try:
            await check(ahead, engine, clock)
        finally:
            ahead.stop()

    asyncio.run(run())


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def test_images_are_encoded_once_each():
    async def check(ahead, engine, clock):
        for key in ("a", "b", "a"):
            ahead.want(key)
        await settle()
        assert engine.begun == ["a", "b"]
        engine.go_on.set()
        await settle()
        assert engine.ended == ["a", "b"]
        assert ahead.waiting == ()

    with_ahead(check)


def test_only_a_few_wait_and_the_oldest_wish_is_given_up():
    async def check(ahead, engine, clock):
        keys = [str(number) for number in range(MAX_AHEAD + 2)]
        for key in keys:
            ahead.want(key)
            await settle()
        assert ahead.waiting == tuple(keys[2:])
        assert engine.cancelled == keys[:2]

    with_ahead(check)


def test_going_on_to_the_next_image_keeps_those_that_still_come():
    async def check(ahead, engine, clock):
        for key in ("b", "c"):
            ahead.want(key)
        await settle()
        clock.now += 60
        for key in ("c", "d"):
            ahead.want(key)
        await settle()
        assert ahead.waiting == ("c", "d")
        assert engine.cancelled == ["b"]
        assert engine.begun == ["b", "c", "d"]

    with_ahead(check)


def test_a_jump_gives_up_what_came_next():
    async def check(ahead, engine, clock):
        for key in ("b", "c"):
            ahead.want(key)
        await settle()
        clock.now += 60
        for key in ("y", "z"):
            ahead.want(key)
        await settle()
        assert ahead.waiting == ("y", "z")
        assert engine.cancelled == ["b", "c"]

    with_ahead(check)


def test_what_was_given_up_can_be_wanted_again():
    async def check(ahead, engine, clock):
        ahead.want("a")
        await settle()
        clock.now += 60
        ahead.want("b")
        ahead.want("a")
        engine.go_on.set()
        await settle()
        assert engine.ended == ["b", "a"]
        assert ahead.waiting == ()

    with_ahead(check)


def test_an_image_that_cannot_be_read_stops_nothing():
    async def check(ahead, engine, clock):
        ahead.want("broken")
        ahead.want("a")
        await settle()
        assert engine.begun == ["a"]
        assert ahead.waiting == ("a",)

    with_ahead(check)
