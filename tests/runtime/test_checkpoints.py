"""Reading of torch checkpoints as data, and their comparison with a model."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="checkpoints need package torch")

from promptseg.errors import WeightsMismatchError  # noqa: E402
from promptseg.runtime.checkpoints import check_state, read_checkpoint  # noqa: E402

PATH = Path("a.pt")


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"model": state}, lambda state: {"model": {"state_dict": state}}])
def test_tensors_are_found_within_what_training_scripts_wrap_them_in(wrap, tmp_path):
    torch.save(wrap({"a.weight": torch.arange(3)}), tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt")["a.weight"].tolist() == [0, 1, 2]


def test_what_is_more_than_tensors_is_refused_with_its_names(tmp_path):
    torch.save({"a": torch.zeros(1), "epoch": 3}, tmp_path / "a.pt")
    with pytest.raises(WeightsMismatchError, match=r"it holds a dictionary with 'epoch' \(int\)"):
        read_checkpoint(tmp_path / "a.pt")


def test_a_state_of_the_same_names_and_shapes_fits():
    check_state(PATH, {"a": torch.ones(2, 3)}, {"a": torch.zeros(2, 3)}, "m")


def test_a_tensor_of_as_many_dimensions_and_other_lengths_does_not_fit():
    with pytest.raises(WeightsMismatchError, match=r"a\.pt does not fit model 'm': it has a \(3, 2\) instead of \(2, 3\)"):
        check_state(PATH, {"a": torch.zeros(3, 2)}, {"a": torch.zeros(2, 3)}, "m")


def test_what_is_missing_and_what_is_more_is_named_four_of_each():
    state, expected = {f"x{i}": torch.zeros(1) for i in range(6)}, {"a": torch.zeros(1), "b": torch.zeros(1)}
    with pytest.raises(WeightsMismatchError, match="it lacks a, b; it also has x0, x1, x2, x3 and 2 more"):
        check_state(PATH, state, expected, "m")
