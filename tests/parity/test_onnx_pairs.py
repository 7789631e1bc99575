"""Pairs in the published layouts give the masks of their complete files, run as in their public runners."""

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import promptseg
from promptseg.prompts import Prompt

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
POINT, POINTS, BOX = ([(40, 50)], [1]), ([(40, 50), (60, 60)], [1, 1]), ([(15, 20), (70, 95)], [2, 3])
OURS = {"point": Prompt.point(40, 50), "points": Prompt.points([(40, 50), (60, 60)]), "box": Prompt.box(15, 20, 70, 95)}
THEIRS = {"point": POINT, "points": POINTS, "box": BOX}


class Published:
    """The complete encoder and decoder in ONNX Runtime."""

    def __init__(self, encoder, decoder):
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (encoder, decoder)
        )

    def encode(self, image):
        (value,) = self.encoder.get_inputs()
        return self.encoder.run(None, {value.name: image})

    def decode(self, features, names, **inputs):
        return self.decoder.run(None, {**dict(zip(names, features, strict=True)), **inputs})


def iou(found, expected):
    union = (found | expected).sum()
    return (found & expected).sum() / union if union else 1.0


def no_mask(side):
    return {"mask_input": np.zeros((1, 1, side, side), np.float32), "has_mask_input": np.zeros(1, np.float32)}


@pytest.mark.parametrize("kind", ["point", "points"])
def test_segment_anythings_export(kind, sam_pair, photo):
    """The file itself selects the mask: for one point the best of three, for several points the single one."""
    published = Published(sam_pair / "encoder.onnx", sam_pair / "decoder.onnx")
    image = photo()
    frame = np.zeros((128, 128, 3), np.float32)
    frame[:96] = (np.asarray(Image.fromarray(image).resize((128, 96), Image.Resampling.BILINEAR), np.float32) / 255 - MEAN) / STD
    points, labels = THEIRS[kind]
    scaled = np.array([*points, (0, 0)], np.float32) * 0.8  # The image is 160 wide.
    masks, scores, low_res = published.decode(
        published.encode(frame.transpose(2, 0, 1)[None]),
        ["image_embeddings"],
        point_coords=scaled[None],
        point_labels=np.array([[*labels, -1]], np.float32),
        orig_im_size=np.array(image.shape[:2], np.float32),
        **no_mask(32),
    )
    (mask,) = promptseg.load("sam-vit-b", weights=sam_pair).open(image).segment([OURS[kind]])
    assert 0 < mask.area < mask.array.size
    assert iou(mask.array, masks[0, 0] > 0) > 0.995
    assert mask.score == pytest.approx(scores[0, 0], abs=1e-4)
    np.testing.assert_allclose(mask.logits[:24], low_res[0, 0, :24], atol=1e-3)


@pytest.mark.parametrize("kind", THEIRS)
@pytest.mark.parametrize("written", ["sam2_pair", "samexporter_pair"])
def test_sam2s_export(written, kind, photo, request):
    folder = request.getfixturevalue(written)
    published = Published(folder / "preprocess.onnx", folder / "sam2.onnx")
    image = photo()
    channels = [Image.fromarray(image[..., i].astype(np.float32)).resize((128, 128), Image.Resampling.BILINEAR) for i in range(3)]
    frame = (np.stack([np.asarray(channel) for channel in channels], axis=-1) / 255 - MEAN) / STD
    points, labels = THEIRS[kind]
    names = [value.name for value in published.decoder.get_inputs() if len(value.shape) == 4 and value.shape[1] > 1]
    size = {"orig_im_size": np.array(image.shape[:2])} if written == "sam2_pair" else {}
    masks, scores, *low_res = published.decode(
        published.encode(frame.transpose(2, 0, 1)[None].astype(np.float32)),
        names,
        point_coords=(np.array(points, np.float32) * [128 / 160, 128 / 120])[None].astype(np.float32),
        point_labels=np.array([labels], np.float32),
        **no_mask(32),
        **size,
    )
    session = promptseg.load("sam2.1-hiera-tiny", weights=folder).open(image)
    candidates = session.segment([OURS[kind]], candidates=True)
    assert len(candidates) == 3
    for mask, index in zip(candidates, (-3, -2, -1), strict=True):
        expected = masks[0, index] > 0
        if not low_res:  # Of the low-resolution size: enlarged by the caller.
            expected = np.asarray(Image.fromarray(masks[0, index]).resize((160, 120), Image.Resampling.BILINEAR)) > 0
        assert iou(mask.array, expected) > 0.995
        assert mask.score == pytest.approx(scores[0, index], abs=1e-4)
        np.testing.assert_allclose(mask.logits, (low_res[0] if low_res else masks)[0, index], atol=1e-3)


def test_sam2s_export_refines_an_earlier_mask(sam2_pair, photo):
    published = Published(sam2_pair / "preprocess.onnx", sam2_pair / "sam2.onnx")
    model = promptseg.load("sam2.1-hiera-tiny", weights=sam2_pair)
    session = model.open(photo())
    earlier = session.segment([OURS["point"]])[0]
    (mask,) = session.segment([OURS["points"] + Prompt.mask(earlier)])
    _, scores, low_res = published.decode(
        list(session.embedding.features.values()),
        list(session.embedding.features),
        point_coords=(np.array(POINTS[0], np.float32) * [128 / 160, 128 / 120])[None].astype(np.float32),
        point_labels=np.array([POINTS[1]], np.float32),
        mask_input=earlier.logits[None, None],
        has_mask_input=np.ones(1, np.float32),
        orig_im_size=np.array([120, 160]),
    )
    assert np.abs(low_res[0] - mask.logits).max(axis=(1, 2)).min() < 1e-3
    assert mask.score in scores[0]


@pytest.mark.parametrize("kind", THEIRS)
def test_efficient_sams_export(kind, efficient_sam_pair, photo):
    published = Published(efficient_sam_pair / "encoder.onnx", efficient_sam_pair / "decoder.onnx")
    image = photo(111, 190)
    points, labels = THEIRS[kind]
    masks, scores, low_res = published.decode(
        published.encode(image.transpose(2, 0, 1)[None].astype(np.float32) / 255),
        ["image_embeddings"],
        batched_point_coords=np.array([[points]], np.float32),
        batched_point_labels=np.array([[labels]], np.float32),
        orig_im_size=np.array(image.shape[:2]),
    )
    session = promptseg.load("efficient-sam-vitt", weights=efficient_sam_pair).open(image)
    candidates = session.segment([OURS[kind]], candidates=True)
    assert len(candidates) == 3
    for index, mask in enumerate(candidates):
        assert iou(mask.array, masks[0, 0, index] > 0) > 0.995
        assert mask.score == pytest.approx(scores[0, 0, index], abs=1e-4)
        np.testing.assert_allclose(mask.logits, low_res[0, index], atol=1e-3)
    (best,) = session.segment([OURS[kind]])
    assert best.score == max(candidates.scores)
