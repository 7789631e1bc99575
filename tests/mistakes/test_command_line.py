"""Typical mistakes at the command line are told in a few words, with what to do."""

import os
import subprocess
import sys

import pytest

from in_process import invoke

from .checks import check_message, report
from .command_line import MISTAKES

NEEDS = {"track": "av", "finetune": "torch", "export": "torch"}
"""Packages without which a command says that first."""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.what)
@pytest.mark.usefixtures("folder")
def test_a_mistake_is_told_with_what_to_do(mistake):
    words = mistake.words.split() if isinstance(mistake.words, str) else mistake.words
    if words and words[0] in NEEDS:
        pytest.importorskip(NEEDS[words[0]], reason=f"promptseg {words[0]} needs {NEEDS[words[0]]}")
    done = invoke(words)
    report(mistake.what, f"$ promptseg {' '.join(map(repr, words))}", done.stderr)
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert (done.exit_code, done.stdout) == (mistake.status, "")
    check_message(done.stderr, mistake.value, mistake.hint)


@pytest.mark.parametrize(
    ("words", "status", "hint"),
    [
        ("segment photo.jpg --point 3", 2, "such as --point 290,160"),
        ("segment a.png --point 3,4 --model mini-smo", 2, "Did you mean 'mini-sam'"),
        ("convert --images images --from coco=none.json --format coco --out out", 1, "check the path"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_shell_sees_the_same(words, status, hint):
    done = subprocess.run(
        [sys.executable, "-m", "promptseg", *words.split()],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert (done.returncode, done.stdout) == (status, "")
    check_message(done.stderr, "promptseg: ", hint)


def test_the_list_is_long_and_has_no_mistake_twice():
    assert len(MISTAKES) >= 100
    assert len({mistake.what for mistake in MISTAKES}) == len(MISTAKES)
