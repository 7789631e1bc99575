"""Memory requirements and the out-of-memory message."""

import pytest

from promptseg.errors import OutOfMemoryError
from promptseg.runtime import memory
from promptseg.runtime.memory import MemoryRequirement

MIB = 1 << 20
NEED = MemoryRequirement(
    "large", 4000, lighter=(MemoryRequirement("middle", 2500), MemoryRequirement("small", 1500), MemoryRequirement("tiny", 300))
)


@pytest.fixture(autouse=True)
def _host(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 8000 * MIB)
    monkeypatch.setattr(memory, "has_arithmetic", lambda dtype: True)


def message(room, need=NEED, device="cpu", dtype="float32"):
    error = need.error("the model does not fit", device=device, dtype=dtype, room=None if room is None else room * MIB)
    assert isinstance(error, OutOfMemoryError)
    return str(error)


@pytest.mark.parametrize(("dtype", "mib"), [("float32", 4000), ("bfloat16", 2000), ("float16", 2000)])
def test_types_of_16_bits_need_half(dtype, mib):
    assert NEED.encoding(dtype) == mib * MIB
    assert NEED.loading(dtype, "cpu") == mib * MIB


@pytest.mark.parametrize(
    ("dtype", "device", "mib"), [("bfloat16", "cpu", 3000), ("bfloat16", "cuda", 2000), ("float32", "cpu", 4000), ("float32", "cuda", 4000)]
)
def test_on_the_cpu_the_whole_checkpoint_is_read_for_any_type(dtype, device, mib):
    need = MemoryRequirement("m", 4000, 3000 * MIB)
    assert need.loading(dtype, device) == mib * MIB
    assert need.encoding(dtype) == NEED.encoding(dtype)


def test_half_precision_is_not_suggested_if_the_checkpoint_would_not_fit():
    need = MemoryRequirement(
        "m", 4000, 3000 * MIB, (MemoryRequirement("heavy", 3500, 2600 * MIB), MemoryRequirement("light", 3500, 1000 * MIB))
    )
    assert message(2500, need) == (
        "out of memory on cpu: the model does not fit; m needs about 4,000 MiB in float32; there is room for 2,500 MiB; "
        "nothing smaller is known to fit"
    )
    assert message(2500, need, dtype="bfloat16").endswith(
        "m needs about 3,000 MiB in bfloat16; there is room for 2,500 MiB: try a smaller model (light)"
    )


def test_an_unknown_need_is_unknown_in_every_type():
    assert MemoryRequirement("m", checkpoint=5).encoding("bfloat16") is None
    assert MemoryRequirement("m", checkpoint=5).loading("bfloat16", "cpu") is None


def test_the_message_has_the_need_the_room_and_what_would_fit():
    assert message(2600) == (
        "out of memory on cpu: the model does not fit; large needs about 4,000 MiB in float32; there is room for 2,600 MiB: "
        "try dtype='bfloat16' or a smaller model (middle, small, tiny)"
    )


@pytest.mark.parametrize(
    ("room", "dtype", "fitting"),
    [
        (1999, "float32", "(small, tiny)"),
        (1500, "float32", "(small, tiny)"),
        (1499, "float32", "(tiny)"),
        (1499, "bfloat16", "(middle, small, tiny)"),
        (None, "float32", "(middle, small, tiny)"),
    ],
)
def test_only_models_that_fit_are_named_the_largest_first(room, dtype, fitting):
    assert message(room, dtype=dtype).endswith(f"a smaller model {fitting}")


@pytest.mark.parametrize(("room", "dtype", "advised"), [(2000, "float32", True), (1999, "float32", False), (2000, "float16", False)])
def test_half_precision_is_suggested_if_it_would_fit(room, dtype, advised):
    assert ("dtype='bfloat16'" in message(room, dtype=dtype)) == advised


@pytest.mark.parametrize(("device", "available", "advised"), [("cuda", 4000, True), ("cuda", 3999, False), ("cpu", 4000, False)])
def test_the_cpu_is_suggested_if_the_model_would_fit_there(device, available, advised, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: available * MIB)
    assert ("device='cpu'" in message(100, device=device)) == advised


def test_if_nothing_fits_the_message_says_so():
    assert message(100).endswith("there is room for 100 MiB; nothing smaller is known to fit")


def test_three_models_are_named_and_the_others_counted():
    need = MemoryRequirement("m", 4000, lighter=tuple(MemoryRequirement(f"m{i}", 100) for i in range(9)))
    assert message(1000, need).endswith("(m0, m1, m2 and 6 more)")


def test_an_unknown_need_is_not_in_the_message():
    assert message(None, MemoryRequirement("m")) == "out of memory on cpu: the model does not fit: try dtype='bfloat16'"


@pytest.mark.parametrize(
    ("arithmetic", "device", "advice"),
    [
        (True, "cpu", "dtype='bfloat16'"),
        (None, "cpu", "dtype='bfloat16'"),
        (False, "cpu", "dtype='bfloat16', allow_slow=True"),
        (False, "cuda", "dtype='bfloat16'"),
    ],
)
def test_a_type_that_the_processor_emulates_is_advised_with_the_permission_for_it(arithmetic, device, advice, monkeypatch):
    monkeypatch.setattr(memory, "has_arithmetic", lambda dtype: arithmetic)
    assert memory.half_memory(device) == advice
    assert f": try {advice} or" in message(2500, device=device)
