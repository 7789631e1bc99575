"""Showing of values: in the notebook, in the system's image viewer, or as a file whose path is printed."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageShow

from .._display import Displayed
from ..errors import InputError, shown
from ..runtime.files import output_errors

LIMIT = 1600
"""Maximum length of the longer side of an image in a viewer, in pixels."""

_VIEWERS = ("xdg-open", "display", "gm", "eog", "xv")  # Those that Pillow knows.


def show(value: Displayed) -> None:
    """Show a value, as `promptseg.masks.Mask.show` describes."""
    if _in_notebook():
        importlib.import_module("IPython.display").display(value)
        return
    draw = value._view().draw  # noqa: SLF001 - The class of the value is the other half of this module.
    if draw is None:
        raise InputError(f"{shown(value)} has no image to show: print it")
    image = draw(LIMIT)
    if not (_has_screen() and ImageShow.show(image, title=shown(value))):
        print(f"There is no screen here to show the image on. It was written to {_written(image)}")


def _in_notebook() -> bool:
    """Return whether this runs in a notebook. IPython in a terminal is none: it shows no images."""
    module = sys.modules.get("IPython")  # A notebook has imported it.
    return module is not None and hasattr(module.get_ipython(), "kernel")


def _has_screen() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and any(map(shutil.which, _VIEWERS))


def _written(image: Image.Image) -> Path:
    folder = Path(tempfile.gettempdir())
    with output_errors(folder):
        handle, name = tempfile.mkstemp(prefix="promptseg-", suffix=".png", dir=folder)
        with os.fdopen(handle, "wb") as file:
            image.save(file, "PNG")
    return Path(name)
