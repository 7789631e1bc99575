import json
import math

import pytest

from promptseg import Mask
from promptseg.annotation.record_checks import check_counts, check_record

COUNTS = Mask.from_polygons([[2, 2, 9, 2, 9, 5, 2, 5]], (6, 10)).counts.decode()
RECORD = {
    "name": "a/0.png",
    "status": "done",
    "path": "/images/a/0.png",
    "bytes": 12,
    "mtime_ns": 5,
    "sha256": "ab",
    "id": 7,
    "size": [6, 10],
    "masks": [
        {"counts": COUNTS, "score": 0.5, "label": "dog", "prompt": 0, "detection": 0, "id": 4, "from_box": True, "predicted_iou": 0.7}
    ],
    "detections": [{"box": [1, 1, 5, 5], "score": 0.5, "label": "dog"}],
    "dropped": {"prompt": 1},
    "problems": ["row 3: no"],
    "timings": {"read": 0.5},
    "models": "abc",
    "run": "def",
}
FAILED = {"name": "a", "status": "failed", "path": "/a", "bytes": None, "error": "InputError", "reason": "", "timings": {}}


def test_records_that_a_run_writes_pass():
    check_record(RECORD)
    check_record(FAILED)
    check_record({**RECORD, "corrected": "labelme", "detections": None, "masks": []})


WRONG = [None, True, -1, 1.5, math.nan, 10**400, "x", "\0", "", [], {}, [None], [[]], {"a": []}, [10**9, 10**9]]
MEMBERS = {  # What of `WRONG` each member allows.
    "name": ["x"],
    "path": ["x"],
    "bytes": [None],
    "mtime_ns": [None],
    "sha256": [None, "x"],
    "id": [None, -1],
    "size": [],
    "masks": [[]],
    "detections": [None, []],
    "dropped": [{}],
    "problems": [[]],
    "timings": [{}],
}


@pytest.mark.parametrize("member", list(MEMBERS))
def test_a_member_of_another_type_or_range_is_refused(member):
    for value in WRONG:
        if any(value is allowed or (value == allowed and type(value) is type(allowed)) for allowed in MEMBERS[member]):
            check_record({**RECORD, member: value})
        else:
            with pytest.raises(ValueError, match=" is not one of a record"):
                check_record({**RECORD, member: value})


@pytest.mark.parametrize("member", ["counts", "score", "label", "prompt", "detection", "id", "from_box", "predicted_iou"])
def test_a_member_of_a_mask_of_another_type_is_refused(member):
    refused = 0
    for value in WRONG:
        record = json.loads(json.dumps(RECORD))
        record["masks"][0][member] = value
        try:
            check_record(record)
        except ValueError:
            refused += 1
    assert refused >= 9


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.png", "a/../../b.png"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        check_record({**RECORD, "name": name})


@pytest.mark.parametrize("missing", ["path", "size", "masks", "timings"])
def test_a_missing_member_is_refused(missing):
    with pytest.raises(ValueError, match=missing):
        check_record({key: value for key, value in RECORD.items() if key != missing})


@pytest.mark.parametrize("missing", ["counts", "score", "label"])
def test_a_missing_member_of_a_mask_is_refused(missing):
    with pytest.raises(ValueError, match="is not one of a record"):
        check_record({**RECORD, "masks": [{key: value for key, value in RECORD["masks"][0].items() if key != missing}]})


@pytest.mark.parametrize(
    "counts",
    [COUNTS[:-1], COUNTS[1:], COUNTS + "1", "", "Q31_11O1O1O1O1O1O1O1O1O1O1nQ2", "0", "l" * 40, "oooooooooo0", "é", "\0", "d11nN"],
)
def test_run_lengths_that_do_not_add_up_are_refused(counts):
    with pytest.raises(ValueError, match="run length"):
        check_counts(counts, 60)


@pytest.mark.parametrize("points", [[0, 0, 10, 0, 10, 6, 0, 6], [0, 0, 1, 0, 1, 1, 0, 1], [9, 5, 10, 5, 10, 6, 9, 6]])
def test_run_lengths_of_masks_pass(points):
    check_counts(Mask.from_polygons([points], (6, 10)).counts.decode(), 60)
    check_counts(Mask.from_array([[False] * 10] * 6).counts.decode(), 60)


MOVED = {"window": [5, 0, 15, 6], "size": [6, 10], "scale": 1.0}


def moved(**about):
    """A record of a tile whose object another tile shows whole, with other members of that tile or of the mask."""
    mask = {**RECORD["masks"][0], "kinds": ["box", "mask"], "moved": {"tile": 0, "counts": COUNTS}}
    tile = {**MOVED, **{name: value for name, value in about.items() if name in MOVED}}
    of_mask = {name: value for name, value in about.items() if name not in MOVED}
    return {**RECORD, "moved": [tile], "masks": [{**mask, **of_mask}]}


def test_an_answer_of_another_tile_passes():
    check_record(moved())


@pytest.mark.parametrize(
    "about",
    [
        {"window": [0, 0, -4, 5]},
        {"window": [5, 0, 5, 6]},
        {"window": [0, 0, 10**6, 10**6]},
        {"window": None},
        {"size": [10**6, 10**6]},
        {"size": [0, 6]},
        {"scale": "1"},
        {"scale": 2},
        {"kinds": "point"},
        {"kinds": ["text"]},
        {"moved": 3},
        {"moved": {"tile": 1, "counts": COUNTS}},
        {"moved": {"tile": -1, "counts": COUNTS}},
        {"moved": {"tile": 0, "counts": None}},
        {"moved": {"tile": 0, "counts": COUNTS[:-1]}},
    ],
)
def test_a_wrong_answer_of_another_tile_is_refused(about):
    with pytest.raises(ValueError, match=r"moved is not|kinds is not|run length"):
        check_record(moved(**about))
