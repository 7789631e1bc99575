"""Typical mistakes in Python are errors of promptseg that say what to do."""

import inspect

import pytest

from promptseg.errors import PromptSegError

from .checks import check_message, report
from .python import CALLS


@pytest.mark.parametrize("mistake", CALLS, ids=lambda each: each.what)
@pytest.mark.usefixtures("folder")
def test_a_mistake_is_told_with_what_to_do(mistake):
    if "torch" in mistake.what:
        pytest.importorskip("torch", reason="a tensor needs torch")
    with pytest.raises(PromptSegError) as caught:
        mistake.call()
    report(mistake.what, " ".join(inspect.getsource(mistake.call).split()), str(caught.value))
    assert type(caught.value) is mistake.error
    check_message(str(caught.value), mistake.value, mistake.hint)
