"""The README's example with another model name, and nothing else changed, runs on every torch model of the SAM family."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import promptseg
from promptseg import registry
from promptseg.registry import loading
from promptseg.samples import coffee
from promptseg.weights.store import ModelWeights

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

README = Path(__file__).resolve().parents[2] / "README.md"
MODELS = [
    *("sam-vit-h", "sam-vit-l", "sam-vit-b", "mobile-sam"),
    *(f"{generation}-hiera-{size}" for generation in ("sam2", "sam2.1") for size in ("tiny", "small", "base-plus", "large")),
]


def example():
    """Return the part of the README that loads a model by name and prompts it."""
    block = re.search(r"^session = ps\.load\(\"mini-sam\"\).*?(?=^```)", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block, "the README has no such example any more"
    return block[0]


@pytest.fixture
def small(tiny_sam, tiny_sam2, monkeypatch):
    """Make the packages build small models that are recognized as the published ones."""
    import promptseg.backends.mobile_sam
    import promptseg.backends.sam
    import promptseg.backends.sam2
    from promptseg.models.sam.torch import checkpoints

    def build(name):
        model = tiny_sam2(generation="2.1" if name.startswith("sam2.1") else "2") if name.startswith("sam2") else tiny_sam()
        heads = model.sam_mask_decoder if name.startswith("sam2") else model.mask_decoder
        heads.iou_prediction_head.layers[-1].bias += 1  # So that everything mode finds something good enough.
        variant = registry.find_model(name).engines[0].variant
        monkeypatch.setattr(checkpoints, "variant_of", lambda state: Path(variant).stem if variant.endswith(".yaml") else variant)
        monkeypatch.setattr(promptseg.backends.sam, "_build", lambda variant: model)
        monkeypatch.setattr(promptseg.backends.mobile_sam, "_build", lambda: model)
        monkeypatch.setattr(promptseg.backends.mobile_sam, "TinyVitEncoder", lambda encoder: encoder)
        monkeypatch.setattr(promptseg.backends.sam2, "build_image_model", lambda config: model)
        return model

    return build


@pytest.mark.parametrize("name", MODELS)
def test_only_the_name_changes(name, small, tmp_path, monkeypatch):
    pytest.importorskip("sam2" if name.startswith("sam2") else "mobile_sam" if name == "mobile-sam" else "segment_anything")
    model = small(name)
    path = tmp_path / "weights.pt"
    torch.save(model.state_dict(), path)
    (file,) = registry.find_model(name).engines[0].files
    monkeypatch.setattr(loading, "weights_of", lambda _: ModelWeights({file.name: path}, {file.name: file.sha256}))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(coffee()).save("photo.jpg")
    namespace = {"ps": promptseg}
    exec(example().replace("mini-sam", name), namespace)
    assert namespace["session"].segmenter.provenance.model == name
    assert namespace["session"].segmenter.provenance.backend == registry.find_model(name).engines[0].backend
    for mask in (namespace["spoon"], namespace["coffee"]):
        assert mask.size == coffee().shape[:2]
        assert np.isfinite(mask.score)
