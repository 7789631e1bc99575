"""The guided filter against its definition, and the alpha that it finds against the true one."""

import numpy as np
import pytest

from promptseg.errors import ConfigError
from promptseg.matting import GuidedMatting, make_trimap
from promptseg.matting.guided import guided_filter


def _by_definition(guide, values, radius, epsilon):
    """Return the filter of He et al. with a linear system for each window; only where no window leaves the image."""
    height, width = values.shape
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))
    for row in range(radius, height - radius):
        for column in range(radius, width - radius):
            window = np.s_[row - radius : row + radius + 1, column - radius : column + radius + 1]
            colors, wanted = guide[window].reshape(-1, 3).astype(float), values[window].ravel().astype(float)
            mean = colors.mean(0)
            covariance = (colors - mean).T @ (colors - mean) / len(colors) + epsilon * np.eye(3)
            slopes[row, column] = np.linalg.solve(covariance, (colors * wanted[:, None]).mean(0) - mean * wanted.mean())
            offsets[row, column] = wanted.mean() - slopes[row, column] @ mean
    result = np.zeros((height, width))
    for row in range(2 * radius, height - 2 * radius):
        for column in range(2 * radius, width - 2 * radius):
            window = np.s_[row - radius : row + radius + 1, column - radius : column + radius + 1]
            result[row, column] = slopes[window].reshape(-1, 3).mean(0) @ guide[row, column] + offsets[window].mean()
    return result[2 * radius : height - 2 * radius, 2 * radius : width - 2 * radius]


def test_the_filter_is_the_one_of_the_paper():
    rng = np.random.default_rng(0)
    guide, values = rng.random((17, 19, 3), np.float32), (rng.random((17, 19)) > 0.5).astype(np.float32)
    found = guided_filter(guide, values, 2, 1e-3)[4:-4, 4:-4]
    np.testing.assert_allclose(found, _by_definition(guide, values, 2, 1e-3), atol=1e-4)


def test_tiles_leave_no_seams(composites, monkeypatch):
    scene = composites.hairy_disc()
    trimap, matting = make_trimap(scene.inside, 8), GuidedMatting(4)
    whole = matting.alpha(scene.image, scene.inside, trimap)
    monkeypatch.setattr("promptseg.matting.tiles.tiles.__defaults__", (37,))
    tiled = matting.alpha(scene.image, scene.inside, trimap)
    np.testing.assert_allclose(tiled[trimap == 128], whole[trimap == 128], atol=1e-4)


@pytest.mark.parametrize(("scene", "band", "share"), [("soft_disc", 14, 0.6), ("hairy_disc", 10, 0.4)])
def test_alpha_is_nearer_to_the_true_one_than_the_mask(composites, scene, band, share):
    scene = getattr(composites, scene)()
    trimap = make_trimap(scene.inside, band)
    found = GuidedMatting(band // 2).alpha(scene.image, scene.inside, trimap)
    unknown = trimap == 128
    assert scene.error(found, unknown) < share * scene.error(scene.inside, unknown)


def test_on_an_even_image_the_border_is_a_ramp():
    inside = np.zeros((30, 40), bool)
    inside[:, 20:] = True
    alpha = GuidedMatting(3).alpha(np.full((30, 40, 3), 90, np.uint8), inside, make_trimap(inside, 6))
    assert (np.diff(alpha[15]) >= -1e-5).all()
    assert alpha[15, 19] + alpha[15, 20] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("settings", [{"radius": 0}, {"radius": 1.5}, {"radius": 10**6}, {"epsilon": 0}, {"epsilon": float("nan")}])
def test_a_setting_out_of_its_range_is_refused(settings):
    with pytest.raises(ConfigError, match=f"^{next(iter(settings))} is "):
        GuidedMatting(**settings)
