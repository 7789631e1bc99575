"""SAM-HQ in torch: a part of the logits, candidates that share one correction, and one mask a point in everything mode."""

import numpy as np
import pytest

from promptseg.models.sam.session import SamSegmenter
from promptseg.prompts import Prompt
from promptseg.results import Provenance

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg.models.sam.torch.encoding import TorchSettings  # noqa: E402 - They need torch.
from promptseg.models.sam.torch.hq import HQ, TorchSamHq  # noqa: E402


@pytest.fixture(scope="module")
def make(tiny_hf_sam):
    from promptseg.models.transformers.sam.naming import named_sam_hq

    def make(**options):
        settings = TorchSettings(torch.device("cpu"))
        return SamSegmenter(TorchSamHq(named_sam_hq(tiny_hf_sam("sam_hq")), Provenance("tiny", "hf_sam", "1"), settings, **options))

    return make


def test_a_part_of_the_logits_is_that_of_the_whole(make, photo):
    """The convolutions of the correction read pixels beyond the part."""
    model = make().model
    (embedding,) = model.encode([photo(64, 64)])
    points = torch.tensor([[[20.0, 30.0], [0.0, 0.0]], [[40.0, 10.0], [0.0, 0.0]]])
    with torch.inference_mode():
        decoded = model._decoder.decode(model._context(embedding, None), points, torch.tensor([[1, -1], [1, -1]]))
        whole = model._decoder.upscale(decoded, [1, 0], [0, 3])
        for region, rows, columns in (((8, 5), 8, 8), ((13, 4), 16, 4), ((3, 16), 4, 16)):
            part = model._decoder.upscale(decoded, [1, 0], [0, 3], region)
            assert part.shape == (2, 2, rows, columns)
            torch.testing.assert_close(part, whole[..., :rows, :columns])


def test_an_embedding_has_the_features_that_depend_on_the_image_alone(make, photo):
    features = make().open(photo()).embedding.features
    assert {name: value.shape for name, value in features.items()} == {"embedding": (1, 32, 4, 4), HQ: (1, 4, 16, 16)}


def test_candidates_differ_by_the_masks_of_sam_and_not_at_all_where_the_correction_stands_alone(make, photo):
    both, alone = (make(hq_token_only=only).open(photo()).segment([Prompt.point(40, 50)], candidates=True) for only in (False, True))
    assert len({mask.logits.tobytes() for mask in both}) == len(both) == 3
    assert len({mask.logits.tobytes() for mask in alone}) == 1
    assert both.scores.tolist() == alone.scores.tolist()


def test_everything_takes_the_best_candidate_of_each_point(make, photo, monkeypatch):
    """The authors' generator of masks does, where that of SAM takes all three."""
    segmenter = make()
    settings = {"points_per_side": 3, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}
    session = segmenter.open(photo())
    found = session.everything(Prompt.everything(**settings))
    height, width = photo().shape[:2]
    grid = [(x * width, y * height) for y in (1 / 6, 1 / 2, 5 / 6) for x in (1 / 6, 1 / 2, 5 / 6)]
    expected = session.segment([Prompt.point(*point) for point in grid])
    assert sorted(found.scores.tolist()) == pytest.approx(sorted(np.asarray(expected.scores).tolist()), abs=1e-5)
    monkeypatch.setattr(segmenter.model, "decoder_config", type(segmenter.model.decoder_config)())
    assert len(session.everything(Prompt.everything(**settings))) > len(found)
