"""Widgets whose messages a test sends and sees, in place of a browser."""

import threading
import time

import pytest

from promptseg import Pipeline
from promptseg.pipeline.runner import BuiltPipeline
from promptseg.testing import FakeSegmenter


class Frontend:
    """What a notebook's page is to a widget: it gets the state and the messages, and sends messages."""

    def __init__(self):
        self.comm = None
        self.state = {}
        self.messages = []
        self._arrived = threading.Condition()

    def publish(self, data, buffers):
        with self._arrived:
            if data.get("method") == "custom":
                self.messages.append(data["content"])
            else:
                self.state |= data.get("state", {})
                for (name, key), part in zip(data.get("buffer_paths", []), buffers, strict=True):
                    self.state[name] = {**self.state[name], key: bytes(part)}
            self._arrived.notify_all()

    def send(self, kind, view="view-1", **content):
        self.comm.handle_msg({"content": {"data": {"method": "custom", "content": {"kind": kind, "view": view, **content}}}, "buffers": []})

    def told(self, kind, **wanted):
        """The next message of a kind, which later calls do not see."""

        def found():
            return next((each for each in self.messages if each["kind"] == kind and wanted.items() <= each.items()), None)

        with self._arrived:
            assert self._arrived.wait_for(lambda: found() is not None, 60), self.messages
            message = found()
            self.messages.remove(message)
            return message

    def comes_to(self, **wanted):
        """Waits until the state is as wanted."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: all(test(self.state.get(name)) for name, test in wanted.items()), 60), self.state


@pytest.fixture
def frontend(monkeypatch):
    """The page that gets what the widgets of a test send."""
    ipywidgets = pytest.importorskip("ipywidgets", reason="anywidget is not installed")
    comm = pytest.importorskip("comm")
    page = Frontend()

    class Comm(comm.base_comm.BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            page.comm = self
            page.publish(data or {}, buffers or [])

    monkeypatch.setattr(ipywidgets.comm, "create_comm", Comm)
    return page


@pytest.fixture
def built():
    """Pipelines around a model: ``built(segmenter)``."""

    def built(segmenter=None, detector=None):
        return BuiltPipeline(Pipeline().segment().config, detector, segmenter or FakeSegmenter(radius=10))

    return built


@pytest.fixture
def until():
    """Waits for what another thread does: ``until(condition)``."""

    def until(condition):
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, "it did not come to that within 60 seconds"
            time.sleep(0.01)

    return until
