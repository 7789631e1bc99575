"""What a device keeps open: bounded in bytes and time, encoded together on an accelerator; videos saved and resumed."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from promptseg import Pipeline, Prompt, load
from promptseg.errors import InputError, PromptError
from promptseg.pipeline import BuiltPipeline
from promptseg.server.errors import NotFoundError
from promptseg.server.images import ImageStore
from promptseg.server.operations import CloseVideo, Encode, OpenVideo, PromptVideo, Propagate, RemoveObject, Segment
from promptseg.server.replica import Replica
from promptseg.testing import FakeSegmenter

POINT = (Prompt.point(5, 5),)
PIXELS = 20 * 30 * 3


class Accelerated:
    """A fake on a GPU that encodes together, and remembers how many."""

    def __init__(self):
        fake = FakeSegmenter()
        self.open, self.accepts, self.together = fake.open, fake.accepts, []
        self.provenance = replace(fake.provenance, device="cuda")

    def with_cache(self, cache):
        return self

    def open_all(self, images):
        self.together.append(len(images))
        return [self.open(image) for image in images]


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images").mkdir()
    store = ImageStore(tmp_path / "images", 1 << 20, 1000, 3600)

    def put(value):
        file = io.BytesIO()
        Image.fromarray(np.full((20, 30, 3), value, np.uint8)).save(file, "PNG")
        return store.put(file.getvalue())

    return [put(value) for value in range(12)]


def replica(tmp_path, segmenter=None, open_bytes=1 << 20, max_videos=2):
    config = Pipeline().segment("mini-sam").config
    return Replica({"fake": BuiltPipeline(config, segmenter=segmenter or FakeSegmenter())}, open_bytes, max_videos, tmp_path)


def test_open_images_are_bounded_in_bytes(tmp_path, images):
    device = replica(tmp_path, open_bytes=3 * PIXELS)
    for image in images[:5]:
        device.answer([Encode("fake", image)])
    assert (device.open_images, device.open_bytes, device.encoded) == (3, 3 * PIXELS, 5)
    device.answer([Segment("fake", images[2], POINT)])
    assert device.encoded == 5
    device.answer([Segment("fake", images[0], POINT)])
    assert device.encoded == 6


def test_what_the_first_prompt_adds_to_an_image_counts(tmp_path, images):
    device = replica(tmp_path, load("mini-sam"), open_bytes=1 << 40)
    device.answer([Encode("fake", images[0])])
    encoded = device.open_bytes
    device.answer([Segment("fake", images[0], POINT)])
    decoded = device.open_bytes
    assert decoded > 5 * encoded  # The context that all prompts share is seven times the embedding.
    device.answer([Encode("fake", images[1])])
    assert device.open_bytes == decoded + encoded
    device.sweep(0)
    assert device.open_bytes == 0


def test_open_images_are_bounded_in_time(tmp_path, images):
    device = replica(tmp_path)
    device.answer([Encode("fake", images[0])])
    device.sweep(3600)
    assert device.open_images == 1
    device.sweep(0)
    assert (device.open_images, device.open_bytes) == (0, 0)


def test_one_image_larger_than_all_is_open_all_the_same(tmp_path, images):
    device = replica(tmp_path, open_bytes=1)
    device.answer([Encode("fake", images[0])])
    device.answer([Encode("fake", images[1])])
    assert device.open_images == 1


def test_an_accelerator_encodes_the_images_that_wait_together(tmp_path, images):
    segmenter = Accelerated()
    device = replica(tmp_path, segmenter)
    upcoming = [Segment("fake", image, POINT) for image in images[1:]]
    (result,) = device.answer([Segment("fake", images[0], POINT)], upcoming)
    assert segmenter.together == [8]
    assert device.encoded == 8
    assert result.masks == device.answer([Segment("fake", images[0], POINT)])[0].masks
    segmenter.together.clear()
    device.answer([Segment("fake", images[3], POINT)], upcoming)
    assert segmenter.together == []


def test_a_cpu_encodes_one_image_after_the_other(tmp_path, images):
    device = replica(tmp_path)
    device.answer([Segment("fake", images[0], POINT)], [Segment("fake", image, POINT) for image in images[1:]])
    assert device.encoded == 1


def test_an_image_that_cannot_be_read_fails_alone(tmp_path, images):
    segmenter = Accelerated()
    images[1].path.write_bytes(b"damaged")
    device = replica(tmp_path, segmenter)
    (result,) = device.answer([Segment("fake", images[0], POINT)], [Segment("fake", images[1], POINT)])
    assert len(result.masks) == 1
    (error,) = device.answer([Segment("fake", images[1], POINT)])
    assert isinstance(error, InputError)


def test_each_request_of_a_batch_gets_its_own_masks_or_error(tmp_path, images):
    device = replica(tmp_path)
    asked = [POINT, (Prompt.point(999, 5),), (Prompt.point(9, 9), Prompt.box(2, 2, 9, 9))]
    first, error, last = device.answer([Segment("fake", images[0], prompts) for prompts in asked])
    assert isinstance(error, PromptError)
    assert [mask.prompt_index for mask in last.masks] == [0, 1]
    for result, prompts in ((first, asked[0]), (last, asked[2])):
        assert result.masks == device.answer([Segment("fake", images[0], prompts)])[0].masks


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(4):
        pixels = np.zeros((32, 48, 3), np.uint8)
        pixels[8:20, 8 + 3 * index : 22 + 3 * index] = 255
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return str(folder)


BOX = Prompt.box(8, 8, 22, 20)


def test_videos_beyond_the_number_are_saved_and_go_on_as_if_they_were_not(tmp_path, frames):
    device = replica(tmp_path, max_videos=1)
    for name in "ab":
        (info,) = device.answer([OpenVideo(name, frames, "fake")])
        assert (info.size, info.frames) == ((32, 48), 4)
        device.answer([PromptVideo(name, 0, 1, BOX)])
    assert device.open_videos == 1
    assert (tmp_path / "a.session").exists()
    tracked = {name: [frame.masks for frame in device.work(Propagate(name))] for name in "ab"}
    assert tracked["a"] == tracked["b"]
    assert len(tracked["a"]) == 4
    for name in "ab":
        device.answer([CloseVideo(name)])
    assert not list(tmp_path.glob("*.session"))


def test_a_video_is_not_saved_while_it_is_tracked(tmp_path, frames):
    device = replica(tmp_path, max_videos=1)
    device.answer([OpenVideo("a", frames, "fake")])
    device.answer([PromptVideo("a", 0, 1, BOX)])
    steps = device.work(Propagate("a"))
    first = next(steps)
    device.answer([OpenVideo("b", frames, "fake")])
    device.answer([PromptVideo("a", 1, 2, BOX)])
    assert [frame.object_ids for frame in (first, *steps)] == [(1,), (1, 2), (1, 2), (1, 2)]


def test_a_closed_video_ends_its_tracking(tmp_path, frames):
    device = replica(tmp_path)
    device.answer([OpenVideo("a", frames, "fake")])
    device.answer([PromptVideo("a", 0, 1, BOX)])
    steps = device.work(Propagate("a"))
    next(steps)
    device.answer([CloseVideo("a")])
    with pytest.raises(NotFoundError, match="closed"):
        next(steps)


def test_what_is_not_there_is_told(tmp_path, images, frames):
    device = replica(tmp_path)
    device.answer([OpenVideo("a", frames, "fake")])
    wrong = [Encode("no", images[0]), PromptVideo("z", 0, 1, BOX), OpenVideo("c", str(tmp_path / "none.mp4"), "fake"), RemoveObject("a", 9)]
    kinds = [NotFoundError, NotFoundError, InputError, PromptError]
    assert [type(device.answer([each])[0]) for each in wrong] == kinds
