"""Reading of text, JSON and YAML files that may be damaged, hostile or large."""

import json
import math
from pathlib import Path

import pytest

from promptseg.errors import ConfigError, InputError
from promptseg.runtime import structured
from promptseg.runtime.structured import check_extent, read_json, read_text, read_yaml


@pytest.fixture
def write(tmp_path):
    """Writes text or bytes to a file and returns its path."""

    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        return path

    return write


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9))


class TestText:
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "mark"])
    def test_a_byte_order_mark_is_not_part_of_the_text(self, mark, write):
        assert read_text(write(mark + "né\n".encode())) == "né\n"

    def test_bytes_that_are_not_utf_8_are_refused_with_their_place(self, write):
        with pytest.raises(InputError, match=r"cannot read .*file: expected UTF-8 text, and byte 2 is 0xff$"):
            read_text(write(b"ab\xff"))

    def test_the_message_about_utf_16_says_what_to_do(self, write):
        with pytest.raises(InputError, match="It looks like UTF-16: save it as UTF-8"):
            read_text(write("text".encode("utf-16")))

    def test_a_file_of_the_limit_is_read_and_a_larger_one_is_refused_with_the_limit(self, write):
        assert read_text(write(b"1234"), limit=4) == "1234"
        with pytest.raises(InputError, match="is larger than 4 bytes"):
            read_text(write(b"12345"), limit=4)

    def test_a_large_file_is_refused_before_it_is_read(self, tmp_path):
        with (tmp_path / "sparse").open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(InputError, match="is larger than"):
            read_text(tmp_path / "sparse")

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero, the device without end")
    def test_a_file_that_tells_no_size_is_read_up_to_the_limit(self):
        with pytest.raises(InputError, match="is larger than 5000000 bytes"):
            read_text("/dev/zero", limit=5_000_000)

    @pytest.mark.parametrize("path", ["absent", "a\0b", "x" * 5000, "."], ids=["absent", "null", "long", "folder"])
    def test_a_path_that_cannot_be_opened_is_named_briefly(self, path, tmp_path):
        with pytest.raises(InputError, match="is a folder: give the file in it" if path == "." else "cannot read") as caught:
            read_text(tmp_path / path)
        assert len(str(caught.value)) < 500


class TestJson:
    def test_values_of_every_kind_are_read(self, write):
        values = read_json(write('\ufeff{"a": [1, 2.5, null, true, "é"], "b": NaN, "c": -Infinity, "d": 1, "d": 2}'))
        assert values["a"] == [1, 2.5, None, True, "é"]
        assert math.isnan(values["b"])
        assert values["c"] == -math.inf
        assert values["d"] == 2  # Of a repeated key, the last.

    def test_half_of_a_surrogate_pair_is_read(self, write):
        assert read_json(write('["\\ud800"]')) == ["\ud800"]

    @pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000], ids=["lists", "objects", "closed"])
    def test_deep_nesting_is_refused(self, text, write):
        with pytest.raises(InputError, match="file cannot be read: its lists and objects lie in each other too deep"):
            read_json(write(text))

    @pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", "1" * 5000, "{'a': 1}"], ids=lambda text: text[:9])
    def test_what_is_not_json_is_refused_with_the_reason(self, text, write):
        with pytest.raises(InputError, match=r"file is not valid JSON: .+get the file again"):
            read_json(write(text))

    @pytest.mark.parametrize(("text", "cut"), [('{"a": [1, 2', True), ('{"a": "bc', True), ('{"a": 1,, "b": 2}', False)])
    def test_a_file_whose_end_is_missing_is_told_from_one_with_a_mistake(self, text, cut, write):
        with pytest.raises(InputError, match=r"Its end is missing: get the file again" if cut else "correct it, or get the file again"):
            read_json(write(text))


class TestYaml:
    def test_plain_values_and_aliases_are_read(self, write):
        assert read_yaml(write("\ufeffa: &x [1, 2.5]\nb: *x\nc: {<<: {d: yes}, e: ~}\n")) == {
            "a": [1, 2.5],
            "b": [1, 2.5],
            "c": {"d": True, "e": None},
        }
        assert read_yaml(write("")) is None

    @pytest.mark.parametrize("text", [BOMB, MERGES], ids=["lists", "merges"])
    def test_aliases_that_stand_for_many_values_are_refused(self, text, write):
        with pytest.raises(InputError, match="file stands for more than 1000000 values when its aliases are written out"):
            read_yaml(write(text))

    @pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "[" * 150 + "]" * 150], ids=["list", "mapping", "deep"])
    def test_circles_and_deep_nesting_are_refused(self, text, write):
        with pytest.raises(InputError, match="in each other more than 100 deep, or in a circle"):
            read_yaml(write(text))

    def test_nesting_that_python_cannot_follow_is_refused(self, write):
        with pytest.raises(InputError, match="lie in each other too deep"):
            read_yaml(write("[" * 100_000))

    @pytest.mark.parametrize(
        "number", ["1" * 5000, ":".join(["1"] * 2000), ":".join(["1"] * 2000) + ".5"], ids=["digits", "base60", "float"]
    )
    def test_a_number_that_takes_long_to_read_is_refused(self, number, write):
        with pytest.raises(InputError, match=r"has a number of \d{4} characters"):
            read_yaml(write(f"a: {number}"))

    @pytest.mark.parametrize(
        "text",
        [
            "a: b: c",
            "[",
            "- a\nb",
            "a: *x",
            "!!python/object/apply:os.getcwd []",
            "!!int x",
            '!!int ""',
            "!!float []",
            "!!timestamp x",
            "2001-99-99",
            "!!bool x",
            "? [a]\n: b",
            "--- a\n--- b",
            "a: \0",
        ],
    )
    def test_what_is_not_yaml_is_refused_with_the_reason(self, text, write):
        with pytest.raises(InputError, match=r"file is not valid YAML: .+"):
            read_yaml(write(text))

    def test_a_large_file_is_refused(self, write):
        with pytest.raises(InputError, match="is larger than 2097152 bytes"):
            read_yaml(write(b"#" * ((2 << 20) + 1)))


class TestExtent:
    def test_ordinary_values_pass(self):
        check_extent({"a": [1, (2, {3})], "b": json}, "the values")

    def test_depth_is_measured_through_shared_values_too(self):
        inner = [1]
        for _ in range(60):
            inner = [inner]
        outer = inner
        for _ in range(60):
            outer = [outer]
        check_extent([inner, inner], "the values")
        with pytest.raises(InputError, match="the values has values that lie in each other more than 100 deep"):
            check_extent([inner, outer], "the values")

    def test_the_limit_itself_is_allowed(self, monkeypatch):
        monkeypatch.setattr(structured, "MAX_NODES", 4)
        check_extent([1, 2, 3], "the values")
        with pytest.raises(ConfigError, match="more than 4 values"):
            check_extent([1, 2, 3, 4], "the values", ConfigError)

    def test_a_circle_is_refused(self):
        circle = {}
        circle["a"] = [circle, circle]
        with pytest.raises(InputError, match="or in a circle"):
            check_extent(circle, "the values")
