"""`show` shows a value in the notebook, in a viewer, or says where it wrote the image."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageShow

from promptseg import Result, load_image
from promptseg.errors import InputError, OutputError
from promptseg.notebook import window


@pytest.fixture(autouse=True)
def no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)


def in_shell(monkeypatch, shell):
    displayed = []
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=displayed.append))
    return displayed


def test_in_a_notebook_the_value_is_displayed(result, monkeypatch, capsys):
    displayed = in_shell(monkeypatch, types.SimpleNamespace(kernel=object()))
    result.show()
    assert displayed == [result]
    assert capsys.readouterr().out == ""


def test_with_a_screen_the_viewer_opens_with_the_image(result, monkeypatch, capsys):
    opened = []

    def open_viewer(image, title):
        opened.append((image.size, title))
        return True

    monkeypatch.setattr(window, "_has_screen", lambda: True)
    monkeypatch.setattr(ImageShow, "show", open_viewer)
    result.show()
    assert opened == [((240, 160), repr(result))]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", [None, types.SimpleNamespace()], ids=["no IPython", "IPython in a terminal"])
def test_without_a_screen_the_path_of_the_image_is_printed(shell, result, monkeypatch, capsys, tmp_path):
    in_shell(monkeypatch, shell)
    monkeypatch.setattr(window.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(window, "_has_screen", lambda: False)
    for value in (result, result.masks, result.masks[0], result.detections):
        value.show()
        told = capsys.readouterr().out
        assert told.startswith("There is no screen here")
        path = Path(told.split("written to ")[1].strip())
        assert path.parent == tmp_path
        assert load_image(path).shape == (160, 240, 3)


def test_a_viewer_that_does_not_open_counts_as_no_screen(result, monkeypatch, capsys):
    monkeypatch.setattr(window, "_has_screen", lambda: True)
    monkeypatch.setattr(ImageShow, "show", lambda image, title: False)
    monkeypatch.setattr(window, "_written", lambda image: Path("there.png"))
    result.show()
    assert "written to there.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("platform", "display", "viewer", "expected"),
    [("linux", "", "/bin/eog", False), ("linux", ":0", "/bin/eog", True), ("linux", ":0", None, False), ("darwin", "", None, True)],
)
def test_a_screen_is_a_display_with_a_viewer(platform, display, viewer, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(window.shutil, "which", lambda name: viewer)
    assert window._has_screen() is expected


def test_a_value_that_cannot_be_drawn_says_why(masks, monkeypatch):
    with pytest.raises(InputError):
        Result(masks, image=np.zeros((3, 3, 3), np.uint8)).show()


def test_a_temporary_folder_that_cannot_be_written_is_named(result, monkeypatch, tmp_path):
    monkeypatch.setattr(window, "_has_screen", lambda: False)
    monkeypatch.setattr(window.tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    with pytest.raises(OutputError, match=r"cannot write .*missing"):
        result.show()
