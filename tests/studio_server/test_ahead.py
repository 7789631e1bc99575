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
        engine = SlowEngine()
        service = SimpleNamespace(
            engine=engine, compute=compute, images=SimpleNamespace(put=bytes.decode), model=lambda: SimpleNamespace(name="fake")
        )
        ahead = Ahead(service, SimpleNamespace(image=lambda key: SimpleNamespace(name=key, path=File(key))))
        try:
            await check(ahead, engine)
        finally:
            ahead.stop()

    asyncio.run(run())


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def test_images_are_encoded_once_each():
    async def check(ahead, engine):
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
    async def check(ahead, engine):
        keys = [str(number) for number in range(MAX_AHEAD + 2)]
        for key in keys:
            ahead.want(key)
            await settle()
        assert ahead.waiting == tuple(keys[2:])
        assert engine.cancelled == keys[:2]

    with_ahead(check)


def test_going_on_to_the_next_image_keeps_the_others():
    async def check(ahead, engine):
        for key in ("b", "c"):
            ahead.want(key)
        await settle()
        ahead.opened("b")
        await settle()
        assert ahead.waiting == ("b", "c")
        assert engine.cancelled == []

    with_ahead(check)


def test_an_image_that_was_ready_is_no_jump():
    async def check(ahead, engine):
        engine.go_on.set()
        ahead.want("b")
        await settle()
        engine.go_on.clear()
        ahead.want("c")
        await settle()
        ahead.opened("b")
        assert ahead.waiting == ("c",)

    with_ahead(check)


def test_a_jump_gives_up_what_was_next():
    async def check(ahead, engine):
        for key in ("b", "c"):
            ahead.want(key)
        await settle()
        ahead.opened("far away")
        await settle()
        assert ahead.waiting == ()
        assert engine.cancelled == ["b", "c"]
        ahead.want("b")
        assert ahead.waiting == ("b",)

    with_ahead(check)


def test_an_image_that_cannot_be_read_stops_nothing():
    async def check(ahead, engine):
        ahead.want("broken")
        ahead.want("a")
        await settle()
        assert engine.begun == ["a"]
        assert ahead.waiting == ("a",)

    with_ahead(check)
