"""Files of ``torch.save`` that are damaged or hostile cost neither memory nor time nor the interpreter."""

import io
import pickle
import struct
import zipfile

import pytest

from promptseg.errors import WeightsMismatchError

torch = pytest.importorskip("torch", reason="checkpoints need torch")

from promptseg.runtime import pickle_scan  # noqa: E402 - It needs torch.
from promptseg.runtime.checkpoints import read_checkpoint  # noqa: E402
from promptseg.runtime.torch_files import only_tensors, read_torch_file  # noqa: E402


def written(folder, pickled, compression=zipfile.ZIP_STORED, **storages):
    path = folder / "made.pt"
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("made/data.pkl", pickled)
        for name, content in storages.items():
            file.writestr(f"made/data/{name.removeprefix('s')}", content)
    return path


def read(path):
    return read_torch_file(path, lambda name: type("Unknown", (), {"__new__": lambda cls, *_: object.__new__(cls)}))


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def tensor(kind, sizes, strides, key="0", offset=0):
    """Return the opcodes of a tensor on a storage."""
    storage = b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text(key) + text("cpu") + number(1) + b"tQ"
    shapes = b"(" + b"".join(map(number, sizes)) + b"t(" + b"".join(map(number, strides)) + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + shapes + b"\x89)tR"


def state(*tensors):
    return b"\x80\x02}(" + b"".join(text(f"t{index}") + one for index, one in enumerate(tensors)) + b"u."


class TestOldFormat:
    """The format before torch 1.6."""

    @pytest.fixture
    def old(self, tmp_path):
        def write(value):
            torch.save(value, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
            return tmp_path / "old.pt"

        return write

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
    def test_tensors_are_read_as_they_are(self, dtype, old):
        base = torch.arange(12).reshape(3, 4).to(dtype)
        found = read_checkpoint(old({"base": base, "column": base[:, 1], "empty": base[:0]}))
        assert torch.equal(found["base"], base)
        assert torch.equal(found["column"], base[:, 1])
        assert found["empty"].shape == (0, 4)

    def test_it_gives_what_the_present_format_gives(self, old, tmp_path):
        values = {"a": torch.rand(5), "b": torch.zeros(0), "c": torch.nn.Parameter(torch.rand(2, 2))}
        torch.save(values, tmp_path / "new.pt")
        one, other = read_checkpoint(old(values)), read_checkpoint(tmp_path / "new.pt")
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_a_storage_larger_than_the_file_is_refused(self, old):
        path = old({"a": torch.arange(1000.0)})
        content = path.read_bytes()
        path.write_bytes(content.replace(b"M\xe8\x03", b"J\x00\x00\x00\x7f", 1))
        with pytest.raises(WeightsMismatchError, match="too many for the size of the file"):
            read_checkpoint(path)

    @pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.999])
    def test_a_file_that_is_cut_short_is_refused(self, share, old):
        path = old({"a": torch.arange(1000.0)})
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(WeightsMismatchError):
            read_checkpoint(path)


class TestSizes:
    def test_one_number_that_is_repeated_without_end_is_refused(self, tmp_path):
        path = written(tmp_path, state(tensor("Half", [6_000_000_000], [0])), s0=b"\0\0")
        with pytest.raises(WeightsMismatchError, match="too many for the size of the file"):
            read(path)

    def test_many_tensors_that_are_modest_alone_are_refused_together(self, tmp_path):
        path = written(tmp_path, state(*[tensor("Half", [4_000_000], [0])] * 1000), s0=b"\0\0")
        with pytest.raises(WeightsMismatchError, match="too many for the size of the file"):
            read(path)

    def test_a_repeated_number_of_modest_size_is_read(self, tmp_path):
        assert read(written(tmp_path, state(tensor("Half", [3, 5], [0, 0])), s0=b"\0\0"))["t0"].shape == (3, 5)

    @pytest.mark.parametrize(
        ("sizes", "strides", "offset"),
        [
            ([2], [1 << 62], 0),
            ([1 << 40, 0], [1, 1], 0),
            ([4], [1], 1),
            ([4], [1], -1),
            ([-4], [1], 0),
            ([2], [-1], 1),
            ([1] * 40, [1] * 40, 0),
        ],
        ids=[
            "a stride that overflows",
            "an empty tensor",
            "an offset",
            "an offset before",
            "a negative size",
            "a negative stride",
            "40 dimensions",
        ],
    )
    def test_a_tensor_outside_of_its_storage_is_refused_or_empty(self, sizes, strides, offset, tmp_path):
        path = written(tmp_path, state(tensor("Float", sizes, strides, offset=offset)), s0=bytes(16))
        if 0 in sizes:
            assert read(path)["t0"].numel() == 0
        else:
            with pytest.raises(WeightsMismatchError):
                read(path)

    def test_a_storage_that_unpacks_to_much_more_than_the_file_is_refused_before_it_is_read(self, tmp_path):
        path = written(tmp_path, state(tensor("Float", [4], [1])), zipfile.ZIP_DEFLATED, s0=bytes(100 << 20))
        assert path.stat().st_size < 1 << 20
        with pytest.raises(WeightsMismatchError, match=r"unpacks to 1048\d+ bytes, more than 8 times its size"):
            read(path)

    def test_a_storage_of_broken_numbers_is_refused(self, tmp_path):
        with pytest.raises(WeightsMismatchError, match="no whole numbers"):
            read(written(tmp_path, state(tensor("Float", [1], [1])), s0=bytes(7)))


NESTED = b"N" + b"\x85" * 20_000
DOUBLED = b"N" + b"2\x86" * 60


class TestPickles:
    @pytest.mark.parametrize(
        "pickled",
        [
            b"}" + NESTED + b"Ns.",
            b"}(" + NESTED + b"Nu.",
            b"(" + NESTED + b"Nd.",
            b"\x8f(" + NESTED + b"\x90.",
            b"(" + NESTED + b"\x91.",
            b"}" + DOUBLED + b"Ns.",
            b"c__builtin__\nset\n(](" + NESTED + b"et\x52.",
            b"c__builtin__\nset\n(](" + DOUBLED + b"et\x52.",
            b"}ctorch\nSize\n(](" + NESTED + b"et\x52Ns.",
            NESTED + b"Q.",
            DOUBLED + b"Q.",
            b"(](" + DOUBLED + b"etQ.",
            b"}" + NESTED + b"q\x000h\x00Ns.",
            b"}" + NESTED + b"\x94h\x00Ns.",
        ],
        ids=range(14),
    )
    @pytest.mark.parametrize("form", ["archive", "bare"])
    def test_keys_that_hashing_would_choke_on_are_refused(self, form, pickled, tmp_path):
        path = written(tmp_path, b"\x80\x04" + pickled)
        if form == "bare":
            path.write_bytes(b"\x80\x04" + pickled)
        with pytest.raises(WeightsMismatchError):
            read(path)

    @pytest.mark.parametrize("opening", [b"]", b"}", b"N"], ids=["lists", "dictionaries", "tuples"])
    def test_deep_values_that_are_not_keys_do_no_harm(self, opening, tmp_path):
        closing = {b"]": b"a", b"}": b"NN2s0s", b"N": b"\x85"}[opening]
        pickled = (
            b"\x80\x02"
            + (b"N" + closing * 20_000 if opening == b"N" else opening * 20_000 + (b"a" if opening == b"]" else b"") * 19_999)
            + b"."
        )
        try:
            read(written(tmp_path, pickled))
        except WeightsMismatchError:
            assert opening == b"}"  # Dictionaries that are left on the stack.

    def test_a_memo_number_beyond_the_file_is_refused(self, tmp_path):
        with pytest.raises(WeightsMismatchError, match="numbers an object 2147483647"):
            read(written(tmp_path, b"\x80\x02Nr\xff\xff\xff\x7f."))

    def test_ordinary_tuples_may_be_keys(self, tmp_path):
        value = {(1, ("a", 2.5)): "x", ((),): {(3, 4)}, "long": tuple(range(1000))}
        torch.save(value, tmp_path / "s.pt")
        with pytest.raises(WeightsMismatchError, match="set of tuples"):
            read(tmp_path / "s.pt")
        del value[((),)]
        torch.save(value, tmp_path / "s.pt")
        assert read(tmp_path / "s.pt") == value

    def test_a_pickle_that_is_too_long_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(pickle_scan, "MAX_BYTES", 1000)
        with pytest.raises(WeightsMismatchError, match="more than 1000 bytes"):
            read(written(tmp_path, pickle.dumps(["text"] * 2000)))

    @pytest.mark.parametrize("protocol", range(6))
    def test_every_protocol_of_pickle_passes_the_scan(self, protocol):
        value = {
            "a": [1, 2.5, None, True, "é", b"bytes", 1 << 90],
            "b": (1, (2,), (3, 4), (5, 6, 7), (8, 9, 10, 11)),
            "c": {1, 2},
            (1, 2): {},
        }
        value["again"] = value["a"]
        content = pickle.dumps(value, protocol)
        assert pickle_scan.read_pickle(io.BytesIO(content + b"rest")) == content

    def test_attributes_of_a_dictionary_are_not_set(self, tmp_path):
        path = written(tmp_path, b"\x80\x02ccollections\nOrderedDict\n)R}" + text("items") + b"Nsb.")
        assert read_torch_file(path, only_tensors) == {}
        assert callable(read_torch_file(path, only_tensors).items)

    def test_nothing_but_tensors_is_accepted_in_a_checkpoint(self, tmp_path):
        with pytest.raises(WeightsMismatchError, match=r"holds more than tensors \(it holds a posix\.system, which is neither"):
            read_checkpoint(written(tmp_path, b"\x80\x02cposix\nsystem\n" + text("true") + b"\x85R."))


class TestSafetensors:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x08",
            struct.pack("<Q", 1 << 63) + b"{}",
            struct.pack("<Q", 1 << 40) + b"{}",
            struct.pack("<Q", 10) + b"{" * 10,
            struct.pack("<Q", 100_000) + b"[" * 100_000,
            struct.pack("<Q", 65) + b'{"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,16]}}'.ljust(65) + bytes(16),
            struct.pack("<Q", 65) + b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,17179869184]}}'.ljust(65) + bytes(16),
            struct.pack("<Q", 65) + b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}'.ljust(65) + bytes(16),
        ],
        ids=range(9),
    )
    def test_a_hostile_header_is_refused(self, content, tmp_path):
        pytest.importorskip("safetensors", reason="safetensors is not installed")
        (tmp_path / "w.safetensors").write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=r"w\.safetensors is not a safetensors file, or is damaged"):
            read_checkpoint(tmp_path / "w.safetensors")
