"""SAM of full size with random weights gives the masks of segment-anything's own predictor."""

import numpy as np
import pytest

import promptseg
from promptseg.prompts import Prompt
from promptseg.samples import coffee
from shown_logits import shown

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="SAM's own code needs torch")
segment_anything = pytest.importorskip("segment_anything", reason="segment-anything's own code is not installed")

from promptseg.backends import sam as sam_backend  # noqa: E402 - It needs torch.

POINT, BESIDE, BOX = (290, 160), (130, 270), (322, 62, 430, 330)


def beginning(sam):
    """Keep the first three blocks of an image encoder. Two attend to windows, the third to the whole image, and so on in turn."""
    sam.image_encoder.blocks = sam.image_encoder.blocks[:3]
    return sam


@pytest.fixture(
    scope="module",
    params=["beginning of vit_b", *(pytest.param(name, marks=pytest.mark.full_size) for name in ("vit_b", "vit_l", "vit_h"))],
)
def both(request, tmp_path_factory):
    """The original predictor with the sample image, and the segmenter, both from one checkpoint of random weights."""
    variant, cut = request.param.split()[-1], beginning if "beginning" in request.param else lambda sam: sam
    torch.manual_seed(0)
    sam = cut(segment_anything.sam_model_registry[variant]()).eval().requires_grad_(False)
    for block in sam.image_encoder.blocks:  # Zero when they are new.
        torch.nn.init.normal_(block.attn.rel_pos_h, std=0.1)
        torch.nn.init.normal_(block.attn.rel_pos_w, std=0.1)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(sam.state_dict(), path)
    predictor = segment_anything.SamPredictor(sam)
    predictor.set_image(coffee())
    with pytest.MonkeyPatch.context() as patch:
        build = sam_backend._build
        patch.setattr(sam_backend, "_build", lambda name: cut(build(name)))
        segmenter = promptseg.load(f"sam-{variant.replace('_', '-')}", weights=path, device="cpu", cache=None)
    yield predictor, segmenter.open(coffee())
    path.unlink()


def test_the_embedding_is_upstreams(both):
    predictor, session = both
    assert predictor.features.std() > 0.1
    assert np.abs(session.embedding.features["embedding"] - predictor.features.numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [
        (Prompt.point(*POINT), {"point_coords": [POINT], "point_labels": [1]}),
        (Prompt.point(*POINT) + Prompt.point(*BESIDE, foreground=False), {"point_coords": [POINT, BESIDE], "point_labels": [1, 0]}),
        (Prompt.box(*BOX), {"box": BOX}),
    ],
    ids=["point", "points with background", "box"],
)
@pytest.mark.parametrize("candidates", [True, False])
def test_logits_and_scores_are_upstreams(both, prompt, arguments, candidates):
    predictor, session = both
    multimask = candidates or (prompt.kinds == {"point"} and len(prompt.xy) == 1)
    arguments = {name: np.array(value) for name, value in arguments.items()}
    _, scores, logits = predictor.predict(**arguments, multimask_output=multimask)
    if multimask and not candidates:
        scores, logits = scores[[scores.argmax()]], logits[[scores.argmax()]]
    found = session.segment([prompt], candidates=candidates)
    assert np.abs(shown(np.array([mask.logits for mask in found]) - logits, session)).max() < max(1e-4, 1e-5 * np.abs(logits).max())
    assert np.abs(found.scores - scores).max() < 1e-4
