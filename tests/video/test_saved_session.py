"""Saved sessions that are damaged or hostile are refused by name, in bounded memory."""

import json
import zipfile

import numpy as np
import pytest

from promptseg.errors import InputError
from promptseg.masks import Mask
from promptseg.prompts import Prompt
from promptseg.results import Provenance
from promptseg.runtime.npz import read_npz
from promptseg.testing.fakes import FakeSegmenter
from promptseg.tracking.session import PropagateSegmenter
from promptseg.video.saved_session import SavedSession, saved_mask, saved_number

SESSION = SavedSession(Provenance("m", "b", "1"), (4, 6), {"objects": [1]}, {"a": np.arange(6, dtype=np.float32).reshape(2, 3)})

FRAMES = [np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8) for _ in range(2)]


@pytest.fixture
def path(tmp_path):
    SESSION.write(tmp_path / "s.npz")
    return tmp_path / "s.npz"


def rewritten(path, compression=zipfile.ZIP_STORED, **changes):
    """Write the archive again, with the content of some members replaced."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members.update({name.replace("_", "."): content for name, content in changes.items()})
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(header, content=b""):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def test_what_was_written_is_read(path):
    read = SavedSession.read(path)
    assert (read.provenance, read.size, read.values) == (SESSION.provenance, SESSION.size, SESSION.values)
    assert np.array_equal(read.arrays["a"], SESSION.arrays["a"])


def test_numpy_reads_it_and_what_numpy_writes_is_read(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["fortran"], arrays["empty"], arrays["scalar"] = np.asfortranarray(np.eye(3)[:, :2]), np.zeros((0, 3)), np.array(5)
    np.savez_compressed(path, **arrays)
    read = SavedSession.read(path).arrays
    assert all(np.array_equal(read[name], arrays[name]) for name in ("a", "fortran", "empty", "scalar"))
    assert read["a"].flags.writeable


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_short_is_refused(share, path):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"s\.npz is not a saved video session, or is damaged"):
        SavedSession.read(path)


@pytest.mark.parametrize("compressed", [True, False])
def test_altered_bytes_are_refused_or_without_effect(compressed, path):
    if compressed:
        rewritten(path, zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole) - 8, 7):
        path.write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
        try:
            SavedSession.read(path)
        except InputError:
            refused += 1
    assert refused > len(whole) / 7 / 2


@pytest.mark.parametrize(
    "member",
    [
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", bytes(4)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n."),
        npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}"),
        npy("{'descr': '<f4', 'fortran_order': False}"),
        npy("[" * 100),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
    ids=range(8),
)
def test_an_array_that_is_not_what_it_says_is_refused(member, path):
    with pytest.raises(InputError, match="is not a saved video session, or is damaged"):
        SavedSession.read(rewritten(path, a_npy=member))


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_read(path, monkeypatch):
    monkeypatch.setattr("promptseg.runtime.npz.ALWAYS_ALLOWED", 1 << 20)
    bomb = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (8388608,)}", bytes(8 << 20))
    with pytest.raises(InputError, match="unpacks to 83"):
        SavedSession.read(rewritten(path, zipfile.ZIP_DEFLATED, a_npy=bomb))


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_kinds_of_compression_are_refused(kind, path):
    with pytest.raises(InputError, match="which is not an array"):
        SavedSession.read(rewritten(path, kind))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"format": 1}',
        b"\xff\xfe",
        json.dumps({"format": "promptseg video session 1", "provenance": [], "size": [1, 2], "values": {}}).encode(),
        json.dumps({"format": "promptseg video session 1", "provenance": SESSION.provenance.to_dict(), "size": [1], "values": {}}).encode(),
        json.dumps(
            {"format": "promptseg video session 1", "provenance": SESSION.provenance.to_dict(), "size": [1, 2], "values": 5}
        ).encode(),
        json.dumps({"format": "x", "provenance": SESSION.provenance.to_dict(), "size": [1, float("inf")], "values": {}}).encode(),
    ],
    ids=range(9),
)
def test_a_header_of_another_form_is_refused(header, path):
    arrays, _ = read_npz(path)
    arrays["session.json"] = np.frombuffer(header, np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="is not a saved video session, or is damaged"):
        SavedSession.read(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the session .*absent\.npz: No such file"):
        SavedSession.read(tmp_path / "absent.npz")


@pytest.mark.parametrize("value", [-1, 1.5, "1", None, True, [1]])
def test_an_index_is_a_whole_number(value):
    with pytest.raises(InputError, match="a frame or an id in a saved session"):
        saved_number(value)


def test_a_mask_of_another_size_than_the_frames_is_refused_before_it_is_decoded():
    mask = Mask.from_array(np.eye(4, 6, dtype=bool), score=0.5)
    assert saved_mask(mask.to_coco_rle(), (4, 6), 0.5) == mask
    with pytest.raises(ValueError, match="for frames of size"):
        saved_mask({"size": [10**6, 10**6], "counts": [10**12]}, (4, 6))


class TestRestoring:
    """What a resumed session of the tracker made of an image segmenter takes from the file."""

    @pytest.fixture
    def segmenter(self):
        return PropagateSegmenter(FakeSegmenter())

    @pytest.fixture
    def saved(self, segmenter, tmp_path):
        session = segmenter.open(FRAMES)
        session.add(0, 1, Prompt.box(8, 8, 30, 30))
        session.save(tmp_path / "s.npz")
        return tmp_path / "s.npz"

    def resume(self, segmenter, path, change):
        arrays, _ = read_npz(path)
        header = json.loads(arrays["session.json"].tobytes())
        change(header["values"], arrays)
        arrays["session.json"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(path, **arrays)
        return segmenter.resume(path, FRAMES)

    def test_an_unchanged_one_is_resumed(self, segmenter, saved):
        assert self.resume(segmenter, saved, lambda values, arrays: None).object_ids == (1,)

    @pytest.mark.parametrize(
        "change",
        [
            lambda values, arrays: values.update(prompted=[]),
            lambda values, arrays: values.update(prompted=[[1, []]]),
            lambda values, arrays: values.update(prompted=[[1, [-1]]]),
            lambda values, arrays: values.update(prompted=[[[1], [0]]]),
            lambda values, arrays: values.update(objects=[]),
            lambda values, arrays: values.update(objects=5),
            lambda values, arrays: values["objects"][0].update(id="1"),
            lambda values, arrays: values["objects"][0].update(frame=7),
            lambda values, arrays: values["objects"][0]["prompts"][0]["mask"].update(size=[10**6, 10**6]),
            lambda values, arrays: values["objects"][0]["prompts"][0]["mask"].update(counts=[10**12]),
            lambda values, arrays: values["objects"][0]["track"]["mask"].update(size=[10**6, 10**6]),
            lambda values, arrays: values["objects"][0]["track"]["mask"].update(counts="\x00\xff"),
            lambda values, arrays: values["objects"][0]["track"].update(views=[10**12, 0]),
            lambda values, arrays: values["objects"][0]["track"].update(views=[-1, 2]),
            lambda values, arrays: values["objects"][0]["track"].update(last_found_box=[0, 0, 1]),
            lambda values, arrays: values["objects"][0]["track"].update(last_found_box=[0, 0, 1, float("nan")]),
            lambda values, arrays: values["objects"][0]["track"].update(mean_agreement="x"),
            lambda values, arrays: values["objects"][0]["track"].update(area=-1),
            lambda values, arrays: values["objects"][0]["track"].update(signals=[1, 1, 10**400, 0]),
            lambda values, arrays: values["objects"][0]["track"].pop("since"),
            lambda values, arrays: values["objects"][0]["track"].update(since=[0, 10**400, 1.0, 0.0]),
            lambda values, arrays: values["objects"][0]["track"].update(since=[-1, 9, 1.0, 0.0]),
            lambda values, arrays: values["objects"][0]["track"].update(since=[0, 9, 1.5, 0.0]),
            lambda values, arrays: values["objects"][0]["track"].update(since=[0, 9, 1.0, -0.5]),
            lambda values, arrays: values["objects"][0]["track"].update(since=[0, 9, 1.0, float("inf")]),
            lambda values, arrays: arrays.update({"gray-0": np.zeros((3, 3), np.uint8)}),
            lambda values, arrays: arrays.update({name: array.astype(np.float64) for name, array in arrays.items() if "inside" in name}),
            lambda values, arrays: arrays.update({name: array.ravel() for name, array in arrays.items() if "outside" in name}),
        ],
        ids=range(28),
    )
    def test_a_value_of_another_form_is_refused(self, change, segmenter, saved):
        with pytest.raises(InputError):
            self.resume(segmenter, saved, change)
