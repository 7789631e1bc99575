"""Sample image that ships with the package, for the demo and first steps."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from .images import load_image


def coffee() -> NDArray[np.uint8]:
    """Return the sample image: a cup of coffee with saucer and spoon, (400, 600, 3) uint8 RGB.

    The photographer is Rachel Michetti; the license is CC0 1.0 (see ``data/README.md``).
    """
    with as_file(files("promptseg").joinpath("data/coffee.jpg")) as path:
        return load_image(path)
