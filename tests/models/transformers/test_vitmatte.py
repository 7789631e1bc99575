"""ViTMatte against transformers' own processor, and as the matting of cutouts."""

import json

import numpy as np
import pytest

import promptseg
from promptseg import Mask
from promptseg.errors import BackendError, ConfigError, WeightsMismatchError
from promptseg.matting import Matting, make_trimap
from promptseg.testing.contracts import scene

pytest.importorskip("torch", reason="ViTMatte needs torch")
NAME = "vitmatte-small-composition-1k"


@pytest.fixture(scope="module")
def matting(saved_models):
    return promptseg.load_matting(NAME, weights=saved_models("vitmatte")[1], device="cpu")


@pytest.fixture(scope="module")
def object_in_scene():
    image = scene()
    inside = np.zeros(image.shape[:2], bool)
    inside[20:50, 25:70] = True
    return image, inside, make_trimap(inside, 6)


def test_alpha_is_that_of_transformers(matting, saved_models, object_in_scene):
    import torch
    from transformers import VitMatteImageProcessor

    image, inside, trimap = object_in_scene
    inputs = VitMatteImageProcessor()(images=image, trimaps=trimap, return_tensors="pt", input_data_format="channels_last")
    with torch.no_grad():
        expected = saved_models("vitmatte")[0](**inputs).alphas[0, 0, : image.shape[0], : image.shape[1]].numpy()
    found = matting.alpha(image, inside, trimap)
    assert found.dtype == np.float32
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (33, 64), (5, 200)], ids=str)
def test_alpha_has_the_size_of_the_image(matting, size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    inside = np.ones(size, bool)
    inside[:, : size[1] // 2] = False
    found = matting.alpha(image, inside, make_trimap(inside, 2))
    assert found.shape == size
    assert ((found >= 0) & (found <= 1)).all()


def test_what_is_larger_than_the_input_is_scaled(saved_models, object_in_scene):
    image, inside, trimap = object_in_scene
    small = promptseg.load_matting(NAME, weights=saved_models("vitmatte")[1], device="cpu", size=64)
    assert small.alpha(image, inside, trimap).shape == inside.shape


def test_a_cutout_has_its_alpha_in_the_band_and_is_certain_elsewhere(matting, object_in_scene):
    image, inside, trimap = object_in_scene
    cut = np.asarray(Mask.from_array(inside).cutout(image, crop=False, matting=matting, band=6))[..., 3]
    assert isinstance(matting, Matting)
    assert (cut[trimap == 255] == 255).all()
    assert (cut[trimap == 0] == 0).all()
    assert len(np.unique(cut[trimap == 128])) > 10


def test_a_folder_is_recognized(saved_models):
    model = promptseg.load(str(saved_models("vitmatte")[1]), device="cpu")
    assert model.provenance.backend == "vitmatte"


def test_a_folder_of_another_model_is_refused(saved_models):
    with pytest.raises(WeightsMismatchError, match=r"is read by dinov2, and model .* by vitmatte: load it by its own name"):
        promptseg.load_matting(NAME, weights=saved_models("dinov2")[1])


@pytest.mark.parametrize(
    "values",
    [{"convstream_hidden_sizes": [8]}, {"fusion_hidden_sizes": [16, 16, 16, 10**6]}, {"hidden_size": 64}, {"backbone": "x"}],
    ids=str,
)
def test_a_damaged_configuration_is_refused(values, own_copy):
    folder = own_copy("vitmatte")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **values} | ({"backbone_config": None} if "backbone" in values else {})))
    with pytest.raises(WeightsMismatchError, match=str(folder)):
        promptseg.load_matting(NAME, weights=folder)


def test_alpha_that_is_not_finite_is_an_error(saved_models, object_in_scene):
    broken = promptseg.load_matting(NAME, weights=saved_models("vitmatte")[1], device="cpu")
    broken._module.decoder.matting_head.matting_convs[3].bias.fill_(float("nan"))
    with pytest.raises(BackendError, match="NaN or infinity"):
        broken.alpha(*object_in_scene)


def test_other_kinds_of_models_and_sizes_are_refused(saved_models):
    with pytest.raises(ConfigError, match="model 'mini-sam' is a segmenter, not a matting model: use load_segmenter"):
        promptseg.load_matting("mini-sam")
    with pytest.raises(ConfigError, match="use load_matting"):
        promptseg.load_segmenter(NAME)
    with pytest.raises(ConfigError, match="option size is a whole number from 64 to 4096"):
        promptseg.load_matting(NAME, weights=saved_models("vitmatte")[1], size=8)
