"""Choice of a device and a dtype in torch, and what counts as out of memory."""

import pytest

torch = pytest.importorskip("torch", reason="these services need package torch")

from promptseg.errors import ConfigError  # noqa: E402
from promptseg.runtime import torch as services  # noqa: E402


@pytest.fixture
def present(monkeypatch):
    """A function that says which devices there are beside the CPU."""

    def say(*names):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)

    return say


@pytest.mark.parametrize(("names", "first"), [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("mps", "cuda"), "cuda")])
def test_auto_is_the_fastest_device_that_is_there(names, first, present):
    present(*names)
    assert services.chosen_device("auto").type == first
    assert services.chosen_device("cpu").type == "cpu"


def test_a_device_that_is_not_there_is_refused_with_those_that_are(present):
    present("mps")
    for name in ("cuda", "cuda:0"):
        with pytest.raises(ConfigError, match=rf"device '{name}' is not available .* use auto or mps or cpu"):
            services.chosen_device(name)


def test_a_gpu_is_chosen_by_its_number(present, monkeypatch):
    present("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert services.chosen_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match=r"there is no GPU 2 for device 'cuda:2': this process sees 2, cuda:0 to cuda:1"):
        services.chosen_device("cuda:2")


@pytest.mark.parametrize("value", ["bfloat16", "torch.bfloat16", torch.bfloat16], ids=repr)
def test_a_dtype_is_taken_by_its_name_or_as_torch_has_it(value):
    assert services.chosen_dtype(value, torch.device("cpu"), allow_slow=True) is torch.bfloat16


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_dtype_that_the_processor_emulates_is_refused_unless_it_may_be_slow(dtype, monkeypatch):
    monkeypatch.setattr(services, "has_arithmetic", lambda name: name != dtype)
    with pytest.raises(
        ConfigError, match=rf"dtype='{dtype}' makes the model slower here: this processor has no {dtype} arithmetic .* 1?\d+ times"
    ):
        services.chosen_dtype(dtype, torch.device("cpu"))
    assert services.chosen_dtype(dtype, torch.device("cpu"), allow_slow=True) is getattr(torch, dtype)
    assert services.chosen_dtype("float32", torch.device("cpu")) is torch.float32


@pytest.mark.parametrize("known", [True, None])
def test_a_dtype_that_the_processor_has_or_may_have_is_taken(known, monkeypatch):
    monkeypatch.setattr(services, "has_arithmetic", lambda name: known)
    assert services.chosen_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16


@pytest.mark.parametrize("value", [None, 1, "true"])
def test_to_be_slow_is_allowed_or_not(value):
    with pytest.raises(ConfigError, match=f"option allow_slow is True or False, got {value!r}"):
        services.chosen_dtype("float32", torch.device("cpu"), allow_slow=value)


def test_another_dtype_is_refused_with_those_that_are_taken():
    with pytest.raises(ConfigError, match="option dtype is one of float32, bfloat16, float16, got 'float64'"):
        services.chosen_dtype("float64", torch.device("cpu"))


def test_errors_about_memory_are_returned_and_others_raised():
    def fail(error):
        raise error

    for error in (
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
    ):
        assert services.unless_out_of_memory(lambda error=error: fail(error)) is error
    with pytest.raises(RuntimeError, match="shape"):
        services.unless_out_of_memory(lambda: fail(RuntimeError("shape")))
    with pytest.raises(ValueError, match="out of memory"):
        services.unless_out_of_memory(lambda: fail(ValueError("out of memory")))
