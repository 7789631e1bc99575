"""Memory and processor of the host, read from the files of Linux."""

import pytest

from promptseg.runtime.host import available_memory, has_arithmetic, processor_name, usable_processors

GIB = 1 << 30
NO_LIMIT = 9223372036854771712


def written(root, **files):
    """Write files below a folder: names have ``__`` for slashes and ``_dot_`` for dots."""
    for name, text in files.items():
        path = root.joinpath(*name.replace("_dot_", ".").split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))


@pytest.fixture
def linux(tmp_path):
    """The files of a host with 8 GiB available, without swap and without limits."""
    memory = {"MemTotal": 16, "MemFree": 1, "MemAvailable": 8, "SwapTotal": 4, "SwapFree": 0}
    written(tmp_path, proc__meminfo="".join(f"{name}:  {gib << 20} kB\n" for name, gib in memory.items()))
    return tmp_path


def test_memory_that_the_system_calls_available_is(linux):
    assert available_memory(linux) == 8 * GIB


def test_free_swap_counts(linux):
    text = (linux / "proc/meminfo").read_text()
    (linux / "proc/meminfo").write_text(text.replace("SwapFree:  0 kB", f"SwapFree:  {3 << 20} kB"))
    assert available_memory(linux) == 11 * GIB


@pytest.mark.parametrize("text", [None, "", "MemTotal: 5 kB\n", "MemAvailable: much kB\n", "nonsense"])
def test_a_system_without_the_number_has_none(text, tmp_path):
    if text is not None:
        written(tmp_path, proc__meminfo=text)
    assert available_memory(tmp_path) is None


def test_the_limit_of_a_control_group_counts_and_file_caches_count_as_free(linux):
    written(linux, proc__self__cgroup="0::/app\n")
    statistics = f"anon {GIB}\nactive_file {GIB}\ninactive_file {GIB // 2}\nfile {2 * GIB}\n"
    written(linux / "sys/fs/cgroup/app", memory_dot_max=4 * GIB, memory_dot_current=3 * GIB, memory_dot_stat=statistics)
    assert available_memory(linux) == 5 * GIB // 2


def test_the_limit_of_a_parent_group_counts_and_the_least_room_wins(linux):
    written(linux, proc__self__cgroup="0::/outer/app\n")
    written(linux / "sys/fs/cgroup/outer", memory_dot_max=2 * GIB, memory_dot_current=GIB, memory_dot_stat="anon 1\n")
    written(linux / "sys/fs/cgroup/outer/app", memory_dot_max="max", memory_dot_current=GIB, memory_dot_stat="anon 1\n")
    assert available_memory(linux) == GIB


def test_a_container_that_sees_its_own_group_as_the_root_has_its_limit(linux):
    written(linux, proc__self__cgroup="0::/\n")
    written(linux / "sys/fs/cgroup", memory_dot_max=3 * GIB, memory_dot_current=GIB, memory_dot_stat="")
    assert available_memory(linux) == 2 * GIB


def test_control_groups_of_version_1_count_too(linux):
    written(linux, proc__self__cgroup="5:cpu,cpuacct:/app\n4:memory:/app\n0::/\n")
    memory = linux / "sys/fs/cgroup/memory"
    written(memory, memory_dot_limit_in_bytes=NO_LIMIT, memory_dot_usage_in_bytes=0, memory_dot_stat="")
    written(memory / "app", memory_dot_limit_in_bytes=GIB, memory_dot_usage_in_bytes=GIB // 2, memory_dot_stat="total_active_file 1024\n")
    assert available_memory(linux) == GIB // 2 + 1024


def test_a_group_over_its_limit_leaves_nothing(linux):
    written(linux, proc__self__cgroup="0::/app\n")
    written(linux / "sys/fs/cgroup/app", memory_dot_max=GIB, memory_dot_current=2 * GIB, memory_dot_stat="")
    assert available_memory(linux) == 0


def test_this_host_has_a_number_or_none():
    found = available_memory()
    assert found is None or 1 << 20 < found < 1 << 50
    assert usable_processors() >= 1


@pytest.mark.parametrize(
    ("line", "has"),
    [
        ("flags\t\t: fpu sse2 avx2 fma", set()),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", {"int8"}),
        ("flags\t\t: fpu avx2 avx_vnni", {"int8"}),
        ("flags\t\t: avx512_vnni avx512_bf16", {"int8", "bfloat16"}),
        ("flags\t\t: avx512_vnni avx512_bf16 amx_bf16 avx512_fp16", {"int8", "bfloat16", "float16"}),
        ("Features\t: fp asimd asimdhp asimddp", {"int8", "float16"}),
        ("Features\t: fp asimd asimddp bf16", {"int8", "bfloat16"}),
    ],
)
def test_the_processor_says_which_numbers_it_multiplies(line, has, tmp_path):
    written(tmp_path, proc__cpuinfo=f"processor\t: 0\nmodel name\t: Any bf16 CPU\n{line}\nbugs\t\t: avx512_bf16\n")
    assert {dtype for dtype in ("bfloat16", "float16", "int8") if has_arithmetic(dtype, tmp_path)} == has


@pytest.mark.parametrize("text", [None, "", "processor : 0\n", "flags without a colon avx512_bf16"])
def test_of_a_processor_without_a_list_nothing_is_known(text, tmp_path):
    if text is not None:
        written(tmp_path, proc__cpuinfo=text)
    assert has_arithmetic("bfloat16", tmp_path) is None


def test_the_processor_has_the_name_that_linux_has_for_it(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A processor, 3 GHz\n")
    assert processor_name(tmp_path) == "A processor, 3 GHz"
    assert processor_name(tmp_path / "elsewhere")
