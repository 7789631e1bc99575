"""Names of devices, and the number of GPUs that the driver tells."""

import ctypes

import pytest

from promptseg.errors import ConfigError
from promptseg.runtime import devices


@pytest.fixture
def driver(monkeypatch):
    """A function that says what the driver tells: a count, the code of an error, or nothing without a driver."""

    class Driver:
        def __init__(self, count, error):
            self.count, self.error = count, error

        def cuInit(self, flags):  # noqa: N802 - The driver's own names.
            return self.error

        def cuDeviceGetCount(self, count):  # noqa: N802
            count._obj.value = self.count
            return 0

    def say(count=0, error=0, library="libcuda.so.1"):
        def load(name):
            if name != library:
                raise OSError(name)
            return Driver(count, error)

        monkeypatch.setattr(ctypes, "CDLL", load)

    devices.gpu_count.cache_clear()
    yield say
    devices.gpu_count.cache_clear()


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "mps", "cuda:0", "cuda:12"])
def test_a_device_has_a_kind_and_may_have_a_number(name):
    devices.check_device(name)
    kind, _, number = name.partition(":")
    assert (devices.kind_of(name), devices.index_of(name)) == (kind, int(number) if number else None)


@pytest.mark.parametrize(
    "name", ["gpu", "cuda:", "cuda:-1", "cuda:01", "cuda:1000", "cuda: 1", "cuda:1\n", "cpu:0", "mps:0", "auto:0", "CUDA"]
)
def test_another_name_is_refused_with_those_that_there_are(name):
    with pytest.raises(ConfigError, match="expected auto, cpu, cuda or mps; cuda is an NVIDIA GPU, cuda:1 the second"):
        devices.check_device(name)


def test_a_number_alone_is_no_name():
    with pytest.raises(ConfigError, match="device is 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got 1"):
        devices.check_device(1)


@pytest.mark.parametrize(("count", "present"), [(0, "none"), (1, "1, cuda:0"), (2, "2, cuda:0 to cuda:1")])
def test_a_gpu_that_is_not_there_is_refused_with_how_many_there_are(count, present):
    with pytest.raises(ConfigError, match=rf"there is no GPU 2 for device 'cuda:2': this process sees {present}$"):
        devices.check_index("cuda:2", count)
    devices.check_index("cuda", count)
    if count:
        devices.check_index(f"cuda:{count - 1}", count)


@pytest.mark.parametrize("library", ["libcuda.so.1", "nvcuda.dll"])
def test_the_driver_counts_the_gpus(library, driver):
    driver(3, library=library)
    assert devices.gpu_count() == 3


@pytest.mark.parametrize("settings", [{"count": 3, "error": 100}, {"count": 3, "library": None}], ids=["no device", "no driver"])
def test_without_a_driver_there_are_none(settings, driver):
    driver(**settings)
    assert devices.gpu_count() == 0
