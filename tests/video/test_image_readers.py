"""Animations, TIFF stacks and arrays as videos: every frame, in order, and with one range of samples."""

import io

import numpy as np
import pytest
from PIL import Image, features

from promptseg.errors import InputError, InputWarning
from promptseg.video.frames import open_frames


def values(frames, start=0):
    return [int(frame.image[0, 0, 0]) for frame in frames.read(start)]


@pytest.fixture
def stack(tmp_path):
    """Write a file of several images, and return its path."""

    def write(name, arrays, **options):
        first, *rest = (Image.fromarray(array) for array in arrays)
        first.save(tmp_path / name, save_all=True, append_images=rest, **options)
        return tmp_path / name

    return write


def grays(*levels, dtype=np.uint8):
    return [np.full((6, 8), level, dtype) for level in levels]


class TestPages:
    @pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
    def test_all_images_of_a_file_are_frames(self, stack, name):
        options = {"lossless": True} if name == "a.webp" else {}
        path = stack(name, grays(10, 90, 170, 250), **options)
        for source in (path, path.read_bytes()):
            frames = open_frames(source)
            assert values(frames) == values(frames) == [10, 90, 170, 250]
            assert values(frames, 2) == [170, 250]
            assert (frames.count, frames.rereadable, frames.size) == (4, True, (6, 8))
        assert values(open_frames(path, every=2, start=1)) == [90, 250]

    def test_an_avif_animation_is_read_from_its_bytes_too(self, stack):
        if not features.check("avif"):
            pytest.skip("this Pillow was built without AVIF")
        path = stack("a.avif", grays(10, 90, 170), quality=100)
        for source in (path, path.read_bytes()):
            assert values(open_frames(source)) == pytest.approx([10, 90, 170], abs=2)

    def test_an_animation_has_times_and_a_stack_has_none(self, stack):
        animated = open_frames(stack("a.png", grays(10, 90, 170), duration=[40, 40, 80]))
        assert [frame.time for frame in animated.read()] == pytest.approx([0, 0.04, 0.08])
        assert [frame.time for frame in animated.read(2)] == pytest.approx([0.08])
        assert animated.fps == pytest.approx(25)
        still = open_frames(stack("a.tif", grays(10, 90)))
        assert [frame.time for frame in still.read()] == [None, None]
        assert still.fps is None

    def test_one_image_is_a_video_of_one_frame(self, tmp_path):
        Image.new("RGB", (8, 6), (7, 8, 9)).save(tmp_path / "a.jpg", quality=100)
        frames = open_frames(tmp_path / "a.jpg")
        assert (frames.count, frames.fps, [frame.time for frame in frames.read()]) == (1, None, [None])

    def test_samples_of_all_pages_have_one_range_that_is_told_once(self, stack):
        path = stack("a.tif", grays(0, 1000, 4095, dtype=np.uint16))
        with pytest.warns(InputWarning, match=r"a\.tif has uint16 samples from 0 to 4095 .* 4095 as white") as told:
            frames = open_frames(path)
        assert values(frames) == [0, 62, 255]
        assert len(told) == 1

    def test_a_damaged_page_is_told_with_its_number_after_the_others(self, stack):
        path = stack("a.tif", [np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8) for _ in range(3)], compression="tiff_lzw")
        data = bytearray(path.read_bytes())
        with Image.open(path) as image:
            image.seek(2)
            offset = image.tag_v2[273][0]
        data[offset : offset + 400] = b"\xff" * 400
        path.write_bytes(data)
        given = []
        with pytest.raises(InputError, match="frame 2 of"):
            given.extend(open_frames(path).read())
        assert len(given) == 2


class TestArrays:
    def test_frames_of_more_than_8_bits_have_one_range(self):
        frames = np.stack([np.full((6, 8, 3), level, ">u2") for level in (0, 512, 1023)])
        with pytest.warns(InputWarning, match="the video array has .* 1023 as white"):
            assert values(open_frames(frames)) == [0, 128, 255]

    def test_an_array_of_no_samples_is_refused(self):
        for array in (np.full((2, 6, 8, 3), np.nan), np.full((2, 6, 8, 3), -1), np.zeros((2, 6, 8, 3), complex)):
            with pytest.raises(InputError, match="the video array"):
                open_frames(array)
        with pytest.raises(InputError, match="has no frame"):
            open_frames(np.zeros((0, 6, 8, 3), np.uint16))


class TestFolders:
    def test_links_are_followed_and_numbers_are_compared_as_numbers(self, tmp_path):
        (tmp_path / "v").mkdir()
        for name, level in (("10.png", 20), ("9.jfif", 10)):
            Image.new("L", (8, 6), level).save(tmp_path / name, "PNG")
            (tmp_path / "v" / name).symlink_to(tmp_path / name)
        assert values(open_frames(tmp_path / "v")) == [10, 20]

    def test_a_folder_without_images_is_refused_with_what_it_holds(self, tmp_path):
        (tmp_path / "clip.mp4").touch()
        with pytest.raises(InputError, match=r"has no images: .*; it has 1 file: 1 \.mp4 \(clip\.mp4\)"):
            open_frames(tmp_path)

    def test_several_images_in_one_file_of_a_folder_are_refused(self, stack, tmp_path):
        stack("0.gif", grays(10, 90))
        with pytest.raises(InputError, match=r"frame 0 of .*0\.gif has 2 frames"):
            open_frames(tmp_path)


def test_bytes_of_an_image_that_is_damaged_are_refused():
    out = io.BytesIO()
    Image.new("L", (80, 60), 9).save(out, "PNG", save_all=True, append_images=[Image.new("L", (80, 60), 10)])
    with pytest.raises(InputError, match="image data of 20 bytes"):
        open_frames(out.getvalue()[:20])
