"""Checkpoints are read as data: nothing that a pickle names is executed."""

import os
import pickle
import sys
import zipfile
from collections import OrderedDict

import pytest

from promptseg.errors import WeightsMismatchError

torch = pytest.importorskip("torch", reason="checkpoints need torch")

from promptseg.models.yolo.pickled import PicklePlaceholder, read_pickled  # noqa: E402 - It needs torch.


@pytest.fixture
def save(tmp_path):
    """Write a value with ``torch.save`` and return the path."""

    def write(value):
        path = tmp_path / "saved.pt"
        torch.save(value, path)
        return path

    return write


@pytest.fixture
def archive(tmp_path):
    """Write an archive in the form of ``torch.save`` with a given pickle."""

    def write(pickled, **others):
        path = tmp_path / "made.pt"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("made/data.pkl", pickled)
            for name, content in others.items():
                file.writestr(f"made/{name.replace('__', '/')}", content)
        return path

    return write


class Call:
    """Object that pickles as a function call."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


class TestData:
    def test_plain_values_and_containers_are_read_as_they_are(self, save):
        value = {"a": [1, 2.5, None, True, "é"], "b": (1, {2, 3}), "c": OrderedDict(x=b"bytes"), "d": {}}
        assert read_pickled(save({key: value[key] for key in "abd"})) == {key: value[key] for key in "abd"}
        assert list(read_pickled(save(value))["c"]) == ["x"]

    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"])
    def test_tensors_of_every_type_are_read_as_they_are(self, dtype, save):
        tensor = torch.tensor([[0, 1, 0], [1, 1, 0]], dtype=getattr(torch, dtype))
        read = read_pickled(save({"t": tensor}))["t"]
        assert read.dtype == tensor.dtype
        assert torch.equal(read, tensor)

    def test_a_view_a_transposed_tensor_an_empty_one_and_a_parameter_are_read_as_they_are(self, save):
        base = torch.arange(24.0).reshape(4, 6)
        values = [base[1:3, ::2], base.T, torch.zeros(0, 3), torch.nn.Parameter(base), torch.tensor(3.0)]
        for read, value in zip(read_pickled(save(values)), values, strict=True):
            assert read.shape == value.shape
            assert torch.equal(read, value)

    def test_tensors_that_share_their_numbers_share_them_still(self, save):
        base = torch.zeros(4)
        first, second = read_pickled(save([base, base[2:]]))
        second[0] = 5
        assert first[2] == 5

    def test_a_module_is_described_and_not_made(self, save):
        read = read_pickled(save(torch.nn.Conv2d(3, 4, 1)))
        assert isinstance(read, PicklePlaceholder)
        assert read.class_name == "torch.nn.modules.conv.Conv2d"
        assert read.state["out_channels"] == 4
        assert read.state["_parameters"]["weight"].shape == (4, 3, 1, 1)


class TestHostile:
    @pytest.mark.parametrize(
        "call",
        [
            lambda target: Call(os.system, f"touch {target}"),
            lambda target: Call(os.mkdir, str(target)),
            lambda target: Call(exec, f"open({str(target)!r}, 'w')"),
            lambda target: Call(eval, f"open({str(target)!r}, 'w')"),
            lambda target: Call(open, str(target), "w"),
            lambda target: Call(torch.save, 1, str(target)),
        ],
        ids=["system", "mkdir", "exec", "eval", "open", "torch.save"],
    )
    @pytest.mark.parametrize("place", ["alone", "in a dictionary", "in a state", "as a key"])
    def test_no_function_is_called(self, call, place, tmp_path):
        target, path = tmp_path / "touched", tmp_path / "hostile.pt"
        payload = call(target)
        module = torch.nn.Identity()
        module.payload = payload
        value = {"alone": payload, "in a dictionary": {"model": payload}, "in a state": {"model": module}, "as a key": {(1, payload): 2}}
        torch.save(value[place], path)
        read_pickled(path)
        assert not target.exists()

    def test_the_same_file_does_run_its_function_where_it_is_unpickled(self, tmp_path):
        """Control: without this, the tests above would prove nothing."""
        target, path = tmp_path / "touched", tmp_path / "hostile.pt"
        torch.save(Call(os.mkdir, str(target)), path)
        torch.load(path, weights_only=False)
        assert target.exists()

    def test_nothing_is_imported(self, archive, tmp_path, monkeypatch):
        (tmp_path / "never_imported.py").write_text("raise AssertionError")
        monkeypatch.syspath_prepend(tmp_path)
        value = read_pickled(archive(b"\x80\x02cnever_imported\nThing\n)R."))
        assert value.class_name == "never_imported.Thing"
        assert "never_imported" not in sys.modules

    def test_what_a_file_does_to_a_known_function_ends_with_the_file(self, archive, save):
        # BUILD on the function that makes ordered dictionaries, with attributes to set.
        path = archive(b"\x80\x02ccollections\nOrderedDict\n}X\x05\x00\x00\x00stateX\x01\x00\x00\x00xs\x86b.")
        with pytest.raises(WeightsMismatchError):
            read_pickled(path)
        assert not hasattr(OrderedDict, "state")
        assert read_pickled(save({"a": OrderedDict(x=1)})) == {"a": {"x": 1}}

    def test_safe_loading_by_torch_allows_no_more_than_before(self, save):
        before = list(torch.serialization.get_safe_globals())
        read_pickled(save(torch.nn.Identity()))
        assert list(torch.serialization.get_safe_globals()) == before


class TestDamaged:
    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 and no more"], ids=["empty", "text", "cut"])
    def test_what_is_no_archive_is_refused_with_its_path(self, content, tmp_path):
        path = tmp_path / "broken.pt"
        path.write_bytes(content)
        with pytest.raises(WeightsMismatchError, match=r"broken\.pt is not a file that torch\.save wrote, or is damaged"):
            read_pickled(path)

    @pytest.mark.parametrize("share", [0.3, 0.9])
    def test_a_checkpoint_that_is_cut_short_is_refused(self, share, save):
        path = save({"weights": torch.rand(1000)})
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(WeightsMismatchError, match="damaged"):
            read_pickled(path)

    def test_a_torchscript_archive_is_refused(self, archive):
        with pytest.raises(WeightsMismatchError, match="TorchScript"):
            read_pickled(archive(pickle.dumps(1), **{"constants.pkl": b""}))

    def test_big_endian_numbers_are_refused(self, archive):
        with pytest.raises(WeightsMismatchError, match="big-endian"):
            read_pickled(archive(pickle.dumps(1), byteorder=b"big"))

    @pytest.mark.parametrize(
        "pickled",
        [
            b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ.",
            b"\x80\x02(X\x06\x00\x00\x00moduleK\x01K\x02K\x03K\x04tQ.",
            b"\x80\x02K\x01Q.",
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)))tR.",
        ],
        ids=["absent numbers", "a module", "a number", "a tensor of nothing"],
    )
    def test_references_that_lead_nowhere_are_refused(self, pickled, archive):
        with pytest.raises(WeightsMismatchError, match="damaged"):
            read_pickled(archive(pickled))

    def test_a_tensor_beyond_its_numbers_is_refused(self, archive):
        storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
        pickled = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00K\x64\x85K\x01\x85\x89)tR."
        with pytest.raises(WeightsMismatchError, match="damaged"):
            read_pickled(archive(pickled, data__0=bytes(16)))
