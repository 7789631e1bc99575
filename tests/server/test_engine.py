"""The engine of a machine with several devices: a worker each, and an image always with the same one."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import numpy as np
from PIL import Image

from promptseg import Pipeline, Prompt
from promptseg.pipeline import BuiltPipeline
from promptseg.server.engine import LocalEngine
from promptseg.server.images import ImageStore
from promptseg.server.operations import Segment
from promptseg.testing import FakeSegmenter


class Stages:
    """A pipeline that notes the devices that it is built for, and what is opened on each."""

    def __init__(self):
        self.segmenters = {}

    def build(self, device):
        segmenter = FakeSegmenter()
        self.segmenters[device] = segmenter = replace(segmenter, provenance=replace(segmenter.provenance, device=device))
        return BuiltPipeline(Pipeline().segment("mini-sam").config, segmenter=segmenter)


def png(value):
    file = io.BytesIO()
    Image.fromarray(np.full((20, 30, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_two_gpus_share_the_images_and_each_image_stays_with_one(tmp_path):
    stages, devices = Stages(), ("cuda:0", "cuda:1")
    store = ImageStore(tmp_path, 1 << 20, 1000, 3600)
    images = [store.put(png(value)) for value in range(8)]

    async def ask():
        engine = LocalEngine({"fake": stages}, devices, folder=tmp_path)
        await engine.start()
        by_image = []
        for image in images:
            results = [await engine.ask(Segment("fake", image, (Prompt.point(3, 3),), False)) for _ in range(2)]
            by_image.append({model.device for result in results for model in result.provenance})
        state = engine.state
        await engine.stop()
        return by_image, state

    by_image, state = asyncio.run(ask())
    assert list(stages.segmenters) == [*devices]
    assert all(len(used) == 1 for used in by_image)
    assert set.union(*by_image) == set(devices)
    assert (state.encoded, state.answered) == (8, 16)
