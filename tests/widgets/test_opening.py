"""`ps.click` and `ps.studio`: what they take, and what they refuse at once."""

import sys

import numpy as np
import pytest
from PIL import Image

import promptseg as ps
from promptseg.errors import ConfigError, InputError, MissingDependencyError, UnknownModelError
from promptseg.testing import FakeSegmenter

IMAGE = np.zeros((60, 80, 3), np.uint8)


class TestClick:
    def test_a_widget_shows_the_image_and_has_no_mask_yet(self, frontend, built):
        widget = ps.click(IMAGE, built(), ["cup"])
        assert widget.masks == ps.Masks([], (60, 80))
        assert (frontend.state["_picture"]["width"], frontend.state["_picture"]["height"]) == (80, 60)
        assert frontend.state["labels"] == ["cup"]

    def test_without_anywidget_the_error_says_how_to_install_it(self, monkeypatch, built):
        monkeypatch.setitem(sys.modules, "anywidget", None)
        with pytest.raises(MissingDependencyError, match=r"a widget needs anywidget: pip install .*\[notebook\]"):
            ps.click(IMAGE, built())

    def test_an_unknown_model_is_told_at_once(self, frontend):
        with pytest.raises(UnknownModelError, match="mini-sm"):
            ps.click(IMAGE, "mini-sm")

    def test_what_is_no_model_is_told_with_its_value(self, frontend):
        with pytest.raises(ConfigError, match="model is the name of a segmenter or a pipeline, got 3"):
            ps.click(IMAGE, 3)

    def test_an_image_that_cannot_be_read_is_told_at_once(self, frontend, built, tmp_path):
        with pytest.raises(InputError, match=r"gone\.png"):
            ps.click(tmp_path / "gone.png", built())

    def test_widgets_of_one_model_share_it_with_segment(self, frontend, add_model):
        loaded = []
        add_model("counted", "segmenter", lambda _: loaded.append(1) or FakeSegmenter())
        for _ in range(2):
            ps.click(IMAGE, "counted")
            frontend.comes_to(_model=lambda model: model["state"] == "ready")
            frontend.state.clear()
        ps.segment(IMAGE, ps.Prompt.point(1, 2), model="counted")
        assert loaded == [1]

    @pytest.mark.parametrize(
        ("given", "told"),
        [({"height": 5}, "height"), ({"labels": [""]}, "labels"), ({"labels": "cup"}, r"write \['cup'\]"), ({"device": 1}, "device")],
    )
    def test_an_argument_out_of_range_is_refused_by_its_name(self, frontend, built, given, told):
        with pytest.raises(ConfigError, match=told):
            ps.click(IMAGE, built(), **given)


class TestStudio:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("b.png", "a.png", "sub/c.png"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            Image.fromarray(IMAGE).save(tmp_path / name)
        return tmp_path

    def test_a_folder_stands_for_its_images_by_name(self, frontend, built, folder):
        ps.studio(folder, built())
        assert frontend.state["_names"] == ["a.png", "b.png", "sub/c.png"]

    def test_files_are_called_by_their_paths_from_the_folder_they_share(self, frontend, built, folder):
        ps.studio([folder / "sub" / "c.png", str(folder / "a.png")], built())
        assert frontend.state["_names"] == ["sub/c.png", "a.png"]

    def test_arrays_are_called_by_their_numbers(self, frontend, built):
        ps.studio([IMAGE, IMAGE], built())
        assert frontend.state["_names"] == ["image-1.png", "image-2.png"]

    def test_an_image_is_read_when_it_is_shown(self, frontend, built, folder):
        (folder / "b.png").write_bytes(b"no image")
        widget = ps.studio(folder, built())
        with pytest.raises(InputError, match=r"b\.png"):
            widget.index = 1
        widget.index = 2
        assert [result.source for result in widget.results] == [str(folder / "a.png"), str(folder / "sub" / "c.png")]

    def test_an_empty_folder_is_refused(self, frontend, built, tmp_path):
        with pytest.raises(InputError, match="there is no image in"):
            ps.studio(tmp_path, built())

    def test_a_file_given_twice_is_refused_by_its_name(self, frontend, built, folder):
        with pytest.raises(InputError, match=r"image a\.png is given twice"):
            ps.studio([folder / "a.png", folder / "a.png"], built())

    @pytest.mark.parametrize("given", [[], 7, b"bytes"])
    def test_what_are_no_images_is_refused(self, frontend, built, given):
        with pytest.raises(InputError):
            ps.studio(given, built())
