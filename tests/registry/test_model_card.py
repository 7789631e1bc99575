"""Licenses of models by their cards."""

import pytest

from promptseg.registry.model_card import license_of


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("license: apache-2.0", "Apache-2.0"),
        ("license: MIT", "MIT"),
        ("license: Apache 2.0", "Apache-2.0"),
        ("license: 'Apache License, Version 2.0'", "Apache-2.0"),
        ("license: The MIT License", "MIT"),
        ("license: License", "LicenseRef-License"),
        ("license: bsd-3-clause\ntags:\n- a", "BSD-3-Clause"),
        ("license: cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("license: other\nlicense_name: sam-license\nlicense_link: LICENSE", "LicenseRef-sam-license"),
        ("license: other\nlicense_name: My License, v1", "LicenseRef-My-License-v1"),
        ("license: other\nlicense_name: apache-2.0", "Apache-2.0"),
        ("license: other", "LicenseRef-other"),
        ("license: openrail", "LicenseRef-openrail"),
        ("license: [mit, apache-2.0]", "MIT AND Apache-2.0"),
        ("license: unknown", "unknown"),
        ("license:", "unknown"),
        ("license: []", "unknown"),
        ("license: {a: b}", "unknown"),
        ("license: 3", "unknown"),
        ("license: '???'", "unknown"),
        ("tags: [a]", "unknown"),
        ("- license: mit", "unknown"),
        ("license: [", "unknown"),
        ("license: mit\nx: !!python/object/apply:os.getcwd []", "unknown"),
        ("a: &a [x, x]\nb: &b [*a, *a]\n" + "\n".join(f"c{n}: &c{n} [{', '.join(['*b'] * 40)}]" for n in range(40)), "unknown"),
    ],
)
def test_the_license_of_the_front_matter_is_its_spdx_identifier(tmp_path, front, expected):
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# A model\nlicense: agpl-3.0\n", "utf-8")
    assert license_of(tmp_path / "README.md") == expected


@pytest.mark.parametrize("text", ["", "# A model\nlicense: mit", "---\nlicense: mit\n", "---\nlicense: mit\n" + 50_000 * "a: b\n" + "---"])
def test_a_card_without_front_matter_names_none(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    assert license_of(tmp_path / "README.md") == "unknown"
    assert license_of(tmp_path / "absent.md") == "unknown"


def test_line_ends_of_windows_and_a_byte_order_mark_are_read(tmp_path):
    (tmp_path / "README.md").write_bytes(b"\xef\xbb\xbf---\r\nlicense: mit\r\n---\r\n")
    assert license_of(tmp_path / "README.md") == "MIT"
