"""Files of LabelMe and Label Studio that are damaged in their structure are read in part, or refused with an `InputError`."""

import base64
import contextlib
import copy
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from promptseg.datasets.formats.label_studio import read_label_studio
from promptseg.datasets.formats.label_studio.brush import decode_brush, encode_brush
from promptseg.datasets.formats.labelme import read_labelme
from promptseg.errors import InputError
from promptseg.masks import Mask


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def deep(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


RING = [[1, 1], [5, 1], [5, 4], [1, 4]]
LABELME = {
    "version": "5.5.0",
    "flags": {},
    "imagePath": "a.png",
    "imageData": png(np.zeros((6, 8, 3), np.uint8)),
    "imageHeight": 6,
    "imageWidth": 8,
    "shapes": [
        {"label": "cat", "points": RING, "group_id": 1, "shape_type": "polygon", "flags": {}, "score": 0.5},
        {"label": "cat", "points": RING, "group_id": 1, "shape_type": "oriented_rectangle"},
        {"label": "cat", "points": RING[::2], "group_id": None, "shape_type": "rectangle"},
        {"label": "dog", "points": RING[:2], "group_id": None, "shape_type": "circle"},
        {"label": "dog", "points": [[1, 1], [3, 2]], "mask": png(np.ones((2, 3), bool)), "shape_type": "mask"},
        {"label": "dog", "points": RING[:1], "shape_type": "point"},
    ],
}
SHAPE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 30}
VALUES = [
    {"points": [[10 * x, 10 * y] for x, y in RING], "closed": True, "polygonlabels": ["cat"]},
    {**SHAPE, "rectanglelabels": ["cat", "dog"]},
    {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["cat"]},
    {"rle": encode_brush(Mask.from_array(np.eye(6, 8, dtype=bool))), "format": "rle", "brushlabels": ["cat"]},
    {"imageDataURL": "data:image/png;base64," + png(np.zeros((6, 8, 4), np.uint8)), "bitmasklabels": ["cat"]},
    {"vertices": [{"x": 10 * x, "y": 10 * y, "isBezier": True, "controlPoint1": {"x": 1, "y": 2}} for x, y in RING], "closed": True},
    {**SHAPE, "choices": ["large"]},
]
BASE = {"original_width": 8, "original_height": 6, "image_rotation": 0, "to_name": "image", "score": 0.5}
RESULTS = [{**BASE, "id": str(index), "value": value} for index, value in enumerate(VALUES)]
LABEL_STUDIO = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/0a1b2c3d-a.png", "text": "a cat"},
        "annotations": [
            {"id": 5, "created_at": "2025", "result": [{**BASE, "id": str(i), "value": each} for i, each in enumerate(VALUES)]}
        ],
        "predictions": [],
    },
    {"id": 2, "image": ["a.png", "b.png"], "label": [{**value, **BASE} for value in VALUES], "annotation_id": 3, "updated_at": "2025"},
]
JUNK = [
    *(None, True, False, 0, -1, 1.5, 2**31, 10**30, -(10**300), 10**400, float("nan"), float("inf"), 1e308),
    *(
        "",
        "x",
        "a.png",
        "../../a.png",
        "\0",
        "\udcff",
        "polygon",
        "mask",
        "9" * 400,
        "data:image/png;base64,AAAA",
        png(np.ones((40, 40), bool)),
    ),
    *([], {}, [[]], [None], {"x": None}, [[1, 2], [3, 4]], [1e308] * 6, [[1e308, -1e308]] * 4, {"0": 1}, [0] * 60, deep(400)),
]


def containers(value):
    """Return the lists and objects within a value, itself among them."""
    found = [value]
    for each in found:  # It grows meanwhile: values may be too deep for a function that calls itself.
        children = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        found += [child for child in children if isinstance(child, (dict, list))]
    return found


def mutated(good, random):
    """Return a copy of a value in which members are replaced, moved, removed, doubled or nested."""
    value = [copy.deepcopy(good)]
    for _ in range(random.randint(1, 4)):
        container = random.choice([each for each in containers(value) if each])
        key = random.choice(list(container) if isinstance(container, dict) else range(len(container)))
        other = random.choice(containers(value[0])) if isinstance(value[0], (dict, list)) else None
        change = random.randint(0, 5)
        if change <= 2:
            container[key] = copy.deepcopy(random.choice(JUNK))
        elif change == 3:
            container[key] = copy.deepcopy(other)
        elif change == 4:
            container[key] = [container[key]] * random.randint(1, 3)
        elif container is not value:
            del container[key]
    return value[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("images")
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path / "a.png")
    return path


def images_or_refusal(read, path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    findings = []
    try:
        images = list(read().usable(findings))
    except InputError:
        return
    for image in images:
        assert all(each.mask.size == image.size and each.mask.area for each in image.objects)
        assert len({each.name for each in image.objects}) == len(image.objects)
    assert all(str(finding) and len(finding.message) < 2000 for finding in findings)


@given(st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_a_mutated_labelme_file_is_read_in_part_or_refused(folder, random, fit, embedded):
    labels = folder / "labels"
    content = mutated({**LABELME, "imagePath": "gone.png"} if embedded else LABELME, random)
    images_or_refusal(lambda: read_labelme(labels, folder, fit=fit), labels / "a.json", content)


@given(st.randoms(use_true_random=False), st.booleans())
def test_a_mutated_label_studio_export_is_read_in_part_or_refused(folder, random, fit):
    file = folder / "tasks.json"
    images_or_refusal(lambda: read_label_studio(folder, file, fit=fit), file, mutated(LABEL_STUDIO, random))


@given(st.binary(max_size=80), st.integers(1, 9), st.integers(1, 9))
def test_bytes_of_any_kind_are_a_brush_stroke_or_refused(body, height, width):
    data = [*(4 * height * width).to_bytes(4, "big"), *body]
    with contextlib.suppress(InputError):
        assert decode_brush(data, (height, width)).size == (height, width)
