"""Candidate masks on a torch device: the same masks, boxes and scores as with NumPy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch engine needs torch")

from promptseg._rle import run_ends  # noqa: E402
from promptseg.masks import Mask  # noqa: E402
from promptseg.models.sam.geometry import ResizeLongestSide, StretchToSquare  # noqa: E402
from promptseg.models.sam.mask_batch import HostMaskBatch, Place, Stability  # noqa: E402
from promptseg.models.sam.torch import mask_batch as device_masks  # noqa: E402
from promptseg.models.sam.torch.mask_batch import DeviceMaskBatch  # noqa: E402 - They need torch.

GEOMETRIES = {
    "wide": ResizeLongestSide((60, 90), 64, 16),
    "upright": ResizeLongestSide((77, 31), 64, 16),
    "square": ResizeLongestSide((50, 50), 64, 16),
    "stretched": StretchToSquare((45, 80), 64, 16),
    "small": ResizeLongestSide((3, 5), 64, 16),
}


def blobs(count, side=16, seed=0):
    """Return logits of random discs, of which the first has no foreground and the second is nearly everywhere zero."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    centers, radii = random.uniform(0, side, (count, 2)), random.uniform(1, side / 2, count)
    logits = np.stack([radius - np.hypot(x - cx, y - cy) for (cx, cy), radius in zip(centers, radii, strict=True)]) * 4
    logits += random.normal(0, 0.5, logits.shape)
    logits[0], logits[1] = -5, logits[1] / 1e3
    return logits.astype(np.float32)


def both(geometry, count=9):
    used = geometry.low_res_used()
    logits = blobs(count)[:, : used[0], : used[1]]
    return HostMaskBatch(logits, geometry), DeviceMaskBatch(torch.tensor(logits, requires_grad=True), geometry)


def masks_of(encoded, place):
    return [Mask(place.size, counts) for counts in encoded]


@pytest.fixture(params=[1 << 26, 10_000, 1], ids=["all at once", "a few", "one by one"])
def at_once(request, monkeypatch):
    monkeypatch.setattr(device_masks, "PIXELS_AT_ONCE", request.param)


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.usefixtures("at_once")
class TestAsOnTheHost:
    def test_run_lengths(self, name):
        host, device = both(GEOMETRIES[name])
        height, width = GEOMETRIES[name].size
        for place in (Place((0, 0), (height, width)), Place((7, 11), (height + 20, width + 9))):
            expected, found = (masks_of(batch.run_lengths(place), place) for batch in (host, device))
            assert len(found) == len(expected) == 9
            assert not found[0].area
            for one, other in zip(found, expected, strict=True):
                assert np.count_nonzero(one.array != other.array) <= 1  # A logit that is 0 but for rounding.

    def test_stability_at_low_resolution(self, name):
        host, device = both(GEOMETRIES[name])
        np.testing.assert_array_equal(device.stability(1.0), host.stability(1.0))
        assert np.isnan(device.stability(1.0)[0])

    @pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9, 2.0])
    def test_stable_masks_with_their_boxes(self, name, threshold):
        host, device = both(GEOMETRIES[name])
        height, width = GEOMETRIES[name].size
        place = Place((4, 2), (height + 8, width + 8))
        expected, found = (batch.stable(Stability(1.0, threshold), place) for batch in (host, device))
        assert found.indices.tolist() == expected.indices.tolist()
        assert found.boxes.tolist() == expected.boxes.tolist()
        assert found.boxes.dtype == np.float32
        which = list(range(len(found.indices)))[::-1]
        for index, one, other in zip(which, *(masks_of(each.run_lengths(which), place) for each in (found, expected)), strict=True):
            assert np.count_nonzero(one.array != other.array) <= 1
            assert one.box.tolist() == found.boxes[index].tolist()

    def test_some_of_them_in_another_order(self, name):
        host, device = both(GEOMETRIES[name])
        place = Place((0, 0), GEOMETRIES[name].size)
        assert len(device.where([5, 3])) == 2
        expected = masks_of(host.where([5, 3]).run_lengths(place), place)
        assert [one.iou(other) > 0.9 for one, other in zip(masks_of(device.where([5, 3]).run_lengths(place), place), expected, strict=True)]

    def test_logits_with_the_padding_as_background(self, name):
        host, device = both(GEOMETRIES[name])
        assert device.logits().shape == (9, 16, 16)
        np.testing.assert_array_equal(device.logits(), host.logits())


def test_a_mask_that_touches_the_edges_of_its_crop_joins_no_columns():
    geometry = StretchToSquare((16, 16), 64, 16)
    (counts,) = DeviceMaskBatch(torch.ones(1, 16, 16), geometry).run_lengths(Place((1, 2), (20, 18)))
    assert np.diff(run_ends(counts), prepend=0).tolist() == [22, *[16, 4] * 15, 16, 22]


def test_masks_become_run_lengths_only_when_they_are_asked_for(monkeypatch):
    _, device = both(GEOMETRIES["wide"])
    copied = []
    monkeypatch.setattr(device_masks, "to_host", lambda value: copied.append(value.numel()) or value.numpy())
    stable = device.stable(Stability(1.0, 0.5), Place((0, 0), (60, 90)))
    assert len(stable.indices) > 3
    assert len(copied) == 2
    assert sum(copied) <= (2 + 6) * len(device)
    assert stable.run_lengths([]) == []
    assert len(copied) == 2
