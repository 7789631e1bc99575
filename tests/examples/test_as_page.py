"""The example that runs a script of cells and writes it as a page."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = '''"""A script."""

# %% [markdown]
# # A title
#
# Text with `code`.

# %%
import sys

print(sys.argv[1:], "  ")

# %%
doubled = len(sys.argv) * 2

# %%
print(doubled, file=sys.stderr)
print(f"{doubled}\\n")
'''

PAGE = """<!-- Made by examples/as_page.py from script.py: change that and run it again. -->

# A title

Text with `code`.

```python
import sys

print(sys.argv[1:], "  ")
```

```text
['--data', 'x']
```

```python
doubled = len(sys.argv) * 2
```

```python
print(doubled, file=sys.stderr)
print(f"{doubled}\\n")
```

```text
6
```
"""


def test_a_page_has_the_text_the_code_and_what_each_cell_printed(run_example):
    Path("script.py").write_text(SCRIPT, "utf-8")
    done = run_example("as_page.py", "script.py", "page.md", "--data", "x")
    assert (done.status, done.errors) == (0, "6\n")
    assert Path("page.md").read_text("utf-8") == PAGE


def test_a_script_that_fails_leaves_the_page_as_it_was(run_example):
    Path("script.py").write_text("# %%\n1 / 0\n", "utf-8")
    Path("page.md").write_text("as it was", "utf-8")
    with pytest.raises(ZeroDivisionError):
        run_example("as_page.py", "script.py", "page.md")
    assert Path("page.md").read_text("utf-8") == "as it was"


def test_the_page_of_the_flood_study_shows_the_script_as_it_is():
    page = (ROOT / "docs" / "understand" / "flood-study.md").read_text("utf-8")
    script = (ROOT / "examples" / "flood_study.py").read_text("utf-8")
    at = 0
    for cell in script.split("\n# %%")[1:]:
        kind, _, content = cell.partition("\n")
        lines = content.strip("\n").split("\n")
        text = "\n".join(line[2:] for line in lines) if "markdown" in kind else "```python\n" + "\n".join(lines) + "\n```"
        assert text in page[at:], "run examples/as_page.py again: the page lacks\n" + text
        at = page.index(text, at) + len(text)
