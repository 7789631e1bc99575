"""Run a script of cells, and write it as a page: its text, its code, and the output of each cell.

    python examples/as_page.py examples/flood_study.py docs/understand/flood-study.md --data FOLDER

Cells begin with a line ``# %%``, those of text with ``# %% [markdown]``, as editors and Jupytext know them. Arguments after the page go
to the script. Standard error, such as progress, is not part of the page.
"""

import contextlib
import io
import re
import sys
from pathlib import Path

CELL = re.compile(r"^# %%(?P<kind>.*)$", re.MULTILINE)


def cells(script: str) -> list[tuple[bool, int, str]]:
    """Return the cells of a script: whether each is text, its first line (from 1), and its content. Lines before them are left out."""
    starts = list(CELL.finditer(script))
    ends = [start.start() for start in starts[1:]] + [len(script)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        content = script[start.end() + 1 : end].strip("\n")
        if is_text := "[markdown]" in start["kind"]:
            content = "\n".join(line.removeprefix("#").removeprefix(" ") for line in content.split("\n"))
        found.append((is_text, script.count("\n", 0, start.end()) + 2, content))
    return found


def page(path: Path) -> str:
    """Run the cells of a script in order, and return the page."""
    parts = [f"<!-- Made by examples/as_page.py from {path.as_posix()}: change that and run it again. -->"]
    namespace: dict[str, object] = {"__name__": "__main__", "__file__": str(path)}
    for is_text, line, content in cells(path.read_text("utf-8")):
        if is_text:
            parts.append(content)
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + content, str(path), "exec"), namespace)  # The user's own script.
        parts.append(f"```python\n{content}\n```")
        if printed.getvalue().strip():
            lines = "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").split("\n"))
            parts.append(f"```text\n{lines}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: as_page.py SCRIPT PAGE [arguments of the script…]")
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    sys.argv = [str(source), *sys.argv[3:]]
    text = page(source)
    target.write_text(text, "utf-8")
