"""The photo that ships with the package, for the demo and first steps."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from .images import load_image


def coffee() -> NDArray[np.uint8]:
    """A cup of coffee with saucer and spoon, (400, 600, 3) uint8 RGB; by Rachel Michetti, CC0 1.0 (see ``data/README.md``)."""
    with as_file(files("promptseg").joinpath("data/coffee.jpg")) as path:
        return load_image(path)
