"""Colors at a soft border: those of the object, without the background."""

import numpy as np

from promptseg.matting import foreground_colors


def test_no_background_shines_through(composites):
    scene = composites.soft_disc()
    partly = (scene.alpha > 0.05) & (scene.alpha < 0.95)
    found = foreground_colors(scene.image, scene.alpha) / 255
    error = np.abs(found - scene.colors)[partly].mean()
    assert error < 0.25 * np.abs(scene.image / 255 - scene.colors)[partly].mean()


def test_only_what_is_partly_transparent_is_changed(composites):
    scene = composites.hairy_disc()
    before = scene.image.copy()
    changed = (foreground_colors(scene.image, scene.alpha) != scene.image).any(axis=2)
    assert changed.any()
    assert not changed[(scene.alpha == 0) | (scene.alpha == 1)].any()
    assert np.array_equal(scene.image, before)


def test_tiles_leave_no_seams(composites, monkeypatch):
    scene = composites.hairy_disc()
    whole = foreground_colors(scene.image, scene.alpha).astype(int)
    monkeypatch.setattr("promptseg.matting.tiles.tiles.__defaults__", (53,))
    assert np.abs(foreground_colors(scene.image, scene.alpha).astype(int) - whole).max() <= 1
