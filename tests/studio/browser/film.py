"""`Film`: pictures of a page with the pointer, one after another, as an animated WebP."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

WIDTH = 960
POINTER = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12)]


class Film:
    """Pictures of a page.

    Args:
        page: The `StudioPage`.
        taken: Whether pictures are taken; without them, only what is done is done.
    """

    def __init__(self, page, *, taken):
        self.page, self._taken = page, taken
        self._at = (640.0, 700.0)
        self._pictures = []

    def move(self, x, y, steps=6):
        """Move the pointer to a place on the screen."""
        from_x, from_y = self._at
        for step in range(1, steps + 1):
            part = step / steps
            self._at = (from_x + (x - from_x) * part, from_y + (y - from_y) * part)
            self.page.page.mouse.move(*self._at)
            self.take(0.05)

    def over(self, x, y, steps=6):
        """Move the pointer to a pixel of the image."""
        self.move(*self.page.on_screen(x, y), steps)

    def take(self, seconds):
        """Take a picture that is shown for so long."""
        if self._taken:
            with Image.open(io.BytesIO(self.page.page.screenshot())) as picture:
                shown = picture.convert("RGB")
            draw = ImageDraw.Draw(shown)
            draw.polygon([(self._at[0] + x, self._at[1] + y) for x, y in POINTER], "black", "white")
            self._pictures.append((shown.resize((WIDTH, WIDTH * shown.height // shown.width), Image.Resampling.LANCZOS), seconds))

    def save(self, path):
        """Write the film."""
        first, *others = [picture for picture, _ in self._pictures]
        milliseconds = [round(1000 * seconds) for _, seconds in self._pictures]
        first.save(path, save_all=True, append_images=others, duration=milliseconds, loop=0, quality=60, method=6)
