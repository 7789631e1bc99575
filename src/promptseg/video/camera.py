"""Frames of a camera, read by OpenCV. It is imported only when a camera is opened."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import InputError
from ._reader import StreamReader, Unread


def open_camera(number: int) -> StreamReader:
    """Open a camera. It is released when its reader is no longer referenced.

    Raises:
        InputError: There is no such camera, or the number cannot be that of a camera.
    """
    # OpenCV crashes on a negative number. It takes numbers from 100 on for those of its own parts.
    if not 0 <= number < _CAMERAS:
        raise InputError(f"a camera has a number from 0 to {_CAMERAS - 1}, got {number if abs(number) < 10**12 else 'a far larger one'}")
    import cv2

    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        camera.release()
        raise InputError(f"camera {number} cannot be opened: check that it is connected and that no other program uses it")

    def frames() -> Iterator[Unread]:
        import time

        try:
            started, given = time.monotonic(), 0
            while True:
                there, image = camera.read()
                if not there:
                    raise InputError(f"camera {number} stopped after {given} frames: check that it is still connected")
                now, given = time.monotonic() - started, given + 1
                yield now if given > 1 else 0.0, lambda image=image: np.ascontiguousarray(image[:, :, ::-1])  # type: ignore[misc]
        finally:
            camera.release()

    return StreamReader(f"camera {number}", frames(), camera.get(cv2.CAP_PROP_FPS) or None)


_CAMERAS = 100
"""Number of cameras that can be told apart."""
